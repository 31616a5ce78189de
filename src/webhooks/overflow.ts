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

/** Two that are full and follow each other's news would tell each other of it for ever, and have nothing else waiting in the end. */
const TOLD_EVERY_MS = 60 * 60 * 1000;

/** What stands in the trail of a webhook's overflows. */
export interface OverflowTold {
  /** ms */
  readonly at: number;
  /** Deliveries that gave way since, of which nothing was told yet. */
  readonly untold: number;
}

/** The word that so many more gave way, and how many it tells of: 0 within an hour of the last one, then all since. */
export function tellOverflow(
  before: OverflowTold | undefined,
  parked: number,
  now: number,
): { readonly tells: number; readonly told: OverflowTold } {
  const untold = (before?.untold ?? 0) + parked;
  // A clock that stepped back by more than that says nothing of when it was.
  const isRecent = before !== undefined && Math.abs(now - before.at) < TOLD_EVERY_MS;
  return isRecent ? { tells: 0, told: { at: before.at, untold } } : { tells: untold, told: { at: now, untold: 0 } };
}
