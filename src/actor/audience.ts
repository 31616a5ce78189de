/** Who follows an actor's channels: hubs, which are pushed to and stand in its storage, and long polls, which wait in memory. */
import type { Event } from "../realtime/contract.ts";
import type { Commit } from "./commit.ts";
import { Pushes } from "./pushes.ts";
import type { ActorKey } from "./remote.ts";
import type { Storage } from "./storage.ts";
import { hubsOf, type Subscriber, subscribed, unsubscribed } from "./subscribers.ts";
import { Waiters } from "./waiters.ts";

const DOCUMENT = "subscribers";

interface Dependencies {
  readonly store: Pick<Storage, "read">;
  readonly exists: () => boolean;
  readonly commit: (work: (tx: Commit) => void) => void;
  readonly send: (hub: ActorKey, channel: string, events: readonly Event[]) => Promise<void>;
}

export class Audience {
  readonly #deps: Dependencies;
  readonly #pushes: Pushes;
  readonly #polls = new Waiters<string>();
  #known: readonly Subscriber[] | undefined;

  constructor(deps: Dependencies) {
    this.#deps = deps;
    this.#pushes = new Pushes(deps.send);
  }

  subscribe(channel: string, hub: ActorKey, life: number, now: number): void {
    this.#save(subscribed(this.#subscribers, channel, hub, life, now));
  }

  unsubscribe(channel: string, hub: ActorKey, life: number): void {
    const left = unsubscribed(this.#subscribers, channel, hub, life);
    if (left.length < this.#subscribers.length) this.#save(left);
  }

  /** Whether a hub is to be pushed this channel now. */
  isWatched(channel: string, now: number): boolean {
    return hubsOf(this.#subscribers, channel, now).length > 0;
  }

  /** Whether anybody hears of this channel's events as they happen: a hub, or a long poll. */
  isHeard(channel: string, now: number): boolean {
    return this.#polls.has(channel) || this.isWatched(channel, now);
  }

  /** Pushes to the hubs of this channel; nobody has to wait for it. `events` is only called if there is such a hub. */
  async push(channel: string, events: () => readonly Event[], now: number): Promise<void> {
    const hubs = hubsOf(this.#subscribers, channel, now);
    if (hubs.length > 0) await this.#pushes.push(hubs, channel, events());
  }

  /** Resolves when {@link wake} says that there may be something new, or after `ms`. */
  waitFor(channel: string, ms: number): Promise<void> {
    return this.#polls.until(channel, ms);
  }

  wake(channel: string): void {
    this.#polls.wake([channel]);
  }

  get #subscribers(): readonly Subscriber[] {
    this.#known ??= (this.#deps.exists() ? this.#deps.store.read<readonly Subscriber[]>(DOCUMENT) : undefined) ?? [];
    return this.#known;
  }

  #save(subscribers: readonly Subscriber[]): void {
    this.#deps.commit((tx) => {
      if (subscribers.length === 0) tx.store.erase(DOCUMENT);
      else tx.store.write(DOCUMENT, subscribers);
      tx.afterwards(() => {
        this.#known = subscribers;
      });
    });
  }
}
