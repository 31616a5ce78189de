/** Every route of the API by name: what all that agents and people use is made of. */
import { methodsOf, type RequestOf, sentTo } from "./methods.ts";
import { OPERATIONS } from "./operations.ts";
import type { AnswerOf, Named, Route } from "./routes.ts";
import { type Sent, Transport, type TransportSettings } from "./transport.ts";

export interface Settings extends TransportSettings {
  /** Used in place of the global `WebSocket`; null: there is none, events come by long poll. */
  readonly WebSocket?: typeof WebSocket | null;
  /** Hears of what went wrong beside the work and changed nothing for it: a lock that was not released. Default: `console.warn`. */
  readonly report?: (error: unknown, doing: string) => void;
}

export class ApiClient {
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
  readonly webhooks = this.#methods(OPERATIONS.webhooks);
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

  /** Tells whoever listens of what went wrong beside the work. */
  report(error: unknown, doing: string): void {
    if (this.settings.report !== undefined) this.settings.report(error, doing);
    else console.warn(`countersign: ${doing}:`, error);
  }

  #methods<const Table extends Readonly<Record<string, Named>>>(table: Table) {
    return methodsOf((sent) => this.#transport.send(sent), table);
  }
}
