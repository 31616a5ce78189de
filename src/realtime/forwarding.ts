/**
 * From publishers to sockets (05-realtime-and-audit, "How"; docs/design/realtime.md): one subscription and one cursor per
 * channel, however many listen. What is sent was written down in the same turn, so neither hibernation nor eviction loses or
 * doubles anything. Rules are in feed.ts; this calls publishers, keeps its place on disk and sends.
 */
import { type Failure, ok, type Result } from "../actor/result.ts";
import { causeOf, log } from "../log.ts";
import type { EventsPage } from "./channel-api.ts";
import type { ChannelStore } from "./channel-store.ts";
import type { Event } from "./contract.ts";
import { type Feed, joined, left, opened, paged, pushed, renewed, type Step, toAsk } from "./feed.ts";
import { Lanes } from "./lanes.ts";
import { errorMessage, eventMessage, resetMessage } from "./messages.ts";

/** Events asked for at once. */
const PAGE = 200;
/** Publishers that are called side by side in a renewal. */
const RENEWED_TOGETHER = 50;

/** The publishers, as a hub calls them: each by its channel's name. */
export interface Publishers {
  subscribe(channel: string): Promise<Result<{ readonly head: number }>>;
  unsubscribe(channel: string): Promise<void>;
  /** `begins`: no page before `after` was read just now. Then, and only then, it may be a reset that there is too much to come. */
  events(channel: string, after: number, limit: number, begins: boolean): Promise<Result<EventsPage>>;
}

interface Ports {
  readonly store: Pick<
    ChannelStore,
    "load" | "names" | "lagging" | "save" | "addMember" | "removeMember" | "remove" | "of"
  >;
  /** Commits `write`; `unfinished`: {@link Forwarding.catchUp} has to be called again even after a crash. */
  readonly persist: (write: () => void, unfinished: boolean) => void;
  readonly publishers: Publishers;
  readonly send: (socket: number, text: string) => void;
  /** Keeps the object awake until `work` is done. */
  readonly later: (work: Promise<unknown>) => void;
}

interface Followed {
  feed: Feed;
  readonly members: Set<number>;
  /** Subscribers to be: it is not given up under their feet. */
  awaited: number;
}

export class Forwarding {
  readonly #ports: Ports;
  readonly #followed = new Map<string, Followed>();
  /** Calls that change what a publisher knows of us, in order per channel. */
  readonly #upstream = new Lanes<string>();
  /** By channel that is being subscribed to: the highest seq that was pushed before the answer came. */
  readonly #early = new Map<string, number>();
  readonly #catchingUp = new Set<string>();

  constructor(ports: Ports) {
    this.#ports = ports;
  }

