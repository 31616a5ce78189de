/** One event on its way to one webhook: when it is tried, and what an attempt makes of it (docs/design/webhooks.md). Pure; times in ms. */

/** What is kept of a delivery besides the event itself. */
export interface DeliveryState {
  readonly status: "waiting" | "delivered" | "parked";
  readonly attempts: number;
  /** while it waits */
  readonly next_at: number | null;
  readonly last_status: number | null;
  readonly last_error: string | null;
  readonly created_at: number;
  /** when it was delivered or parked */
  readonly ended_at: number | null;
}

/** How an attempt ended. */
export type Outcome =
  | { readonly kind: "answered"; readonly status: number /** of Retry-After */; readonly retry_after_ms?: number }
  | { readonly kind: "failed"; readonly error: string };

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** Waits after the first, the second, … attempt: those that Standard Webhooks recommends, three days and a bit in all. */
export const RETRIES_MS: readonly number[] = [
  5 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
];
/** By which a wait may be longer, so that what failed together does not come back together. */
const JITTER = 0.1;
/** A receiver may ask for patience, not for being forgotten. */
const LONGEST_MS = 24 * HOUR;
/** It wants nothing any more. */
const GONE = 410;

/** A delivery that is due at once. */
export function firstOf(now: number): DeliveryState {
  const nothing = { last_status: null, last_error: null, ended_at: null };
  return { status: "waiting", attempts: 0, next_at: now, created_at: now, ...nothing };
}

/** The delivery after an attempt that ended at `now`; `random` in [0, 1). Anything but a 2xx is tried again, a redirect too. */
export function attempted(state: DeliveryState, outcome: Outcome, now: number, random: number): DeliveryState {
  const attempts = state.attempts + 1;
  const answered = outcome.kind === "answered";
  const tried = {
    ...state,
    attempts,
    last_status: answered ? outcome.status : null,
    last_error: answered ? null : outcome.error,
  };
  if (answered && outcome.status >= 200 && outcome.status < 300) return ended(tried, "delivered", now);
  const wait = RETRIES_MS[attempts - 1];
  if (wait === undefined || isGone(outcome)) return ended(tried, "parked", now);
  const asked = answered ? Math.min(outcome.retry_after_ms ?? 0, LONGEST_MS) : 0;
  const jittered = Math.round(wait * (1 + random * JITTER));
  return { ...tried, next_at: now + Math.max(jittered, asked) };
}

/** Not tried any more, until somebody asks for it. */
export function parked(state: DeliveryState, error: string, now: number): DeliveryState {
  return ended({ ...state, last_error: error }, "parked", now);
}

/** From the beginning, at once, whatever became of it. */
export function again(state: DeliveryState, now: number): DeliveryState {
  return { ...firstOf(now), created_at: state.created_at };
}

/** Whether the receiver said that the webhook is to be disabled. */
export function isGone(outcome: Outcome): boolean {
  return outcome.kind === "answered" && outcome.status === GONE;
}

/** ms to wait as a Retry-After header asks (RFC 9110: seconds, or a date); undefined if it says nothing that can be read. */
export function retryAfterMs(header: string | null, now: number): number | undefined {
  if (header === null) return undefined;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header.trim()) * SECOND;
  // Date.parse reads much that is no HTTP date.
  const at = /^[A-Z][a-z]{2,}, /.test(header) ? Date.parse(header) : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}

function ended(state: DeliveryState, status: "delivered" | "parked", now: number): DeliveryState {
  return { ...state, status, next_at: null, ended_at: now };
}
