/** The client: every route of the API, and what agents and people build out of them. */
import type { LockKey } from "./acquire-lock.ts";
import { ApiClient } from "./api-client.ts";
import type { Verdict } from "./approval-verdict.ts";
import { waitForApproval } from "./approval-wait.ts";
import type { ChannelItem } from "./channel-order.ts";
import { type EventOptions, events } from "./events.ts";
import { type RequiredApproval, requireApproval, type ToolCall } from "./require-approval.ts";
import { type HeldLock, type LockOptions, withLock } from "./with-lock.ts";
import { type HeldLocks, type LocksOptions, type WantedLock, withLocks } from "./with-locks.ts";
import { type RunningWorker, startWorker, type WorkerOptions } from "./worker.ts";

/**
 * @example
 * ```ts
 * const client = new Countersign({ url: "https://countersign.example", token });
 * const task = await client.tasks.get(id);
 * ```
 */
export class Countersign extends ApiClient {
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
}
