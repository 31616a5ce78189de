import { expect, it, vi } from "vitest";
import { type Attempted, Courier } from "./courier.ts";
import { firstOf, type Outcome } from "./delivery.ts";
import type { StoredDelivery } from "./delivery-store.ts";

const taken: Outcome = { kind: "answered", status: 200 };

/** A courier over these numbers, whose receiver answers when it is let to. */
function courier(numbers: readonly number[]) {
  const waiting = new Map<number, StoredDelivery>();
  const open = new Map<number, (outcome: Outcome) => void>();
  const settled: number[][] = [];
  let most = 0;
  for (const n of numbers) waiting.set(n, { ...firstOf(0), n, event: "user.created", seq: n });
  const made = new Courier({
    due: (limit) => [...waiting.values()].slice(0, limit),
    attempt: (delivery) => {
      const { promise, resolve } = Promise.withResolvers<Outcome>();
      open.set(delivery.n, resolve);
      most = Math.max(most, open.size);
      return promise;
    },
    settle: (attempts: readonly Attempted[]) => {
      settled.push(attempts.map(({ delivery }) => delivery.n));
      for (const { delivery } of attempts) waiting.delete(delivery.n);
    },
    linger: async () => {},
  });
  const answer = (n: number) => {
    open.get(n)?.(taken);
    open.delete(n);
  };
  return { courier: made, open, settled, answer, waiting, most: () => most };
}

it("makes every attempt once, four at a time, whoever asks it to", async () => {
  const world = courier(Array.from({ length: 11 }, (_, n) => n + 1));
  const runs = [world.courier.run(), world.courier.run()];
  while (world.settled.flat().length < 11) {
    for (const n of world.open.keys()) world.answer(n);
    await Promise.resolve();
  }
  await Promise.all(runs);
  expect(world.settled.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: 11 }, (_, n) => n + 1));
  expect(world.most()).toBe(4);
});

it("goes on past one that hangs", async () => {
  const world = courier([1, 2, 3, 4, 5, 6]);
  const run = world.courier.run();
  await vi.waitFor(() => {
    for (const n of world.open.keys()) if (n !== 1) world.answer(n);
    expect(world.settled.flat()).toHaveLength(5);
  });
  expect([...world.open.keys()]).toEqual([1]);
  world.answer(1);
  await run;
  expect(world.settled.flat()).toContain(1);
});

it("writes down together what ends together", async () => {
  const world = courier([1, 2, 3]);
  const run = world.courier.run();
  for (const n of [1, 2, 3]) world.answer(n);
  await run;
  expect(world.settled).toHaveLength(1);
});

it("takes up again what it could not attempt", async () => {
  let fails = true;
  const one = { ...firstOf(0), n: 1, event: "user.created", seq: 1 };
  const settled: Attempted[] = [];
  const made = new Courier({
    due: () => (settled.length === 0 ? [one] : []),
    attempt: async () => {
      if (fails) throw new Error("it was a bug");
      return taken;
    },
    settle: (attempts) => settled.push(...attempts),
    linger: async () => {},
  });
  await expect(made.run()).rejects.toThrow("a bug");
  fails = false;
  await made.run();
  expect(settled).toMatchObject([{ delivery: { n: 1 }, outcome: taken }]);
});
