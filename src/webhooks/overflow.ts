/** What becomes of a webhook's deliveries when more wait than may: the oldest give way (docs/design/webhooks.md, "Bounds"). Pure. */
import { type DeliveryState, parked } from "./delivery.ts";

/** Deliveries that may wait for one webhook. */
export const MAX_WAITING = 10_000;

/** Those that wait, as their store tells of them. */
export interface Waiting<Kept> {
  readonly count: () => number;
  readonly oldest: (limit: number) => readonly Kept[];
}

/** The oldest of those that are too many, parked: an admin may have them sent again. Those that came last wait on. */
export function overflowed<Kept extends DeliveryState>(
  waiting: Waiting<Kept>,
  now: number,
  most = MAX_WAITING,
): readonly Kept[] {
  const tooMany = waiting.count() - most;
  if (tooMany <= 0) return [];
  return waiting.oldest(tooMany).map((one) => ({ ...one, ...parked(one, `more than ${most} waited`, now) }));
}
