import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type EffectRow, Outbox, type Receipt } from "./outbox.ts";

const NOW = 1_800_000_000_000;
const HOUR = 60 * 60 * 1000;

/** The outbox table, and receivers that keep marks as actors do. */
class World {
  owed: { n: number; target: string; message: string }[] = [];
  readonly applied: string[] = [];
  readonly calls: { target: string; numbers: number[] }[] = [];
  readonly marks = new Map<string, number>();
  readonly retries: number[] = [];
  readonly parked: string[] = [];
  /** What stands between sender and receiver; by default nothing. */
  network: (target: string, deliver: () => Receipt) => Promise<Receipt> = async (_, deliver) => deliver();
  refused: string | undefined;
  outbox = this.#life();
  /** How often storage was asked what is owed to a target. */
  reads = 0;
  #n = 0;

  /** The actor dies and wakes: what is in storage stays. */
  wake(): void {
    this.outbox = this.#life();
  }

  #life(): Outbox {
    return new Outbox({
      source: "task:1",
      store: this,
      send: (target, rows) => {
        this.calls.push({ target, numbers: rows.map(({ n }) => n) });
        return this.network(target, () => this.#receive(target, rows));
      },
      retryAt: (dueAt) => this.retries.push(dueAt),
      parked: (target, isParked) => this.parked.push(`${target} ${isParked}`),
    });
  }

  targets(): string[] {
    return [...new Set(this.owed.map(({ target }) => target))];
  }

  owes(below: number): boolean {
    return this.owed.some(({ n }) => n < below);
  }

  owedTo(target: string, above: number, limit: number): EffectRow[] {
    this.reads += 1;
    return this.owed.filter((row) => row.target === target && row.n > above).slice(0, limit);
  }

  acknowledge(target: string, upTo: number): void {
    this.owed = this.owed.filter((row) => row.target !== target || row.n > upTo);
  }

  /** A commit that makes messages for `target`; the outbox is not told of them. */
  commit(target?: string, ...messages: string[]): readonly EffectRow[] {
    this.outbox.settle(this);
    const rows = messages.map((message): EffectRow => {
      this.#n += 1;
      if (target !== undefined) this.owed.push({ n: this.#n, target, message });
      return { n: this.#n, message };
    });
    this.outbox.settled();
    return rows;
  }

  /** A commit that makes messages for `target`, and tells the outbox, as actors do. */
  enqueue(target: string, ...messages: string[]): Promise<boolean> {
    return this.outbox.enqueued(Date.now(), new Map([[target, this.commit(target, ...messages)]]));
  }

  #receive(target: string, rows: readonly EffectRow[]): Receipt {
    let acked = this.marks.get(target) ?? 0;
    for (const { n, message } of rows) {
      if (n <= acked) continue;
      if (message === this.refused) return { acked, failed: `${message} is refused` };
      this.applied.push(`${target} ${message}`);
      this.marks.set(target, n);
      acked = n;
    }
    return { acked };
  }
}

let world: World;
let logged: string[];

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: NOW });
  world = new World();
  logged = [];
  vi.spyOn(console, "error").mockImplementation((line: string) => logged.push(JSON.parse(line).event));
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** Tries again when the outbox said that it would. */
async function atNextTry(): Promise<boolean> {
  vi.setSystemTime(world.retries.at(-1) ?? NOW);
  return world.outbox.drain(Date.now());
}

