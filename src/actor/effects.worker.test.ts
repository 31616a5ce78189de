import { abortAllDurableObjects, evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { freshKey, type ProbeActor, stubOf, within } from "../../test/support/probe-actor.ts";
import type { ActorKey } from "./remote.ts";

/** Far enough ahead that no alarm rings by itself while a test runs. */
const START = 4_000_000_000_000;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: START });
  vi.spyOn(console, "error").mockImplementation(() => {});
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function send(from: ActorKey, to: ActorKey, ...bodies: string[]): Promise<void> {
  return within(from, (probe) => {
    probe.run((tx) => {
      for (const body of bodies) tx.effect(to, body);
    });
  });
}

function received(key: ActorKey): Promise<string[]> {
  return within(key, (probe) => probe.received());
}

function owed(key: ActorKey): Promise<unknown> {
  return within(key, (probe) => probe.rows("SELECT n FROM outbox").map(({ n }) => n));
}

/** Some time later, the alarm rings. */
function sweep(key: ActorKey): Promise<boolean> {
  vi.setSystemTime(Date.now() + MINUTE);
  return runDurableObjectAlarm(stubOf(key));
}

/** Makes a probe keep its receipts back for ever: what it applied is never acknowledged. */
function holdReceipts(key: ActorKey): Promise<void> {
  return within(key, (probe) => {
    probe.holdReceipts = new Promise(() => {});
  });
}

describe("effects", () => {
  it("are delivered at once, in order per target, without an alarm", async () => {
    const [from, a, b] = [freshKey(), freshKey("inbox"), freshKey("agent")];
    await send(from, a, "1", "2");
    await send(from, b, "3");
    await send(from, a, "4");
    await vi.waitFor(async () => expect(await received(a)).toEqual(["1", "2", "4"]));
    await vi.waitFor(async () => expect(await received(b)).toEqual(["3"]));
  });

  it("of a commit that failed are never delivered", async () => {
    const [from, to] = [freshKey(), freshKey("inbox")];
    await within(from, async (probe) => {
      expect(() =>
        probe.run((tx) => {
          tx.effect(to, "ghost");
          throw new Error("a bug");
        }),
      ).toThrow("a bug");
      probe.run((tx) => tx.effect(to, "real"));
      expect(await probe.drain()).toBe(true);
    });
    expect(await received(to)).toEqual(["real"]);
  });

  it("cost no commit when they are acknowledged: the next commit deletes them, else the sweep", async () => {
    const [from, to] = [freshKey(), freshKey("inbox")];
    await within(from, async (probe) => {
      const commits = vi.spyOn(probe.tables, "saveCounters");
      probe.run((tx) => tx.effect(to, "1"));
      expect(await probe.drain()).toBe(true);
      expect(probe.rows("SELECT n FROM outbox")).toEqual([{ n: 1 }]);
      expect(commits).toHaveBeenCalledTimes(1);
      probe.run(() => {});
      expect(probe.rows("SELECT n FROM outbox")).toEqual([]);
    });
    await send(from, to, "2");
    await within(from, (probe) => probe.drain());
    await sweep(from);
    expect(await owed(from)).toEqual([]);
    await within(from, async (probe, state) => {
      expect(probe.rows("SELECT * FROM timers")).toEqual([]);
      expect(await state.storage.getAlarm()).toBeNull();
    });
    expect(await received(to)).toEqual(["1", "2"]);
  });

  it("that an actor sends to itself arrive", async () => {
    const key = freshKey();
    await send(key, key, "note to self");
    await vi.waitFor(async () => expect(await received(key)).toEqual(["note to self"]));
  });

  it("too large for one call together go in several", async () => {
    const [from, to] = [freshKey(), freshKey("inbox")];
    const bodies = Array.from({ length: 8 }, (_, n) => `${n}`.repeat(300_000));
    await send(from, to, ...bodies);
    await within(from, (probe) => probe.drain());
    expect(await received(to)).toEqual(bodies);
    expect(await within(to, (probe) => probe.deliveries)).toBe(8);
  });
});

