/** Which hubs an actor pushes its channels to, and until when (05-realtime-and-audit, "How"). Pure; times in ms. */
import { SUBSCRIPTION_MS } from "../realtime/channel-api.ts";
import type { ActorKey } from "./remote.ts";

export interface Subscriber {
  readonly channel: string;
  readonly hub: ActorKey;
  /** forgotten from then on, unless renewed */
  readonly until: number;
}

/** With this hub from now on, without those that missed their renewal. */
export function subscribed(
  subscribers: readonly Subscriber[],
  channel: string,
  hub: ActorKey,
  now: number,
): readonly Subscriber[] {
  const others = unsubscribed(subscribers, channel, hub).filter(({ until }) => until > now);
  return [...others, { channel, hub, until: now + SUBSCRIPTION_MS }];
}

export function unsubscribed(
  subscribers: readonly Subscriber[],
  channel: string,
  hub: ActorKey,
): readonly Subscriber[] {
  return subscribers.filter((one) => one.channel !== channel || one.hub !== hub);
}

export function hubsOf(subscribers: readonly Subscriber[], channel: string, now: number): ActorKey[] {
  return subscribers.filter((one) => one.channel === channel && one.until > now).map(({ hub }) => hub);
}
