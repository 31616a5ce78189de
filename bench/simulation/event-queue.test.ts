import { array, assert, integer, property } from "fast-check";
import { expect, test } from "vitest";
import { EventQueue } from "./event-queue.ts";

test("events come in the order of their times, and of two at one time the one that was pushed first", () => {
  assert(
    property(array(integer({ min: 0, max: 20 })), (times) => {
      const queue = new EventQueue<number>();
      times.forEach((at, n) => {
        queue.push(at, n);
      });
      const popped = times.map(() => queue.pop());
      const sorted = times.map((at, n) => ({ at, n })).sort((a, b) => a.at - b.at || a.n - b.n);
      expect(popped.map((one) => [one?.at, one?.event])).toEqual(sorted.map(({ at, n }) => [at, n]));
      expect(queue.pop()).toBeUndefined();
    }),
  );
});
