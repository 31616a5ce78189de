import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { alarmToSet, backoffMs, dueTimers, earliest, stands, type Timer } from "./timers.ts";

const NOW = 1_800_000_000_000;
const moment = fc.integer({ min: NOW - 100_000, max: NOW + 100_000 });
const timer = fc.record({ name: fc.string(), due_at: moment, attempts: fc.nat({ max: 40 }) });

describe("the alarm of many timers", () => {
  it("rings no later than the earliest timer, whatever it was set to before", () => {
    fc.assert(
      fc.property(fc.array(timer), fc.option(moment), moment, (timers, armedAt, now) => {
        const at = alarmToSet(timers, armedAt, now);
        const next = earliest(timers);
        if (next === undefined) expect(at).toBeUndefined();
        else
          expect(Math.min(at ?? Number.POSITIVE_INFINITY, armedAt ?? Number.POSITIVE_INFINITY)).toBeLessThanOrEqual(
            Math.max(next, now + 1),
          );
      }),
    );
  });

  it("is never set to the past: that may stall an alarm's handler", () => {
    fc.assert(
      fc.property(fc.array(timer, { minLength: 1 }), moment, (timers, now) => {
        expect(alarmToSet(timers, null, now)).toBeGreaterThan(now);
      }),
    );
  });

  it("is left alone when a timer moves later, and set when one moves sooner", () => {
    const at = (due_at: number): Timer[] => [{ name: "a", due_at, attempts: 0 }];
    expect(alarmToSet(at(NOW + 90_000), NOW + 60_000, NOW)).toBeUndefined();
    expect(alarmToSet(at(NOW + 60_000), NOW + 60_000, NOW)).toBeUndefined();
    expect(alarmToSet(at(NOW + 59_999), NOW + 60_000, NOW)).toBe(NOW + 59_999);
  });

  it("is not set when there is no timer", () => {
    expect(alarmToSet([], null, NOW)).toBeUndefined();
  });

  it("that is long overdue was lost, and is set again", () => {
    const overdueBy = (ms: number): Timer[] => [{ name: "a", due_at: NOW - ms, attempts: 0 }];
    expect(alarmToSet(overdueBy(60_000), NOW - 60_000, NOW)).toBe(NOW + 1);
    expect(alarmToSet(overdueBy(5), NOW - 5, NOW)).toBeUndefined();
  });
});

describe("the due timers", () => {
  it("are exactly those whose time has come, earliest first", () => {
    fc.assert(
      fc.property(fc.array(timer), moment, (timers, now) => {
        const due = dueTimers(timers, now);
        expect(due.toSorted((a, b) => a.due_at - b.due_at)).toEqual(due);
        expect(new Set(due)).toEqual(new Set(timers.filter((one) => one.due_at <= now)));
      }),
    );
  });
});

describe("a timer", () => {
  it("stands as it was until it is moved, retried or cleared", () => {
    const then: Timer = { name: "a", due_at: NOW, attempts: 0 };
    expect(stands({ ...then }, then)).toBe(true);
    expect(stands({ ...then, due_at: NOW + 1 }, then)).toBe(false);
    expect(stands({ ...then, attempts: 1 }, then)).toBe(false);
    expect(stands(undefined, then)).toBe(false);
  });
});

describe("the backoff", () => {
  it("doubles from half a second up to half a minute, and stays finite for ever", () => {
    expect([1, 2, 3, 6, 7, 8, 1_000_000].map((attempts) => backoffMs(attempts, 1))).toEqual([
      500, 1_000, 2_000, 16_000, 30_000, 30_000, 30_000,
    ]);
  });

  it("is jittered over the upper half: never hasty, never all at once", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (attempts, random) => {
          const most = backoffMs(attempts, 1);
          expect(backoffMs(attempts, random)).toBeGreaterThanOrEqual(most / 2);
          expect(backoffMs(attempts, random)).toBeLessThanOrEqual(most);
        },
      ),
    );
  });
});
