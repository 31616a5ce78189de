/** Which effects are held up for good, as their senders say (01-architecture, "effects"): for operators to see. Pure. */

/** When each pair of sender and target last said so (ms), by `source target`. */
export type ParkedEffects = Readonly<Record<string, number>>;

/** A parked pair is tried, and says so again, once an hour; one that is silent twice as long is parked no more. */
const SILENT_MS = 2 * 60 * 60 * 1000;
/** More are not told apart from that many. */
const MAX_PAIRS = 1_000;

export function withParked(pairs: ParkedEffects, pair: string, isParked: boolean, now: number): ParkedEffects {
  const { [pair]: _, ...others } = stillParked(pairs, now);
  return isParked && Object.keys(others).length < MAX_PAIRS ? { ...others, [pair]: now } : others;
}

export function stillParked(pairs: ParkedEffects, now: number): ParkedEffects {
  return Object.fromEntries(Object.entries(pairs).filter(([, at]) => now - at < SILENT_MS));
}
