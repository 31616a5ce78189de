/** The ledger's channels, `locks` and `system`: told of what it brought to D1, in D1's order (01, "Journal → ledger → D1 → feeds"). */
import { Actor } from "../actor/actor.ts";
import { Audience } from "../actor/audience.ts";
import { type Commit, housekeeper } from "../actor/commit.ts";
import type { ChainedEntry } from "../actor/journal.ts";
import { type ActorKey, actorOf } from "../actor/remote.ts";
import { fail, ok, type Result } from "../actor/result.ts";
import { Turns } from "../actor/turns.ts";
import type { Env } from "../env.ts";
import { causeOf, log } from "../log.ts";
import type { ChannelApi, EventsPage, EventsQuery, HubApi } from "../realtime/channel-api.ts";
import { headOfFeed, readFeed } from "./feed.ts";
import { FEEDS, type Feed, isFeed, tells } from "./feed-events.ts";

/** Events read and pushed at a time. */
const PAGE = 200;
const DOCUMENT = "feeds";

/** By feed: the id up to which hubs were pushed to. */
type Pushed = Partial<Record<Feed, number>>;

export abstract class FeedingActor extends Actor implements ChannelApi {
  readonly #audience: Audience;
  readonly #turns: Readonly<Record<Feed, Turns>> = { locks: new Turns(), system: new Turns() };
  #pushed: Pushed | undefined;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#audience = new Audience({
      store: this.store,
      exists: () => this.exists,
      commit: (work) => this.commit(housekeeper(this.place.workspace), work),
      send: (hub, channel, events) => actorOf<HubApi>(this.env, this.place.workspace, hub).push(hub, channel, events),
    });
    // The life before may have ended between a flush and its events.
    if (this.exists) ctx.waitUntil(Promise.resolve().then(() => this.#publishAll(FEEDS)));
  }

  // --- RPC

  async subscribe(
    _key: ActorKey,
    channel: string,
    hub: ActorKey,
    life: number,
  ): Promise<Result<{ readonly head: number }>> {
    if (!isFeed(channel)) return fail("NOT_FOUND", `there is no channel ${channel}`);
    let head: number | undefined;
    await this.#turns[channel].take(async () => {
      head = await this.#subscribed(channel, hub, life);
      return head !== undefined;
    });
    if (head === undefined) return unreadable();
    // What was flushed since the head was read found nobody to be told.
    this.ctx.waitUntil(this.#publishAll([channel]));
    return ok({ head });
  }

  async unsubscribe(_key: ActorKey, channel: string, hub: ActorKey, life: number): Promise<void> {
    if (this.exists) this.#audience.unsubscribe(channel, hub, life);
  }

  async events(_key: ActorKey, query: EventsQuery): Promise<Result<EventsPage>> {
    const { channel, wait_ms = 0 } = query;
    if (!isFeed(channel)) return fail("NOT_FOUND", `there is no channel ${channel}`);
    const read = () => readFeed(this.env.DB, this.place.workspace, channel, query);
    try {
      // Before the read: a flush during it must not be missed.
      const woken = wait_ms > 0 ? this.#audience.waitFor(channel, wait_ms) : undefined;
      const page = await read();
      if (woken === undefined || page.events.length > 0 || page.reset) return ok(page);
      await woken;
      return ok(await read());
    } catch (thrown) {
      log("error", "feed.unreadable", { feed: channel, cause: causeOf(thrown) });
      return unreadable();
    }
  }

  // --- for the ledger

  /** Call in the commit after a flush: from where the next life has to tell what this one may not have. */
  protected keepPushed(tx: Commit): void {
    if (FEEDS.some((feed) => this.#audience.isWatched(feed, tx.now))) tx.store.write(DOCUMENT, this.#reached());
  }

  /** Call once these entries stand in D1. */
  protected publishFlushed(entries: readonly ChainedEntry[]): void {
    const touched = FEEDS.filter((feed) => entries.some(({ entry }) => tells(feed, entry.action)));
    for (const feed of touched) this.#audience.wake(feed);
    this.ctx.waitUntil(this.#publishAll(touched));
  }

  /** The id up to which hubs and webhooks were told of D1's rows; 0 if nobody was. */
  protected get told(): number {
    return Math.max(0, ...Object.values(this.#reached()));
  }

  // --- internals

  /** The feed's head, from which this hub is pushed to; undefined if D1 does not answer. */
  async #subscribed(feed: Feed, hub: ActorKey, life: number): Promise<number | undefined> {
    try {
      const head = await headOfFeed(this.env.DB, this.place.workspace, feed);
      const now = Date.now();
      // Whoever follows already has events to come from before this head.
      if (!this.#audience.isWatched(feed, now)) this.#pushed = { ...this.#reached(), [feed]: head };
      this.#audience.subscribe(feed, hub, life, now);
      return head;
    } catch (thrown) {
      log("error", "feed.unreadable", { feed, cause: causeOf(thrown) });
      return undefined;
    }
  }

  async #publishAll(feeds: readonly Feed[]): Promise<void> {
    const watched = feeds.filter((feed) => this.#audience.isWatched(feed, Date.now()));
    await Promise.all(watched.map((feed) => this.#turns[feed].take(() => this.#publish(feed))));
  }

  /** Pushes what D1 has above what was pushed. False, and left to the next flush, if D1 does not answer. */
  async #publish(feed: Feed): Promise<boolean> {
    try {
      for (;;) {
        const after = this.#reached()[feed] ?? 0;
        const { events } = await readFeed(this.env.DB, this.place.workspace, feed, { after, limit: PAGE });
        const last = events.at(-1);
        if (last === undefined) return true;
        this.ctx.waitUntil(this.#audience.push(feed, () => events, Date.now()));
        this.#pushed = { ...this.#reached(), [feed]: last.seq };
      }
    } catch (thrown) {
      log("warn", "feed.not_published", { feed, cause: causeOf(thrown) });
      return false;
    }
  }

  #reached(): Pushed {
    this.#pushed ??= (this.exists ? this.store.read<Pushed>(DOCUMENT) : undefined) ?? {};
    return this.#pushed;
  }
}

function unreadable(): Result<never> {
  return fail("UNAVAILABLE", "the database does not answer, try again", { retry_after_seconds: 2 });
}
