import fc from "fast-check";
import { expect, it } from "vitest";
import { shrunk } from "./shrunk.ts";

const numbers = Array.from({ length: 60 }, (_, n) => n);

it("finds the few items that a failure takes, in their order", async () => {
  const needed = fc.uniqueArray(fc.integer({ min: 0, max: 59 }), { maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(needed, async (wanted) => {
      const fails = async (items: readonly number[]) => wanted.every((one) => items.includes(one));
      expect(await shrunk(numbers, fails, 1_000)).toEqual(wanted.toSorted((a, b) => a - b));
    }),
    { numRuns: 50 },
  );
});

it("ends when its budget is used up, with something that fails", async () => {
  let runs = 0;
  const fails = async (items: readonly number[]) => {
    runs += 1;
    return items.includes(7) && items.includes(50);
  };
  const smallest = await shrunk(numbers, fails, 5);
  expect(runs).toBe(5);
  expect(smallest.length).toBeLessThan(numbers.length);
  expect(await fails(smallest)).toBe(true);
});