describe("after the process was killed", () => {
  it("while effects waited for others to share a commit, they are sent again", async () => {
    const [other, from, to] = [freshKey(), freshKey(), freshKey("inbox")];
    await send(other, to, "now");
    await vi.waitFor(async () => expect(await received(to)).toEqual(["now"]));
    await send(from, to, "~1", "~2");
    await vi.waitFor(async () => expect(await within(to, (probe) => probe.deliveries)).toBe(2));
    await abortAllDurableObjects();
    await sweep(from);
    await vi.waitFor(async () => expect(await received(to)).toEqual(["now", "~1", "~2"]));
    await send(from, to, "3");
    await vi.waitFor(async () => expect(await received(to)).toEqual(["now", "~1", "~2", "3"]));
  });

  it("right after the commit, the alarm delivers", async () => {
    const [from, to] = [freshKey(), freshKey("inbox")];
    await within(to, (probe) => {
      probe.unreachable = true;
    });
    await send(from, to, "1");
    await abortAllDurableObjects();
    expect(await received(to)).toEqual([]);
    expect(await owed(from)).toEqual([1]);
    await sweep(from);
    expect(await received(to)).toEqual(["1"]);
    expect(await owed(from)).toEqual([]);
  });

  it("between delivery and acknowledgement, the message is sent again and applied once", async () => {
    const [from, to] = [freshKey(), freshKey("inbox")];
    await holdReceipts(to);
    await send(from, to, "1");
    await vi.waitFor(async () => expect(await received(to)).toEqual(["1"]));
    await abortAllDurableObjects();
    await send(from, to, "2");
    await sweep(from);
    expect(await received(to)).toEqual(["1", "2"]);
    expect(await owed(from)).toEqual([]);
  });

  it("again and again between every delivery and its acknowledgement, nothing is lost, doubled or out of order", async () => {
    const [from, to] = [freshKey(), freshKey("inbox")];
    const bodies: string[] = [];
    for (let round = 1; round <= 5; round += 1) {
      await holdReceipts(to);
      bodies.push(`${round}a`, `${round}b`);
      await send(from, to, `${round}a`, `${round}b`);
      await vi.waitFor(async () => expect(await received(to)).toEqual(bodies));
      await abortAllDurableObjects();
    }
    await sweep(from);
    expect(await received(to)).toEqual(bodies);
  });

  it("in the middle of a batch, what was applied stays and the rest follows", async () => {
    const [from, to] = [freshKey(), freshKey("inbox")];
    await within(to, (probe) => {
      probe.refuses.add("2");
    });
    await send(from, to, "1", "2", "3");
    await vi.waitFor(async () => expect(await received(to)).toEqual(["1"]));
    await abortAllDurableObjects();
    await sweep(from);
    expect(await received(to)).toEqual(["1", "2", "3"]);
  });
});

describe("an eviction", () => {
  it("of the receiver forgets no mark: a message delivered twice is applied once", async () => {
    const to = freshKey("inbox");
    const rows = [{ n: 4, message: JSON.stringify({ caller: { who: {}, where: {} }, body: "once" }) }];
    const stub = stubOf<ProbeActor>(to);
    expect(await stub.deliver(to, "task:sender", rows)).toEqual({ acked: 4 });
    await evictDurableObject(stub);
    expect(await stubOf<ProbeActor>(to).deliver(to, "task:sender", rows)).toEqual({ acked: 4 });
    expect(await received(to)).toEqual(["once"]);
    expect(await stubOf<ProbeActor>(to).deliver(to, "task:other", rows)).toEqual({ acked: 4 });
    expect(await received(to)).toEqual(["once", "once"]);
  });

  it("of sender and receiver after the acknowledgement sends again at most what is then dropped", async () => {
    const [from, to] = [freshKey(), freshKey("inbox")];
    await send(from, to, "1");
    await within(from, (probe) => probe.drain());
    await evictDurableObject(stubOf(from));
    await evictDurableObject(stubOf(to));
    expect(await owed(from)).toEqual([1]);
    await sweep(from);
    expect(await received(to)).toEqual(["1"]);
    expect(await within(to, (probe) => probe.deliveries)).toBe(1);
    expect(await owed(from)).toEqual([]);
  });
});

