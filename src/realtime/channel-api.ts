/** Who publishes and who forwards: what an actor with channels answers, and what a hub takes (05, "How"). */
import type { ActorKey } from "../actor/remote.ts";
import type { Result } from "../actor/result.ts";
import type { Event } from "./contract.ts";

/** What a publisher says of something that happened; the kit adds channel, time and numbers. */
export type EventBody = Pick<Event, "event" | "payload">;

export interface EventsQuery {
  readonly channel: string;
  /** strictly after this seq; undefined: from the oldest event that is kept */
  readonly after?: number | undefined;
  readonly limit: number;
  /** The answer is a reset where more events than that follow `after`; default: however many. */
  readonly most?: number;
  /** Holds the answer back until there is an event, at most this long; default 0. */
  readonly wait_ms?: number;
}

export interface EventsPage {
  /** Oldest first; fewer than `limit` also where they would be too much for one call. */
  readonly events: readonly Event[];
  /** seq of the channel's last event; 0 if there was none yet */
  readonly head: number;
  /** What follows `after` is not kept any more in full, or never was, or is more than `most`: `events` is empty, re-read and go on from `head`. */
  readonly reset: boolean;
}

/**
 * An actor that publishes channels. `key` is its full key, as for every actor whose address is a hash. Asked for a channel
 * of something that does not exist it answers an error (TASK_NOT_FOUND) and leaves nothing behind.
 */
export interface ChannelApi {
  /**
   * Pushes to `hub` from now on, for {@link SUBSCRIPTION_MS} unless renewed. Answers the head: what is pushed comes after it. `life` is
   * higher in each life of the hub's object.
   */
  subscribe(key: ActorKey, channel: string, hub: ActorKey, life: number): Promise<Result<{ readonly head: number }>>;
  /** No more of it, unless a later life of the hub has subscribed. */
  unsubscribe(key: ActorKey, channel: string, hub: ActorKey, life: number): Promise<void>;
  events(key: ActorKey, query: EventsQuery): Promise<Result<EventsPage>>;
}

/** A hub, as publishers see it. Best effort and in order: a hub that sees a `prev` it does not know fetches the gap. */
export interface HubApi {
  /** `key` is the hub's own. An event may come more than once. */
  push(key: ActorKey, channel: string, events: readonly Event[]): Promise<void>;
}

/** A hub renews every 10 minutes; a publisher forgets one that missed its renewal. */
export const RENEWAL_MS = 10 * 60 * 1000;
export const SUBSCRIPTION_MS = RENEWAL_MS + 2 * 60 * 1000;
