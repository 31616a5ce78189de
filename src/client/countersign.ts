/** The client: every route of the API by name, and what agents and people build out of them. */
import type { LockKey } from "./acquire-lock.ts";
import type { Verdict } from "./approval-verdict.ts";
import { waitForApproval } from "./approval-wait.ts";
import type { ChannelItem } from "./channel-order.ts";
import { type EventOptions, events } from "./events.ts";
import { methodsOf, type RequestOf, sentTo } from "./methods.ts";
import { OPERATIONS } from "./operations.ts";
import { type RequiredApproval, requireApproval, type ToolCall } from "./require-approval.ts";
import type { AnswerOf, Named, Route } from "./routes.ts";
import { type Sent, Transport, type TransportSettings } from "./transport.ts";
import { type HeldLock, type LockOptions, withLock } from "./with-lock.ts";
import { type HeldLocks, type LocksOptions, type WantedLock, withLocks } from "./with-locks.ts";
import { type RunningWorker, startWorker, type WorkerOptions } from "./worker.ts";

export interface Settings extends TransportSettings {
  /** Used in place of the global `WebSocket`; null: there is none, events come by long poll. */
  readonly WebSocket?: typeof WebSocket | null;
  /** Hears of what went wrong beside the work and changed nothing for it: a lock that was not released. Default: `console.warn`. */
  readonly report?: (error: unknown, doing: string) => void;
}

/**
 * @example
 * ```ts
 * const client = new Countersign({ url: "https://countersign.example", token });
 * const task = await client.tasks.get(id);
 * ```
 */
export class Countersign {
  readonly #transport: Transport;
  readonly settings: Settings;

  constructor(settings: Settings) {
    this.settings = settings;
    this.#transport = new Transport(settings);
  }

  readonly tasks = this.#methods(OPERATIONS.tasks);
  readonly approvals = this.#methods(OPERATIONS.approvals);
  readonly delegations = this.#methods(OPERATIONS.delegations);
  readonly policies = this.#methods(OPERATIONS.policies);
  readonly locks = this.#methods(OPERATIONS.locks);
  readonly agents = this.#methods(OPERATIONS.agents);
  readonly users = this.#methods(OPERATIONS.users);
  readonly resources = this.#methods(OPERATIONS.resources);
  readonly channels = this.#methods(OPERATIONS.channels);
  readonly audit = this.#methods(OPERATIONS.audit);
  readonly retention = this.#methods(OPERATIONS.retention);
  readonly system = this.#methods(OPERATIONS.system);

  /** With the base path: `https://…/api/v1`. */
  get base(): string {
    return this.#transport.base;
  }

  /**
   * Any route by its name in the contract, typed like the named methods.
   * @throws CountersignError; the signal's reason once that is aborted
   */
  request<R extends Route>(
    route: R,
    ...[request]: Record<never, never> extends RequestOf<R> ? [request?: RequestOf<R>] : [request: RequestOf<R>]
  ): Promise<AnswerOf<R>> {
    // The contract says what the route answers.
    return this.#transport.send(sentTo(route, request ?? {})) as Promise<AnswerOf<R>>;
  }

  /** A route that this client does not know yet: as `request`, without its types. */
  send(sent: Sent): Promise<unknown> {
    return this.#transport.send(sent);
  }

  /** Runs `use` while holding a lock: {@link withLock}. */
  withLock<T>(key: LockKey, options: LockOptions, use: (lock: HeldLock) => Promise<T>): Promise<T> {
    return withLock(this, key, options, use);
  }

  /** Runs `use` while holding several locks, all or none: {@link withLocks}. */
  withLocks<T>(keys: readonly WantedLock[], options: LocksOptions, use: (locks: HeldLocks) => Promise<T>): Promise<T> {
    return withLocks(this, keys, options, use);
  }

  /** Claims tasks and works on them until it is stopped: {@link startWorker}. */
  worker(options: WorkerOptions): RunningWorker {
    return startWorker(this, options);
  }

  /** Every event of these channels, in order, each once: {@link events}. */
  events(channels: readonly string[], options: EventOptions = {}): AsyncGenerator<ChannelItem> {
    return events(this, channels, options);
  }

  /** How the review of a task ends: {@link waitForApproval}. */
  waitForApproval(taskId: string, options: { readonly signal?: AbortSignal } = {}): Promise<Verdict> {
    return waitForApproval(this, taskId, options);
  }

  /** Consent to one call of a tool, good once: {@link requireApproval}. */
  requireApproval(call: ToolCall): Promise<RequiredApproval> {
    return requireApproval(this, call);
  }

  /** Tells whoever listens of what went wrong beside the work. */
  report(error: unknown, doing: string): void {
    if (this.settings.report !== undefined) this.settings.report(error, doing);
    else console.warn(`countersign: ${doing}:`, error);
  }

  #methods<const Table extends Readonly<Record<string, Named>>>(table: Table) {
    return methodsOf((sent) => this.#transport.send(sent), table);
  }
}