describe("delivery", () => {
  it("is in order, each message once, and costs no commit of its own", async () => {
    world.commit("a", "1", "2");
    world.commit("b", "3");
    expect(await world.outbox.drain(NOW)).toBe(true);
    expect(world.applied).toEqual(["a 1", "a 2", "b 3"]);
    expect(world.owed).toHaveLength(3);
    world.commit();
    expect(world.owed).toEqual([]);
    expect(world.retries).toEqual([]);
  });

  it("does not send again what was acknowledged, though it is not deleted yet", async () => {
    world.commit("a", "1");
    await world.outbox.drain(NOW);
    await world.outbox.drain(NOW);
    expect(world.calls).toHaveLength(1);
  });

  it("of a long queue goes in calls of fifty, one after the other", async () => {
    world.commit("a", ...Array.from({ length: 120 }, (_, n) => `${n}`));
    expect(await world.outbox.drain(NOW)).toBe(true);
    expect(world.calls.map(({ numbers }) => numbers.length)).toEqual([50, 50, 20]);
    expect(world.applied).toHaveLength(120);
  });

  it("keeps one call in flight per target, however many drain at once", async () => {
    let inFlight = 0;
    world.network = async (_, deliver) => {
      inFlight += 1;
      expect(inFlight).toBe(1);
      await Promise.resolve();
      inFlight -= 1;
      return deliver();
    };
    world.commit("a", "1");
    const drains = [world.outbox.drain(NOW), world.outbox.drain(NOW), world.outbox.drain(NOW)];
    world.commit("a", "2");
    drains.push(world.outbox.drain(NOW));
    expect(await Promise.all(drains)).toEqual([true, true, true, true]);
    expect(world.applied).toEqual(["a 1", "a 2"]);
  });

  it("misses nothing that is enqueued while the last look is under way", async () => {
    world.commit("a", "1");
    world.network = async (_, deliver) => {
      const receipt = deliver();
      // The answer is on its way: the run that waits for it looks once more, then ends.
      queueMicrotask(() => {
        if (world.calls.length > 3) return;
        world.commit("a", `late ${world.calls.length}`);
        void world.outbox.drain(NOW);
      });
      return receipt;
    };
    await world.outbox.drain(NOW);
    await vi.waitFor(() => expect(world.applied).toHaveLength(4));
    expect(world.applied).toEqual(["a 1", "a late 1", "a late 2", "a late 3"]);
    world.commit();
    expect(world.owed).toEqual([]);
  });

  it("applies a message once though its acknowledgement was lost", async () => {
    world.network = async (_, deliver) => {
      deliver();
      throw new Error("connection lost");
    };
    world.commit("a", "1");
    expect(await world.outbox.drain(NOW)).toBe(false);
    world.network = async (_, deliver) => deliver();
    expect(await atNextTry()).toBe(true);
    expect(world.calls).toHaveLength(2);
    expect(world.applied).toEqual(["a 1"]);
  });

  it("keeps an acknowledgement over a commit that failed", async () => {
    world.commit("a", "1");
    await world.outbox.drain(NOW);
    const before = world.owed;
    world.outbox.settle(world);
    world.owed = before; // the transaction was rolled back: no settled()
    world.commit();
    expect(world.owed).toEqual([]);
  });
});

describe("a target out of reach", () => {
  it("holds up no other", async () => {
    world.network = async (target, deliver) => {
      if (target === "dead") throw new Error("unreachable");
      return deliver();
    };
    world.commit("dead", "1");
    world.commit("b", "2");
    expect(await world.outbox.drain(NOW)).toBe(false);
    expect(world.applied).toEqual(["b 2"]);
  });

  it("is not called again before its backoff is over, and waits longer each time", async () => {
    world.network = async () => {
      throw new Error("unreachable");
    };
    vi.spyOn(Math, "random").mockReturnValue(0.999);
    world.commit("a", "1");
    await world.outbox.drain(NOW);
    const [first = 0] = world.retries;
    expect(first - NOW).toBe(500);
    await world.outbox.drain(first - 1);
    expect(world.calls).toHaveLength(1);
    for (let n = 0; n < 9; n += 1) await atNextTry();
    const waits = world.retries.map((at, n) => at - (world.retries[n - 1] ?? NOW));
    expect(waits).toEqual(
      [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000, 30_000].map((ms) =>
        Math.round(ms / 2 + (ms / 2) * 0.999),
      ),
    );
  });

  it("is never parked, however long it is gone, and reported once", async () => {
    world.network = async () => {
      throw new Error("unreachable");
    };
    world.commit("a", "1");
    await world.outbox.drain(NOW);
    for (let n = 0; n < 40; n += 1) await atNextTry();
    expect((world.retries.at(-1) ?? 0) - Date.now()).toBeLessThanOrEqual(30_000);
    expect(logged).toEqual(["effect.failed"]);
    world.network = async (_, deliver) => deliver();
    expect(await atNextTry()).toBe(true);
    expect(world.applied).toEqual(["a 1"]);
  });

  it("that acknowledges nothing, yet refuses nothing, does not spin", async () => {
    world.network = async () => ({ acked: 0 });
    world.commit("a", "1");
    expect(await world.outbox.drain(NOW)).toBe(false);
    expect(world.calls).toHaveLength(1);
    expect(world.retries).toHaveLength(1);
  });
});

