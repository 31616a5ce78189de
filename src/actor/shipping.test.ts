import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { systemCaller } from "./caller.ts";
import { entryOf, GENESIS } from "./journal.ts";
import { Shipping } from "./shipping.ts";

const NOW = 1_800_000_000_000;
const LINGER_MS = 75;

/** A journal of which only the length matters, and a ledger that notes what it is sent. */
class World {
  head = 0;
  shipped = 0;
  readonly sent: { from: number; to: number; at: number }[] = [];
  readonly retries: number[] = [];
  /** Time that the ledger takes to answer, in ms. */
  takes = 0;
  fails: string | undefined;
  inFlight = 0;
  readonly shipping = new Shipping({
    source: "task:1",
    waiting: () => this.head - this.shipped,
    next: (limit) => {
      const to = Math.min(this.head, this.shipped + limit);
      if (to === this.shipped) return undefined;
      const entries = Array.from({ length: to - this.shipped }, (_, n) => entryAt(this.shipped + n + 1));
      return { source: "task:1", entries, changes: [] };
    },
    send: async ({ entries }) => {
      this.inFlight += 1;
      expect(this.inFlight).toBe(1);
      const to = entries.at(-1)?.entry.seq ?? 0;
      this.sent.push({ from: entries[0]?.entry.seq ?? 0, to, at: Date.now() - NOW });
      if (this.takes > 0) await new Promise((resolve) => setTimeout(resolve, this.takes));
      this.inFlight -= 1;
      if (this.fails !== undefined) throw new Error(this.fails);
      return { acknowledged: to };
    },
    acknowledged: (seq) => {
      this.shipped = seq;
    },
    retryAt: (dueAt) => this.retries.push(dueAt),
  });

  commit(entries = 1): void {
    this.head += entries;
    this.shipping.poke();
  }
}

let world: World;
let logged: string[];

