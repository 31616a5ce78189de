import fc from "fast-check";
import { expect, test } from "vitest";
import { failedAnswer } from "./failed-answer.ts";

const NOW = Date.parse("2026-11-20T12:00:00Z");
const envelope = (error: object) => JSON.stringify({ error });

test("the envelope becomes the error, with the pause that its details ask for", () => {
  const body = envelope({
    code: "DEADLOCK_DETECTED",
    message: "given up",
    details: { retry_after_ms: 240 },
    request_id: "r-1",
  });
  expect(failedAnswer(423, body, "1", NOW)).toMatchObject({
    code: "DEADLOCK_DETECTED",
    message: "given up",
    status: 423,
    request_id: "r-1",
    retry: { retryable: true, after_ms: 240 },
  });
});

test("Retry-After is read as seconds and as a date; one in the past or beyond reading is none", () => {
  const after = (header: string | null) => failedAnswer(503, "", header, NOW).retry.after_ms;
  expect(after("7")).toBe(7_000);
  expect(after("Fri, 20 Nov 2026 12:00:05 GMT")).toBe(5_000);
  expect([after("Fri, 20 Nov 2020 12:00:05 GMT"), after("soon"), after("-1"), after(null)]).toEqual([0, 0, 0, 0]);
});

test("a refusal of the request is not retryable, trouble of the moment is", () => {
  const retryable = (status: number) => failedAnswer(status, "", null, NOW).retry.retryable;
  expect([400, 401, 403, 404, 405, 409, 412, 413, 415, 422].filter(retryable)).toEqual([]);
  expect([408, 423, 429, 500, 502, 503, 504].every(retryable)).toBe(true);
});

test("whatever answers, whatever it says: an error comes out, never a throw", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 300, max: 599 }),
      fc.oneof(
        fc.string(),
        fc.json(),
        fc.json().map((error) => `{"error":${error}}`),
      ),
      fc.option(fc.string()),
      (status, text, header) => {
        const error = failedAnswer(status, text, header, NOW);
        expect(error.status).toBe(status);
        expect(typeof error.code).toBe("string");
        expect(error.retry.after_ms).toBeGreaterThanOrEqual(0);
      },
    ),
  );
});
