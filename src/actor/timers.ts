/**
 * Named timers over one alarm (01-architecture, "The actor kit"). Pure: which are due, when the alarm has to ring, how a
 * failed one backs off. Rows and the alarm itself are written by `Storage` and `Actor`.
 */

export interface Timer {
  readonly name: string;
  /** ms since the epoch */
  readonly due_at: number;
  /** failed runs in a row */
  readonly attempts: number;
}

/** First wait after a failed run; doubles with each, with full jitter over the upper half. */
const FIRST_RETRY_MS = 500;
/** A timer that keeps failing is a bug or an outage: often enough to recover soon, rarely enough to not be the load. */
const LAST_RETRY_MS = 30_000;

/** An alarm this late was lost (workerd #6866): setting it again does no harm if it was not. */
const OVERDUE_MS = 10_000;

/** Whether a timer still stands as it did when `then` was taken. */
export function stands(current: Timer | undefined, then: Timer): boolean {
  return current?.due_at === then.due_at && current.attempts === then.attempts;
}

/** Those that are due at `now` (ms), the longest overdue first. */
export function dueTimers(timers: Iterable<Timer>, now: number): Timer[] {
  return [...timers].filter((timer) => timer.due_at <= now).sort((a, b) => a.due_at - b.due_at);
}

/** When the first of them is due (ms); undefined of none. */
export function earliest(timers: Iterable<Timer>): number | undefined {
  let min: number | undefined;
  for (const timer of timers) if (min === undefined || timer.due_at < min) min = timer.due_at;
  return min;
}

/**
 * When the alarm has to be set, or undefined if it may stay as it is. An alarm that rings too early only re-checks, so one
 * that is set sooner than needed is left alone: `setAlarm` costs a write (06-performance).
 */
export function alarmToSet(timers: Iterable<Timer>, armedAt: number | null, now: number): number | undefined {
  const next = earliest(timers);
  if (next === undefined) return undefined;
  if (armedAt !== null && armedAt <= next && armedAt > now - OVERDUE_MS) return undefined;
  // Not in the past: an alarm set for "now" inside an alarm handler may stall (workerd #6866).
  return Math.max(next, now + 1);
}

/** ms to wait after failed run number `attempts` (≥ 1); `random` in [0, 1). */
export function backoffMs(attempts: number, random: number, first = FIRST_RETRY_MS, last = LAST_RETRY_MS): number {
  const ceiling = Math.min(last, first * 2 ** Math.min(attempts - 1, 30));
  return Math.round(ceiling / 2 + (random * ceiling) / 2);
}
