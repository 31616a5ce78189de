/**
 * Times as the API writes them. `Date.prototype.toISOString` costs more than a thousand simple calls of JavaScript, a lock's
 * heartbeat needed three of them: so it is asked once a second that somebody names.
 */

/** By second since the epoch: its text up to the fraction, e.g. `2026-11-21T14:39:55.` */
const seconds = new Map<number, string>();
const MOST_SECONDS = 1_000;

/** RFC 3339 with three fractional digits. @param ms whole, since the epoch; throws RangeError on what no Date can be */
export function timestamp(ms: number): string {
  return withFraction(ms, 1_000, 3);
}

/** RFC 3339 with six fractional digits. @param micros whole, since the epoch */
export function microsToTimestamp(micros: number): string {
  return withFraction(micros, 1_000_000, 6);
}

function withFraction(time: number, perSecond: number, digits: number): string {
  const second = Math.floor(time / perSecond);
  return `${textOf(second)}${String(time - second * perSecond).padStart(digits, "0")}Z`;
}

function textOf(second: number): string {
  const known = seconds.get(second);
  if (known !== undefined) return known;
  const text = new Date(second * 1_000).toISOString().slice(0, -"000Z".length);
  if (seconds.size >= MOST_SECONDS) seconds.clear();
  seconds.set(second, text);
  return text;
}
