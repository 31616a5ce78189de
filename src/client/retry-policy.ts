/** When a failed request is sent again, and after how long: pure, so the clock and the dice are passed in. */
import type { CountersignError } from "./countersign-error.ts";

export interface RetryPolicy {
  /** How often a request is sent in all; 1: never again. */
  readonly attempts: number;
  /** Upper bound of the first pause (ms); it doubles with each further one. */
  readonly base_ms: number;
  /** Upper bound of every pause (ms), but for what the server asks for. */
  readonly cap_ms: number;
}

export const RETRY_POLICY: RetryPolicy = { attempts: 20, base_ms: 100, cap_ms: 5_000 };

/**
 * Whether sending it again can do nothing twice. A POST is safe under an idempotency key (02, "Idempotency"): the server
 * answers the repeat with what it stored. PUT and DELETE are by definition (RFC 9110, 9.2.2).
 */
export function isRepeatable(method: string, idempotencyKey: string | undefined): boolean {
  return method === "POST" ? idempotencyKey !== undefined : method !== "PATCH";
}

/** Refused before anything was done: such a request may be sent again whatever it is. */
function wasRefused({ code }: CountersignError): boolean {
  return code === "RATE_LIMITED" || code === "QUEUE_FULL";
}

/** Holding on to a lock or a batch is a matter of minutes: whoever asked decides about that, not the transport. */
function isContention({ status, code }: CountersignError): boolean {
  return status === 423 || code === "BATCH_IN_PROGRESS";
}

/**
 * Full jitter (AWS, "Exponential backoff and jitter"): anything between 0 and a bound that doubles. What the server asks for
 * is waited for first.
 *
 * @param failures how often it failed by now, at least 1
 * @param leftMs until the caller's deadline
 * @param dice from 0 to below 1
 * @returns the pause in ms; undefined: give up
 */
export function pauseBeforeRetry(
  policy: RetryPolicy,
  failure: CountersignError,
  repeatable: boolean,
  failures: number,
  leftMs: number,
  dice: number,
): number | undefined {
  if (!failure.retry.retryable || isContention(failure)) return undefined;
  if (!repeatable && !wasRefused(failure)) return undefined;
  if (failures >= policy.attempts) return undefined;
  const pause = failure.retry.after_ms + backoff(policy, failures, dice);
  return pause < leftMs ? pause : undefined;
}

/** The pause after so many failures in a row (ms). */
export function backoff({ base_ms, cap_ms }: Omit<RetryPolicy, "attempts">, failures: number, dice: number): number {
  return dice * Math.min(cap_ms, base_ms * 2 ** (failures - 1));
}