beforeEach(() => {
  vi.useFakeTimers({ now: NOW });
  world = new World();
  logged = [];
  vi.spyOn(console, "error").mockImplementation((line: string) => logged.push(JSON.parse(line).event));
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("shipping", () => {
  it("lingers: a burst goes in one shipment", async () => {
    for (let n = 0; n < 20; n += 1) {
      world.commit();
      await vi.advanceTimersByTimeAsync(2);
    }
    expect(world.sent).toEqual([]);
    await vi.advanceTimersByTimeAsync(LINGER_MS);
    expect(world.sent).toEqual([{ from: 1, to: 20, at: LINGER_MS }]);
  });

  it("does not wait when a full batch is there", async () => {
    world.commit(99);
    expect(world.sent).toEqual([]);
    world.commit(1);
    expect(world.sent).toEqual([{ from: 1, to: 100, at: 0 }]);
  });

  it("of more than a batch goes in batches, and the rest lingers", async () => {
    world.commit(250);
    await vi.advanceTimersByTimeAsync(0);
    expect(world.sent.map(({ to }) => to)).toEqual([100, 200]);
    await vi.advanceTimersByTimeAsync(LINGER_MS);
    expect(world.sent.map(({ to }) => to)).toEqual([100, 200, 250]);
  });

  it("lingers again under a steady stream, rather than sending what came while a call was in flight", async () => {
    world.takes = 3;
    for (let n = 0; n < 500; n += 1) {
      world.commit();
      await vi.advanceTimersByTimeAsync(2);
    }
    await vi.advanceTimersByTimeAsync(2 * LINGER_MS);
    expect(world.shipped).toBe(500);
    expect(world.sent.length).toBeLessThanOrEqual(1 + (500 * 2 + 2 * LINGER_MS) / LINGER_MS);
  });

  it("keeps one call in flight, whoever asks", async () => {
    world.takes = 50;
    world.commit(10);
    const asked = [world.shipping.ship(), world.shipping.ship()];
    await vi.advanceTimersByTimeAsync(20);
    world.commit(5);
    asked.push(world.shipping.ship());
    await vi.advanceTimersByTimeAsync(300);
    expect(await Promise.all(asked)).toEqual([true, true, true]);
    expect(world.sent.map(({ to }) => to)).toEqual([10, 15]);
  });

  it("asked for expressly leaves nothing behind, though it joins a run that would", async () => {
    world.takes = 10;
    world.commit(100);
    world.commit(30);
    const asked = world.shipping.ship();
    await vi.advanceTimersByTimeAsync(30);
    expect(await asked).toBe(true);
    expect(world.shipped).toBe(130);
  });

  it("strands no entry that is committed at any moment of a flight", async () => {
    for (let moment = 0; moment <= 12; moment += 1) {
      world = new World();
      world.takes = 10;
      world.commit(100);
      await vi.advanceTimersByTimeAsync(moment);
      world.commit(100);
      world.commit(1);
      await vi.advanceTimersByTimeAsync(LINGER_MS + 50);
      expect(world.shipped).toBe(201);
    }
  });

  it("has nothing to do for an actor that owes nothing", async () => {
    world.shipping.poke();
    expect(vi.getTimerCount()).toBe(0);
    expect(await world.shipping.ship()).toBe(true);
    expect(world.sent).toEqual([]);
  });
});

describe("a ledger that fails", () => {
  it("is tried again with growing backoff, reported once, and sent nothing in between", async () => {
    world.fails = "down";
    vi.spyOn(Math, "random").mockReturnValue(0);
    world.commit();
    await vi.advanceTimersByTimeAsync(LINGER_MS);
    expect(world.retries).toEqual([NOW + LINGER_MS + 250]);
    world.commit(200);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(world.sent).toHaveLength(1);
    for (let n = 0; n < 8; n += 1) {
      expect(await world.shipping.ship()).toBe(false);
    }
    expect(world.retries.slice(1).map((at) => at - Date.now())).toEqual([
      500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000,
    ]);
    expect(logged).toEqual(["ship.failed"]);
  });

  it("gets everything, in order, once it is back; then shipping lingers as before", async () => {
    world.fails = "down";
    world.commit(150);
    await vi.advanceTimersByTimeAsync(0);
    world.fails = undefined;
    expect(await world.shipping.ship()).toBe(true);
    expect(world.sent.map(({ from, to }) => [from, to])).toEqual([
      [1, 100],
      [1, 100],
      [101, 150],
    ]);
    world.commit();
    expect(world.sent).toHaveLength(3);
    await vi.advanceTimersByTimeAsync(LINGER_MS);
    expect(world.shipped).toBe(151);
  });

  it("that stands below what it acknowledged before is a failure, not an endless loop", async () => {
    const stuck = new Shipping({
      source: "task:1",
      waiting: () => 1,
      next: () => ({ source: "task:1", entries: [entryAt(9)], changes: [] }),
      send: async () => ({ acknowledged: 3 }),
      acknowledged: () => expect.unreachable(),
      retryAt: (dueAt) => world.retries.push(dueAt),
    });
    expect(await stuck.ship()).toBe(false);
    expect(world.retries).toHaveLength(1);
    expect(logged).toEqual(["ship.failed"]);
  });

  it("does not block shipping for ever when even its retry could not be noted", async () => {
    let broken = true;
    const shipping = new Shipping({
      source: "task:1",
      waiting: () => (broken ? 1 : 0),
      next: () => (broken ? { source: "task:1", entries: [entryAt(1)], changes: [] } : undefined),
      send: async () => {
        throw new Error("down");
      },
      acknowledged: () => expect.unreachable(),
      retryAt: () => {
        throw new Error("the disk is full");
      },
    });
    shipping.poke();
    await vi.advanceTimersByTimeAsync(LINGER_MS);
    expect(logged).toEqual(["ship.failed", "ship.stuck"]);
    broken = false;
    expect(await shipping.ship()).toBe(true);
  });
});

function entryAt(seq: number) {
  const happening = { action: "probe.done", subject_type: "probe", subject_id: "p" };
  const place = { workspace: "default", actor: "task:1", seq, micros: seq };
  return { entry: entryOf(happening, place, systemCaller("default", "probe", "r")), prev_hash: GENESIS, hash: GENESIS };
}
