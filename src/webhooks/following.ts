/**
 * Follows the channel `system` without missing or repeating an event: subscribed as a hub is, told at once, and whatever a push
 * leaves open is fetched. Where it stands is the owner's to keep. Its dependencies are arguments.
 */
import { Turns } from "../actor/turns.ts";
import type { EventsPage } from "../realtime/channel-api.ts";
import type { Event } from "../realtime/contract.ts";

const PAGE = 200;

interface Dependencies {
  /** From now on what comes is pushed to {@link Following.push}. Throws if that cannot be had now. */
  readonly subscribe: () => Promise<unknown>;
  /** What comes after `after`. Throws if that cannot be read now. */
  readonly read: (after: number, limit: number) => Promise<EventsPage>;
  /** seq of the event after which to begin; undefined if that cannot be told yet. */
  readonly beginning: () => Promise<number | undefined>;
  /** Whether there is anything to follow for. */
  readonly wanted: () => boolean;
  /** seq of the last event taken; null before it has begun. */
  readonly reached: () => number | null;
  /** Takes events in order, each once, and moves to `reached` with them. */
  readonly take: (events: readonly Event[], reached: number) => void;
  /** Hears of what the others threw. */
  readonly failed: (thrown: unknown) => void;
}

export class Following {
  readonly #deps: Dependencies;
  readonly #turns = new Turns();

  constructor(deps: Dependencies) {
    this.#deps = deps;
  }

  /** Subscribes (again), then takes all that came before; false if that has to be tried again. */
  follow(): Promise<boolean> {
    return this.#attempt(async () => {
      // First: what comes during the reading is pushed.
      await this.#deps.subscribe();
      if (this.#deps.reached() === null) {
        const beginning = await this.#deps.beginning();
        if (beginning === undefined) return false;
        if (this.#deps.reached() === null && this.#deps.wanted()) this.#deps.take([], beginning);
      }
      return this.#catchUp();
    });
  }

  /** Takes what is pushed, and fetches what is missing before it. */
  async push(events: readonly Event[]): Promise<boolean> {
    const reached = this.#deps.reached();
    if (reached === null || !this.#deps.wanted()) return true;
    const fresh = events.filter(({ seq }) => seq > reached);
    const [first] = fresh;
    if (first === undefined) return true;
    if (first.prev > reached) return this.#attempt(() => this.#catchUp());
    this.#take(fresh);
    return true;
  }

  async #catchUp(): Promise<boolean> {
    while (this.#deps.wanted()) {
      const after = this.#deps.reached();
      if (after === null) return false;
      const { events, head, reset } = await this.#deps.read(after, PAGE);
      const reached = this.#deps.reached();
      // Somebody began anew meanwhile, or was pushed to.
      if (reached !== after) continue;
      // The trail was restored and is shorter than it was.
      if (reset) this.#deps.take([], head);
      if (events.length === 0) return true;
      this.#take(events);
    }
    return true;
  }

  #take(events: readonly Event[]): void {
    const last = events.at(-1);
    if (last !== undefined) this.#deps.take(events, last.seq);
  }

  #attempt(run: () => Promise<boolean>): Promise<boolean> {
    return this.#turns.take(async () => {
      try {
        return await run();
      } catch (thrown) {
        this.#deps.failed(thrown);
        return false;
      }
    });
  }
}