  /** Follows a channel for a subscriber to come: {@link join} or {@link release} has to follow. Throws if its actor does not answer. */
  open(name: string): Promise<Result<null>> {
    return this.#upstream.run(name, async () => {
      const known = this.#follow(name);
      if (known !== undefined) {
        known.awaited += 1;
        return ok(null);
      }
      this.#early.set(name, 0);
      try {
        const subscribed = await this.#ports.publishers.subscribe(name);
        if (!subscribed.ok) return subscribed;
        const feed = opened(subscribed.value.head, this.#early.get(name) ?? 0);
        this.#ports.persist(() => this.#ports.store.save(name, undefined, feed), toAsk(feed) !== undefined);
        this.#followed.set(name, { feed, members: new Set(), awaited: 1 });
        return ok(null);
      } finally {
        this.#early.delete(name);
      }
    });
  }

  /** The subscriber to be does not come. */
  release(name: string): void {
    const followed = this.#follow(name);
    if (followed === undefined) return;
    followed.awaited -= 1;
    this.#giveUpUnheard(name, followed);
  }

  /**
   * Subscribes a socket to channels that are open, from what comes next or from after `since`; answers the head of each. What
   * was asked for follows with {@link catchUp}, once the socket was told.
   */
  join(socket: number, wanted: ReadonlyMap<string, number | undefined>): Record<string, number> {
    const places = [...wanted].flatMap(([name, since]) => {
      const followed = this.#follow(name);
      return followed === undefined ? [] : [{ name, followed, feed: joined(followed.feed, socket, since) }];
    });
    const unfinished = places.some(({ feed }) => toAsk(feed) !== undefined);
    this.#ports.persist(() => {
      for (const { name, followed, feed } of places) {
        this.#ports.store.addMember(name, socket);
        this.#ports.store.save(name, followed.feed, feed);
      }
    }, unfinished);
    for (const { followed, feed } of places) {
      followed.feed = feed;
      followed.members.add(socket);
      followed.awaited -= 1;
    }
    return Object.fromEntries(places.map(({ name, feed }) => [name, feed.cursor]));
  }

  /** Unsubscribes a socket; `names` that it does not have are passed over. `along` is written in the same commit. */
  leave(socket: number, names: readonly string[], along: () => void = () => {}): void {
    this.#ports.persist(() => {
      along();
      for (const name of names) this.#ports.store.removeMember(name, socket);
    }, false);
    for (const name of names) {
      const followed = this.#follow(name);
      if (followed === undefined) continue;
      followed.members.delete(socket);
      followed.feed = left(followed.feed, socket);
      this.#giveUpUnheard(name, followed);
    }
  }

  /** A publisher pushes. */
  push(name: string, events: readonly Event[]): void {
    const followed = this.#follow(name);
    if (followed !== undefined) {
      this.#take(name, followed, pushed(followed.feed, events));
      this.#giveUpUnheard(name, followed);
      this.catchUp([name]);
    } else if (this.#early.has(name)) {
      this.#early.set(name, Math.max(this.#early.get(name) ?? 0, events.at(-1)?.seq ?? 0));
    } else {
      this.#ports.later(this.#giveUp(name));
    }
  }

  /** Fetches whatever anybody misses, by default on any channel. */
  catchUp(names: Iterable<string> = this.#ports.store.lagging()): void {
    for (const name of names) {
      const followed = this.#follow(name);
      if (followed === undefined || toAsk(followed.feed) === undefined || this.#catchingUp.has(name)) continue;
      this.#catchingUp.add(name);
      this.#ports.later(this.#fetchAll(name));
    }
  }

  /** Renews every subscription, and learns from the answers what pushes were lost. False if a publisher did not answer. */
  async renew(): Promise<boolean> {
    const names = this.#ports.store.names();
    let all = true;
    for (let from = 0; from < names.length; from += RENEWED_TOGETHER) {
      const renewed = await Promise.all(names.slice(from, from + RENEWED_TOGETHER).map((name) => this.#renew(name)));
      all &&= renewed.every(Boolean);
    }
    return all;
  }

  /** Whether there is nothing to renew. */
  get idle(): boolean {
    return this.#ports.store.names().length === 0;
  }

  // --- internals

  #follow(name: string): Followed | undefined {
    const known = this.#followed.get(name);
    if (known !== undefined) return known;
    const stored = this.#ports.store.load(name);
    if (stored === undefined) return undefined;
    const followed = { feed: stored.feed, members: new Set(stored.members), awaited: 0 };
    this.#followed.set(name, followed);
    return followed;
  }

  /** Writes the step down and sends what it says, in one turn. */
  #take(name: string, followed: Followed, { feed, live, lost, replayed }: Step): void {
    const before = followed.feed;
    if (feed === before) return;
    this.#ports.persist(() => this.#ports.store.save(name, before, feed), toAsk(feed) !== undefined);
    followed.feed = feed;
    const texts = lost ? [resetMessage(name, feed.cursor)] : live.map(eventMessage);
    if (texts.length > 0) {
      for (const socket of followed.members) if (!before.replays.has(socket)) this.#sendAll(socket, texts);
    }
    for (const { socket, events, reset } of replayed) {
      this.#sendAll(socket, reset ? [resetMessage(name, feed.cursor)] : events.map(eventMessage));
    }
  }

  #sendAll(socket: number, texts: readonly string[]): void {
    for (const text of texts) this.#ports.send(socket, text);
  }

  async #fetchAll(name: string): Promise<void> {
    /** From here on a replay is under way: what happens while it runs makes it longer, and no reset of it. */
    let begun = Number.POSITIVE_INFINITY;
    try {
      for (;;) {
        const asked = this.#follow(name)?.feed;
        const from = asked && toAsk(asked);
        if (asked === undefined || from === undefined) return;
        const page = await this.#ports.publishers.events(name, from, PAGE, from < begun);
        const followed = this.#follow(name);
        if (followed === undefined) return;
        if (!page.ok) return this.#end(name, followed, page.error);
        this.#take(name, followed, paged(followed.feed, asked, from, page.value));
        if (!page.value.reset) begun = page.value.events.at(-1)?.seq ?? from;
      }
    } catch (thrown) {
      // Whoever lags is written down as such: the timer tries again.
      log("warn", "channel.unreachable", { channel: name, cause: causeOf(thrown) });
    } finally {
      // In the turn of the last look: whoever lags from here on is fetched for anew.
      this.#catchingUp.delete(name);
    }
  }

  async #renew(name: string): Promise<boolean> {
    try {
      return await this.#upstream.run(name, async () => {
        const before = this.#follow(name);
        if (before === undefined || this.#isUnheard(before)) return this.#unsubscribe(name);
        const asked = before.feed;
        const answer = await this.#ports.publishers.subscribe(name);
        const followed = this.#follow(name);
        if (followed === undefined) return true;
        if (!answer.ok) {
          this.#end(name, followed, answer.error);
          return true;
        }
        this.#take(name, followed, renewed(followed.feed, asked, answer.value.head));
        this.catchUp([name]);
        return true;
      });
    } catch (thrown) {
      log("warn", "channel.unreachable", { channel: name, cause: causeOf(thrown) });
      return false;
    }
  }

  #isUnheard({ members, awaited }: Followed): boolean {
    return members.size === 0 && awaited === 0;
  }

  #giveUpUnheard(name: string, followed: Followed): void {
    if (this.#isUnheard(followed)) this.#ports.later(this.#giveUp(name));
  }

  /** Unsubscribes from a channel unless somebody listens by then. */
  async #giveUp(name: string): Promise<void> {
    try {
      await this.#upstream.run(name, () => this.#unsubscribe(name));
    } catch (thrown) {
      // It forgets us by itself when it is not renewed.
      log("warn", "channel.unreachable", { channel: name, cause: causeOf(thrown) });
    }
  }

  async #unsubscribe(name: string): Promise<true> {
    const followed = this.#follow(name);
    if (followed !== undefined && !this.#isUnheard(followed)) return true;
    if (followed !== undefined) this.#forget(name);
    await this.#ports.publishers.unsubscribe(name);
    return true;
  }

  /** The channel is no more: its subscribers are told so. */
  #end(name: string, followed: Followed, failure: Failure): void {
    this.#forget(name);
    for (const socket of followed.members) this.#ports.send(socket, errorMessage(failure, name));
  }

  #forget(name: string): void {
    this.#ports.persist(() => this.#ports.store.remove(name), false);
    this.#followed.delete(name);
  }
}
