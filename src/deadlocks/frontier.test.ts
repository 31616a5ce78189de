import fc from "fast-check";
import { expect, it } from "vitest";
import { Frontier } from "./frontier.ts";

it("gives the least key first, whatever was added when", () => {
  const key = fc.oneof(fc.integer(), fc.constant(Number.NEGATIVE_INFINITY));
  fc.assert(
    fc.property(fc.array(fc.option(key, { freq: 3 }), { maxLength: 60 }), (steps) => {
      const frontier = new Frontier<number>();
      const left: number[] = [];
      for (const added of steps) {
        if (added !== null) {
          frontier.add(added, added);
          left.push(added);
          continue;
        }
        const least = left.sort((a, b) => a - b).shift();
        expect(frontier.next).toBe(least);
        expect(frontier.take()).toBe(least);
      }
      for (const least of left.sort((a, b) => a - b)) expect(frontier.take()).toBe(least);
      expect(frontier.take()).toBeUndefined();
    }),
  );
});
