import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import {
  again,
  attempted,
  type DeliveryState,
  firstOf,
  isGone,
  type Outcome,
  parked,
  RETRIES_MS,
  retryAfterMs,
} from "./delivery.ts";

const DAY = 24 * 60 * 60 * 1000;
const T0 = Date.parse("2026-11-20T00:00:00Z");

const outcomes: fc.Arbitrary<Outcome> = fc.oneof(
  fc.constant<Outcome>({ kind: "failed", error: "unreachable" }),
  fc.record({ kind: fc.constant("answered" as const), status: fc.integer({ min: 100, max: 599 }) }),
  fc.record({
    kind: fc.constant("answered" as const),
    status: fc.constantFrom(429, 503),
    retry_after_ms: fc.nat(10 * DAY),
  }),
);
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const refused: Outcome = { kind: "answered", status: 500 };

/** All states that a delivery goes through, each attempt made when it was due. */
function life(given: readonly (readonly [Outcome, number])[]): DeliveryState[] {
  const states = [firstOf(T0)];
  for (const [outcome, chance] of given) {
    const state = states.at(-1);
    if (state?.next_at == null) break;
    states.push(attempted(state, outcome, state.next_at, chance));
  }
  return states;
}

test("whatever is answered, a delivery ends: delivered by a 2xx, parked after ten attempts at most", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(outcomes, random), { minLength: 10, maxLength: 15 }), (given) => {
      const states = life(given);
      const last = states.at(-1);
      expect(last?.attempts).toBe(states.length - 1);
      expect(last?.attempts).toBeLessThanOrEqual(RETRIES_MS.length + 1);
      const success = given.findIndex(
        ([outcome]) => outcome.kind === "answered" && Math.trunc(outcome.status / 100) === 2,
      );
      const gone = given.findIndex(([outcome]) => isGone(outcome));
      const first = Math.min(...[success, gone, RETRIES_MS.length].filter((at) => at >= 0));
      expect(last?.attempts).toBe(first + 1);
      expect(last?.status).toBe(first === success ? "delivered" : "parked");
      expect(last).toMatchObject({ next_at: null, ended_at: expect.any(Number) });
    }),
  );
});

test("it waits as long as the schedule says, a tenth longer at most, and longer only if the receiver asked, up to a day", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(outcomes, random), { maxLength: 12 }), (given) => {
      const states = life(given);
      states.forEach((state, at) => {
        const before = states[at - 1];
        if (state.next_at === null || before?.next_at == null) return;
        const waited = state.next_at - before.next_at;
        const planned = RETRIES_MS[at - 1] ?? Number.NaN;
        const outcome = given[at - 1]?.[0];
        const asked = outcome?.kind === "answered" ? Math.min(outcome.retry_after_ms ?? 0, DAY) : 0;
        expect(waited).toBeGreaterThanOrEqual(Math.max(planned, asked));
        expect(waited).toBeLessThanOrEqual(Math.max(Math.ceil(planned * 1.1), asked));
      });
    }),
  );
});

test("all waits together are three days and a bit", () => {
  const all = RETRIES_MS.reduce((sum, wait) => sum + wait, 0);
  expect(all / DAY).toBeGreaterThan(3);
  expect(all / DAY).toBeLessThan(3.5);
});

describe("an attempt", () => {
  it.each([200, 204, 299])("that is answered %i has delivered", (status) => {
    expect(attempted(firstOf(T0), { kind: "answered", status }, T0 + 7, 0)).toEqual({
      status: "delivered",
      attempts: 1,
      next_at: null,
      last_status: status,
      last_error: null,
      created_at: T0,
      ended_at: T0 + 7,
    });
  });

  it.each([301, 400, 401, 404, 429, 500, 503])("that is answered %i is made again 5 s later", (status) => {
    expect(attempted(firstOf(T0), { kind: "answered", status }, T0, 0)).toMatchObject({
      status: "waiting",
      next_at: T0 + 5_000,
      last_status: status,
    });
  });

  it("that is answered 410 was the last", () => {
    expect(attempted(firstOf(T0), { kind: "answered", status: 410 }, T0, 0).status).toBe("parked");
  });

  it("that reached nobody says why", () => {
    const failed = attempted(attempted(firstOf(T0), refused, T0, 0), { kind: "failed", error: "timeout" }, T0, 0);
    expect(failed).toMatchObject({ last_status: null, last_error: "timeout", attempts: 2 });
  });
});

describe("a parked delivery", () => {
  it("begins from the beginning when somebody asks for it", () => {
    const over = parked(attempted(firstOf(T0), refused, T0, 0), "too many waited", T0 + 1);
    expect(over).toMatchObject({ status: "parked", attempts: 1, last_status: 500, last_error: "too many waited" });
    expect(again(over, T0 + DAY)).toEqual({ ...firstOf(T0 + DAY), created_at: T0 });
  });
});

describe("Retry-After", () => {
  it.each([
    ["120", 120_000],
    [" 0 ", 0],
    ["Fri, 20 Nov 2026 00:01:00 GMT", 60_000],
    ["Thu, 19 Nov 2026 00:00:00 GMT", 0],
    ["soon", undefined],
    ["-5", undefined],
    ["99999999999", undefined],
    ["", undefined],
    [null, undefined],
  ])("%j asks for %j ms", (header, ms) => {
    expect(retryAfterMs(header, T0)).toBe(ms);
  });
});
