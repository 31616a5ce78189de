import fc from "fast-check";
import { expect, test } from "vitest";
import { beatEvery, extended, isOver, leased, remaining, untilBeat } from "./lease-clock.ts";

/** A beat: sent so long after the one before, then on its way, then answered or not. */
const beats = fc.array(
  fc.record({
    after: fc.integer({ min: 0, max: 40_000 }),
    way: fc.integer({ min: 0, max: 20_000 }),
    heard: fc.boolean(),
  }),
);

test("whatever the network does, we never believe in a lease that the server let go", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 5_000, max: 300_000 }),
      fc.integer({ min: 0, max: 60_000 }),
      beats,
      (ttl, way, sent) => {
        let now = 0;
        let clock = leased(now, ttl);
        let server = now + way + ttl;
        for (const beat of sent) {
          now += beat.after;
          const arrives = now + beat.way;
          if (arrives >= server) break;
          server = Math.max(server, arrives + ttl);
          if (beat.heard) clock = extended(clock, now);
          expect(clock.expires_at).toBeLessThan(server);
          expect(isOver(clock, server)).toBe(true);
        }
      },
    ),
  );
});

test("answers that overtake each other never shorten it", () => {
  const clock = extended(extended(leased(0, 30_000), 20_000), 10_000);
  expect(clock).toEqual(extended(leased(0, 30_000), 20_000));
});

test("two beats may be lost before a lease is", () => {
  const clock = leased(1_000, 30_000);
  expect(untilBeat(clock, 1_000)).toBe(10_000);
  expect(untilBeat(clock, 50_000)).toBe(0);
  expect(2 * beatEvery(clock)).toBeLessThan(remaining(clock, 1_000));
  expect([isOver(clock, 29_499), isOver(clock, 29_500)]).toEqual([false, true]);
  expect(remaining(clock, 99_000)).toBe(0);
});