describe("a receiver that fails", () => {
  it("holds up only what is sent to it", async () => {
    const [from, dead, alive] = [freshKey(), freshKey("agent"), freshKey("inbox")];
    await within(dead, (probe) => {
      probe.unreachable = true;
    });
    await within(from, (probe) => {
      probe.run((tx) => {
        tx.effect(dead, "1");
        tx.effect(alive, "2");
        tx.effect(dead, "3");
        tx.effect(alive, "4");
      });
    });
    await vi.waitFor(async () => expect(await received(alive)).toEqual(["2", "4"]));
    await within(dead, (probe) => {
      probe.unreachable = false;
    });
    expect(await received(dead)).toEqual([]);
    await sweep(from);
    expect(await received(dead)).toEqual(["1", "3"]);
  });

  it("is tried again by the alarm with backoff, never in a hot loop", async () => {
    const [from, dead] = [freshKey(), freshKey("agent")];
    await within(dead, (probe) => {
      probe.unreachable = true;
    });
    await send(from, dead, "1");
    await within(from, async (probe, state) => {
      await probe.drain();
      const waits: number[] = [];
      for (let attempt = 0; attempt < 8; attempt += 1) {
        const alarm = (await state.storage.getAlarm()) ?? 0;
        waits.push(alarm - Date.now());
        vi.setSystemTime(alarm);
        await probe.alarm();
      }
      expect(waits.every((wait) => wait >= 250 && wait <= 30_000)).toBe(true);
      expect(waits.at(-1)).toBeGreaterThanOrEqual(15_000);
    });
    expect(await within(dead, (probe) => probe.deliveries)).toBe(9);
  });

  it("rolls back the effect that it throws on, and only that", async () => {
    const [from, to] = [freshKey(), freshKey("inbox")];
    await within(to, (probe) => {
      probe.refuses.add("poison");
    });
    await send(from, to, "1", "poison", "3");
    await vi.waitFor(async () => expect(await received(to)).toEqual(["1"]));
    await within(to, (probe) => {
      expect(probe.rows("SELECT count(*) AS n FROM journal")).toEqual([{ n: 1 }]);
      expect(probe.rows("SELECT n FROM marks")).toEqual([{ n: 1 }]);
      probe.refuses.clear();
    });
    await sweep(from);
    expect(await received(to)).toEqual(["1", "poison", "3"]);
  });

  it("with nothing to show for it leaves no actor behind", async () => {
    const to = freshKey("inbox");
    await within(to, (probe) => {
      probe.refuses.add("poison");
    });
    const rows = [{ n: 1, message: JSON.stringify({ caller: { who: {}, where: {} }, body: "poison" }) }];
    expect(await stubOf<ProbeActor>(to).deliver(to, "task:sender", rows)).toMatchObject({ acked: 0 });
    expect(await within(to, (probe) => probe.isThere())).toBe(false);
  });

  it("by never answering holds up none of the sender's own timers", async () => {
    const [from, silent] = [freshKey(), freshKey("agent")];
    await holdReceipts(silent);
    await within(from, async (probe) => {
      probe.run((tx) => {
        tx.effect(silent, "1");
        tx.timer("lease", START + 6_000);
      });
      vi.setSystemTime(START + 6_000);
      await probe.alarm();
      expect(probe.rung).toEqual(["lease"]);
      probe.run((tx) => tx.timer("lease", START + 7_000));
      vi.setSystemTime(START + 7_000);
      await probe.alarm();
      expect(probe.rung).toEqual(["lease", "lease"]);
    });
  });
});

describe("the mark of a source", () => {
  it("is forgotten within the hour once it was not heard of for 24 h, by whoever receives on", async () => {
    const to = freshKey("inbox");
    const row = (n: number) => [{ n, message: JSON.stringify({ caller: { who: {}, where: {} }, body: `${n}` }) }];
    const stub = stubOf<ProbeActor>(to);
    await stub.deliver(to, "task:ended", row(1));
    vi.setSystemTime(START + DAY);
    await stub.deliver(to, "task:young", row(1));
    const sources = () => within(to, (probe) => probe.rows("SELECT source FROM marks").map(({ source }) => source));
    expect(await sources()).toEqual(["task:ended", "task:young"]);
    vi.setSystemTime(START + DAY + HOUR);
    await stub.deliver(to, "task:young", row(2));
    expect(await sources()).toEqual(["task:young"]);
  });
});