describe("a message that its receiver refuses", () => {
  beforeEach(() => {
    world.refused = "poison";
  });

  it("holds up what comes after it for the same target, and nothing else", async () => {
    world.commit("a", "1", "poison", "3");
    world.commit("b", "4");
    expect(await world.outbox.drain(NOW)).toBe(false);
    expect(world.applied.toSorted()).toEqual(["a 1", "b 4"]);
    world.commit();
    expect(world.owed.map(({ message }) => message)).toEqual(["poison", "3"]);
  });

  it("is parked and reported after ten attempts, then tried once an hour, and gets through when it may", async () => {
    world.commit("a", "poison", "2");
    await world.outbox.drain(NOW);
    for (let n = 1; n < 10; n += 1) await atNextTry();
    expect(logged).toEqual(["effect.failed", "effect.parked"]);
    expect((world.retries.at(-1) ?? 0) - Date.now()).toBe(HOUR);
    expect(world.outbox.nextTry(["a"], Date.now())).toBe(Date.now() + HOUR);
    await atNextTry();
    expect((world.retries.at(-1) ?? 0) - Date.now()).toBe(HOUR);
    expect(logged).toHaveLength(2);
    expect(world.parked).toEqual(["a true", "a true"]);
    world.refused = undefined;
    expect(await atNextTry()).toBe(true);
    expect(world.applied).toEqual(["a poison", "a 2"]);
    expect(world.parked).toEqual(["a true", "a true", "a false"]);
  });

  it("is parked for its own refusals only: an outage before them does not count", async () => {
    world.network = async () => {
      throw new Error("unreachable");
    };
    world.commit("a", "poison");
    await world.outbox.drain(NOW);
    for (let n = 0; n < 20; n += 1) await atNextTry();
    world.network = async (_, deliver) => deliver();
    for (let n = 0; n < 9; n += 1) await atNextTry();
    expect(logged).toEqual(["effect.failed"]);
    await atNextTry();
    expect(logged).toEqual(["effect.failed", "effect.parked"]);
  });

  it("does not hold up later messages for others once it is parked", async () => {
    world.commit("a", "poison");
    await world.outbox.drain(NOW);
    for (let n = 1; n < 10; n += 1) await atNextTry();
    world.commit("b", "2");
    await world.outbox.drain(Date.now(), ["b"]);
    expect(world.applied).toEqual(["b 2"]);
    expect(world.outbox.nextTry(["a", "b"], Date.now())).toBe(Date.now() + 1_000);
  });
});

describe("what the outbox was told of", () => {
  it("is delivered without asking storage, while that is all that is owed", async () => {
    for (const n of [1, 2, 3]) expect(await world.enqueue("a", `${n}`)).toBe(true);
    await Promise.all([world.enqueue("a", "4"), world.enqueue("b", "5"), world.enqueue("a", "6", "7")]);
    expect(world.reads).toBe(0);
    expect(world.applied.filter((one) => one.startsWith("a"))).toEqual(["a 1", "a 2", "a 3", "a 4", "a 6", "a 7"]);
  });

  it("comes after what an earlier life left", async () => {
    world.commit("a", "1");
    world.wake();
    await world.enqueue("b", "2");
    await world.enqueue("a", "3");
    expect(world.applied).toEqual(["b 2", "a 1", "a 3"]);
  });

  it("comes after what a commit made that the outbox has not been told of yet", async () => {
    await world.enqueue("a", "1");
    const outer = world.commit("a", "2");
    const inner = world.enqueue("a", "3");
    await world.outbox.enqueued(NOW, new Map([["a", outer]]));
    await inner;
    expect(world.applied).toEqual(["a 1", "a 2", "a 3"]);
  });

  it("is not kept in memory beyond one call: a target that is gone for long costs storage", async () => {
    world.network = async () => {
      throw new Error("gone");
    };
    for (let n = 1; n <= 60; n += 1) await world.enqueue("a", `${n}`);
    world.network = async (_, deliver) => deliver();
    vi.setSystemTime(NOW + HOUR);
    expect(await world.enqueue("a", "61")).toBe(true);
    expect(world.applied).toEqual(Array.from({ length: 61 }, (_, n) => `a ${n + 1}`));
    expect(world.reads).toBeGreaterThan(0);
  });
});

describe("whatever the network loses, repeats or delays", () => {
  it("every message is applied once, in order per target, and nothing stays owed", async () => {
    const step = fc.record({
      target: fc.constantFrom("a", "b", "c"),
      fate: fc.constantFrom("arrives", "lost", "answer lost", "slow"),
      next: fc.constantFrom("told", "told", "drained", "left", "died"),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        world = new World();
        const sent: string[] = [];
        for (const [n, { target, fate, next }] of steps.entries()) {
          world.network = async (_, deliver) => {
            if (fate === "slow") for (let tick = 0; tick < 5; tick += 1) await Promise.resolve();
            if (fate === "lost") throw new Error("lost");
            const receipt = deliver();
            if (fate === "answer lost") throw new Error("answer lost");
            return receipt;
          };
          sent.push(`${target} ${n}`);
          if (next === "told") void world.enqueue(target, `${n}`);
          else world.commit(target, `${n}`);
          if (next === "drained") void world.outbox.drain(Date.now());
          if (next === "died") world.wake();
          if (n % 3 === 0) await Promise.resolve();
        }
        world.network = async (_, deliver) => deliver();
        for (let round = 0; round < 3; round += 1) {
          vi.setSystemTime(Date.now() + HOUR);
          await world.outbox.drain(Date.now());
        }
        world.commit();
        expect(world.owed).toEqual([]);
        for (const target of ["a", "b", "c"]) {
          const of = (all: string[]) => all.filter((one) => one.startsWith(target));
          expect(of(world.applied)).toEqual(of(sent));
        }
      }),
      { numRuns: 200 },
    );
  });
});
