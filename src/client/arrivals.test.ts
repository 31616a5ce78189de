import { expect, test } from "vitest";
import { Arrivals } from "./arrivals.ts";

async function rest<Item>(arrivals: Arrivals<Item>): Promise<Item[]> {
  const items: Item[] = [];
  for await (const item of arrivals) items.push(item);
  return items;
}

test("items come in the order in which they arrived, before and after somebody reads, up to the end", async () => {
  const arrivals = new Arrivals<number>(10);
  arrivals.push(1);
  const reading = rest(arrivals);
  await Promise.resolve();
  arrivals.push(2);
  arrivals.push(3);
  arrivals.end();
  expect(arrivals.push(4)).toBe(false);
  expect(await reading).toEqual([1, 2, 3]);
});

test("a reader who is too far behind gets what came before that, and no more", async () => {
  const arrivals = new Arrivals<number>(2);
  expect([1, 2, 3].map((item) => arrivals.push(item))).toEqual([true, true, false]);
  arrivals.end();
  expect(await rest(arrivals)).toEqual([1, 2]);
});

test("an error comes after what arrived before it; the first end counts", async () => {
  const arrivals = new Arrivals<number>(2);
  arrivals.push(1);
  arrivals.end(new Error("forbidden"));
  arrivals.end();
  const iterator = arrivals[Symbol.asyncIterator]();
  expect(await iterator.next()).toEqual({ value: 1, done: false });
  await expect(iterator.next()).rejects.toThrow("forbidden");
});
