import fc from "fast-check";
import { expect, test } from "vitest";
import { again, attempted, type DeliveryState, firstOf } from "./delivery.ts";
import { MAX_WAITING, type OverflowTold, overflowed, tellOverflow } from "./overflow.ts";

const NOW = Date.parse("2026-11-21T00:00:00Z");
const HOUR_MS = 60 * 60 * 1000;

interface Kept extends DeliveryState {
  readonly n: number;
}

type Act =
  | { readonly do: "arrive"; readonly events: number }
  | { readonly do: "deliver" | "fail" | "redeliver"; readonly which: number };

const act: fc.Arbitrary<Act> = fc.oneof(
  fc.record({ do: fc.constant("arrive" as const), events: fc.integer({ min: 0, max: 12 }) }),
  fc.record({ do: fc.constantFrom("deliver" as const, "fail" as const, "redeliver" as const), which: fc.nat(40) }),
);

/** The deliveries of one webhook, of which `most` may wait. */
class Queue {
  readonly all: Kept[] = [];
  readonly #most: number | undefined;

  constructor(most?: number) {
    this.#most = most;
  }

  get waiting(): Kept[] {
    return this.all.filter(({ status }) => status === "waiting");
  }

  /** Answers what had to give way. */
  arrive(events: number): readonly Kept[] {
    for (let n = 0; n < events; n += 1) this.all.push({ ...firstOf(NOW), n: this.all.length });
    const { waiting } = this;
    const oldest = (limit: number) => waiting.slice(0, limit);
    const parked = overflowed({ count: () => waiting.length, oldest }, NOW, this.#most);
    for (const one of parked) this.save(one);
    return parked;
  }

  save(one: Kept): void {
    this.all[one.n] = one;
  }

  carryOut(one: Exclude<Act, { do: "arrive" }>): void {
    const kept = this.all[one.which % Math.max(1, this.all.length)];
    if (kept === undefined) return;
    if (one.do === "redeliver") this.save({ ...kept, ...again(kept, NOW) });
    else if (kept.status === "waiting") {
      const status = one.do === "deliver" ? 204 : 500;
      this.save({ ...kept, ...attempted(kept, { kind: "answered", status }, NOW, 0) });
    }
  }
}

test("whatever comes and goes: no more wait than may, the oldest give way to the newest, and nothing vanishes", () => {
  fc.assert(
    fc.property(fc.array(act, { minLength: 10, maxLength: 60 }), fc.integer({ min: 1, max: 9 }), (acts, most) => {
      const queue = new Queue(most);
      for (const one of acts) {
        if (one.do !== "arrive") {
          queue.carryOut(one);
          continue;
        }
        const before = [...queue.all];
        const parked = queue.arrive(one.events);
        const { all, waiting } = queue;
        expect(all).toHaveLength(before.length + one.events);
        const waited = before.filter(({ status }) => status === "waiting").length + one.events;
        expect(waiting).toHaveLength(Math.min(waited, most));
        expect(parked).toHaveLength(waited - waiting.length);
        for (const gone of parked) {
          expect(gone).toMatchObject({ status: "parked", next_at: null, ended_at: NOW });
          expect(gone.last_error).toBe(`more than ${most} waited`);
          for (const { n } of waiting) expect(n).toBeGreaterThan(gone.n);
        }
        const touched = new Set(parked.map(({ n }) => n));
        for (const one of before) if (!touched.has(one.n)) expect(all[one.n]).toBe(one);
      }
    }),
  );
});

test("ten thousand may wait, and one more makes one give way", () => {
  const queue = new Queue();
  expect(queue.arrive(MAX_WAITING)).toEqual([]);
  expect(queue.arrive(1).map(({ n }) => n)).toEqual([0]);
  expect(queue.waiting).toHaveLength(10_000);
});

test("what gave way can be sent again, from the beginning", () => {
  const queue = new Queue(1);
  queue.arrive(1);
  const [gone] = queue.arrive(1);
  if (gone === undefined) throw new Error("nothing gave way");
  expect({ ...gone, ...again(gone, NOW + 1) }).toEqual({ ...firstOf(NOW), next_at: NOW + 1, n: 0 });
});

test("an overflow is told at once, and what gives way within an hour of that together with the next after it", () => {
  const first = tellOverflow(undefined, 2, NOW);
  expect(first.tells).toBe(2);
  const second = tellOverflow(first.told, 3, NOW + HOUR_MS - 1);
  expect(second.tells).toBe(0);
  expect(tellOverflow(second.told, 1, NOW + HOUR_MS)).toEqual({ tells: 4, told: { at: NOW + HOUR_MS, untold: 0 } });
  expect(tellOverflow(second.told, 1, NOW - HOUR_MS).tells).toBe(4);
});

test("webhooks that are full and follow each other's news come to rest", () => {
  const full = Array.from({ length: 3 }, (): { told?: OverflowTold } => ({}));
  let underWay = [{ from: -1 }];
  for (let turn = 0; underWay.length > 0; turn += 1) {
    expect(turn).toBeLessThan(10);
    const arrived = underWay;
    underWay = [];
    for (const [at, webhook] of full.entries()) {
      for (const event of arrived) {
        if (event.from === at) continue;
        const { tells, told } = tellOverflow(webhook.told, 1, NOW + turn * 100);
        webhook.told = told;
        if (tells > 0) underWay.push({ from: at });
      }
    }
  }
  expect(full.map(({ told }) => told?.at)).toEqual([NOW, NOW, NOW]);
});
