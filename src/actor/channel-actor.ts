/** An actor that publishes a channel: what its journal tells, as events (05-realtime-and-audit, "Channels"). */
import type { Env } from "../env.ts";
import type { ChannelApi, EventBody, EventsPage, EventsQuery, HubApi } from "../realtime/channel-api.ts";
import type { Event } from "../realtime/contract.ts";
import { Actor } from "./actor.ts";
import { Audience } from "./audience.ts";
import { housekeeper, type MadeEvent } from "./commit.ts";
import type { Entry } from "./journal.ts";
import { type ActorKey, actorOf } from "./remote.ts";
import { fail, ok, type Result } from "./result.ts";

export abstract class ChannelActor extends Actor implements ChannelApi {
  readonly #audience: Audience;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#audience = new Audience({
      store: this.store,
      exists: () => this.exists,
      commit: (work) => this.commit(housekeeper(this.place.workspace), work),
      send: (hub, channel, events) => actorOf<HubApi>(this.env, this.place.workspace, hub).push(hub, channel, events),
    });
    // Not before the constructors of the actual actor are done.
    if (this.exists) ctx.waitUntil(Promise.resolve().then(() => this.#repeatLast()));
  }

  // --- what a publisher says of itself

  protected abstract override eventOf(entry: Entry): EventBody | null;

  /** The channel's name; by default the actor's own key. */
  protected get channel(): string {
    return this.key;
  }

  /** Whether there is such a thing to watch. By default what does not exist yet may be waited for. */
  protected watchable(): Result<null> {
    return ok(null);
  }

  /** Whether some hub has subscribers of this channel. */
  protected isWatched(now: number): boolean {
    return this.#audience.isWatched(this.channel, now);
  }

  /** Whether anybody hears of this channel's events as they happen. */
  protected isHeard(now: number): boolean {
    return this.#audience.isHeard(this.channel, now);
  }

  // --- RPC

  async subscribe(
    key: ActorKey,
    channel: string,
    hub: ActorKey,
    life: number,
  ): Promise<Result<{ readonly head: number }>> {
    const may = this.#named(key, channel);
    if (!may.ok) return may;
    this.takeIn();
    this.#audience.subscribe(channel, hub, life, Date.now());
    return ok({ head: this.lastEvent });
  }

  async unsubscribe(key: ActorKey, channel: string, hub: ActorKey, life: number): Promise<void> {
    if (this.exists && this.#named(key, channel).ok) this.#audience.unsubscribe(channel, hub, life);
  }

  async events(key: ActorKey, query: EventsQuery): Promise<Result<EventsPage>> {
    const may = this.#named(key, query.channel);
    if (!may.ok) return may;
    const { wait_ms = 0 } = query;
    this.takeIn();
    const page = this.#page(query);
    if (page.events.length > 0 || page.reset || wait_ms <= 0) return ok(page);
    await this.#audience.waitFor(query.channel, wait_ms);
    return ok(this.#page(query));
  }

  // --- kit

  protected override publish(made: readonly MadeEvent[]): void {
    const now = Date.now();
    if (this.isWatched(now)) {
      const events = () => made.map(({ entry, prev, event, payload }) => this.#event(entry, prev, { event, payload }));
      this.ctx.waitUntil(this.#audience.push(this.channel, events, now));
    }
    this.#audience.wake(this.channel);
  }

  // --- internals

  #named(key: ActorKey, channel: string): Result<null> {
    if (!this.identify(key) || channel !== this.channel) return fail("NOT_FOUND", `there is no channel ${channel}`);
    return this.watchable();
  }

  #page({ after, limit, most }: EventsQuery): EventsPage {
    const head = this.lastEvent;
    const from = after ?? 0;
    if (from >= head) return { events: [], head, reset: from > head };
    // An entry is one event at most: few entries need no count.
    const isBeyond = most !== undefined && head - from > most && this.store.hasMoreEvents(from, most);
    const rows = this.store.events(from, limit);
    const [first] = rows;
    // The oldest one that is kept says whether there was one before it that is not. Who named no place missed none.
    const missed = after !== undefined && (first === undefined || first.prev > after);
    if (missed || isBeyond) return { events: [], head, reset: true };
    return { events: rows.map(({ entry, prev }) => this.#event(entry, prev, this.#told(entry))), head, reset: false };
  }

  #told(entry: Entry): EventBody {
    const told = this.eventOf(entry);
    if (told === null) throw new Error(`${entry.actor} ${entry.seq} was an event and is none any more`);
    return told;
  }

  #event({ at, seq }: Entry, prev: number, { event, payload }: EventBody): Event {
    return { event, timestamp: at, channel: this.channel, seq, prev, payload };
  }

  /**
   * The actor may have died between a commit and its push. Whoever has its newest event drops it, whoever missed something
   * sees so by its `prev`.
   */
  async #repeatLast(): Promise<void> {
    const head = this.lastEvent;
    if (head > 0) await this.#audience.push(this.channel, () => this.#page(this.#from(head - 1)).events, Date.now());
  }

  #from(after: number): EventsQuery {
    return { channel: this.channel, after, limit: 1 };
  }
}
