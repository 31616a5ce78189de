import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { timestamp } from "./timestamp.ts";

/** The last millisecond that a Date can be. */
const LAST_MS = 8.64e15;

describe("a time as text", () => {
  test("is what a Date would write, before the epoch and after the year 9999, too", () => {
    fc.assert(
      fc.property(fc.integer({ min: -LAST_MS, max: LAST_MS }), (ms) => {
        expect(timestamp(ms)).toBe(new Date(ms).toISOString());
        // A second time it is known.
        expect(timestamp(ms)).toBe(new Date(ms).toISOString());
      }),
    );
  });

  test("is its own within a second that is known already", () => {
    const second = Date.UTC(2026, 10, 21, 14, 39, 55);
    const all = [0, 1, 10, 100, 999].map((ms) => timestamp(second + ms));
    expect(all).toEqual(["000", "001", "010", "100", "999"].map((ms) => `2026-11-21T14:39:55.${ms}Z`));
  });

  test("is right for more seconds than are kept", () => {
    for (let second = 0; second < 2_500; second += 1) {
      const ms = second * 1_000 + (second % 1_000);
      expect(timestamp(ms)).toBe(new Date(ms).toISOString());
    }
  });

  test("is refused for what is no time", () => {
    for (const none of [Number.NaN, Number.POSITIVE_INFINITY, LAST_MS + 1_000])
      expect(() => timestamp(none)).toThrow(RangeError);
  });
});
