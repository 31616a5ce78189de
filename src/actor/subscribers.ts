/** Which hubs an actor pushes its channels to, and until when (05-realtime-and-audit, "How"). Pure; times in ms. */
import { SUBSCRIPTION_MS } from "../realtime/channel-api.ts";
import type { ActorKey } from "./remote.ts";

export interface Subscriber {
  readonly channel: string;
  readonly hub: ActorKey;
  /** of the hub: later ones are higher; absent where none was told */
  readonly life?: number;
  /** forgotten from then on, unless renewed */
  readonly until: number;
}

/** With this hub from now on, without those that missed their renewal. */
export function subscribed(
  subscribers: readonly Subscriber[],
  channel: string,
  hub: ActorKey,
  life: number,
  now: number,
): readonly Subscriber[] {
  const isThis = (one: Subscriber) => one.channel === channel && one.hub === hub;
  const others = subscribers.filter((one) => !isThis(one) && one.until > now);
  const latest = Math.max(life, subscribers.find(isThis)?.life ?? 0);
  return [...others, { channel, hub, life: latest, until: now + SUBSCRIPTION_MS }];
}

/** Without this hub, unless a later life of it subscribed: what a hub said before it died may arrive after what it says now. */
export function unsubscribed(
  subscribers: readonly Subscriber[],
  channel: string,
  hub: ActorKey,
  life: number,
): readonly Subscriber[] {
  return subscribers.filter((one) => one.channel !== channel || one.hub !== hub || (one.life ?? 0) > life);
}

export function hubsOf(subscribers: readonly Subscriber[], channel: string, now: number): ActorKey[] {
  return subscribers.filter((one) => one.channel === channel && one.until > now).map(({ hub }) => hub);
}
