import fc from "fast-check";
import { expect, test } from "vitest";
import { CountersignError, type ErrorCode } from "./countersign-error.ts";
import { backoff, isRepeatable, pauseBeforeRetry, RETRY_POLICY } from "./retry-policy.ts";

const failure = (code: ErrorCode, status: number | undefined, after_ms = 0, retryable = true) =>
  new CountersignError(code, { message: code, status, retry: { retryable, after_ms } });
const dice = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const NETWORK = failure("NETWORK_ERROR", undefined);

test("what may be sent twice: reads, PUT and DELETE, and a POST with an idempotency key", () => {
  expect(["GET", "PUT", "DELETE"].every((method) => isRepeatable(method, undefined))).toBe(true);
  expect(isRepeatable("POST", "key")).toBe(true);
  expect(isRepeatable("POST", undefined)).toBe(false);
  expect(isRepeatable("PATCH", "key")).toBe(false);
});

test("what was refused before anything was done is sent again whatever it is; what may have been done is not", () => {
  const again = (error: CountersignError, repeatable: boolean) =>
    pauseBeforeRetry(RETRY_POLICY, error, repeatable, 1, 1e9, 0.5) !== undefined;
  expect(again(failure("RATE_LIMITED", 429), false)).toBe(true);
  expect(again(failure("QUEUE_FULL", 503), false)).toBe(true);
  for (const unsure of [NETWORK, failure("UNAVAILABLE", 503), failure("INTERNAL_ERROR", 500)]) {
    expect([again(unsure, true), again(unsure, false)]).toEqual([true, false]);
  }
});

test("a refusal stands, and so does a lock that somebody else holds", () => {
  for (const error of [
    failure("VALIDATION_ERROR", 400, 0, false),
    failure("INVALID_STATE", 409, 0, false),
    failure("RESOURCE_LOCKED", 423),
    failure("DEADLOCK_DETECTED", 423, 200),
    failure("BATCH_IN_PROGRESS", 409),
  ])
    expect(pauseBeforeRetry(RETRY_POLICY, error, true, 1, 1e9, 0)).toBeUndefined();
});

test("a pause is jittered under a bound that doubles up to the cap, comes after what the server asks for, and ends before the deadline", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 30 }),
      fc.integer({ min: 0, max: 60_000 }),
      fc.integer({ min: 0, max: 120_000 }),
      dice,
      (failures, asked, left, thrown) => {
        const pause = pauseBeforeRetry(RETRY_POLICY, failure("UNAVAILABLE", 503, asked), true, failures, left, thrown);
        const bound = Math.min(RETRY_POLICY.cap_ms, RETRY_POLICY.base_ms * 2 ** (failures - 1));
        if (pause === undefined) {
          expect(failures >= RETRY_POLICY.attempts || asked + bound >= left).toBe(true);
        } else {
          expect(failures).toBeLessThan(RETRY_POLICY.attempts);
          expect(pause).toBeGreaterThanOrEqual(asked);
          expect(pause).toBeLessThanOrEqual(asked + bound);
          expect(pause).toBeLessThan(left);
        }
      },
    ),
  );
});

test("the dice spread pauses over the whole range", () => {
  expect(backoff({ base_ms: 100, cap_ms: 5_000 }, 3, 0)).toBe(0);
  expect(backoff({ base_ms: 100, cap_ms: 5_000 }, 3, 0.5)).toBe(200);
  expect(backoff({ base_ms: 100, cap_ms: 5_000 }, 60, 1)).toBe(5_000);
});
