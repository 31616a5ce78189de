/** An actor's journal as a channel: numbers, pages, gaps, long polls, and pushes to hubs. */
import { abortAllDurableObjects, evictDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { freshKey, ProbeActor, stubOf, within } from "../../test/support/probe-actor.ts";
import type { EventsPage } from "../realtime/channel-api.ts";
import { SUBSCRIPTION_MS } from "../realtime/channel-api.ts";
import type { Event } from "../realtime/contract.ts";
import type { ActorKey } from "./remote.ts";
import type { Result } from "./result.ts";

const HUB = "hub:XX/0";
const silent = { action: "probe.done", subject_type: "probe", subject_id: "p" };

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function told(n: number, audit = true) {
  return { action: "probe:told", subject_type: "probe", subject_id: "p", details: { n }, audit };
}

function tell(probe: ProbeActor, ...numbers: readonly number[]): void {
  probe.run((tx) => {
    for (const n of numbers) tx.journal(told(n));
  });
}

function value<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

async function page(probe: ProbeActor, key: ActorKey, after?: number, limit = 100, wait_ms = 0): Promise<EventsPage> {
  return value(await probe.events(key, { channel: key, after, limit, wait_ms }));
}

function seqs({ events }: Pick<EventsPage, "events">): number[][] {
  return events.map(({ seq, prev }) => [prev, seq]);
}

/** What hubs are pushed from now on, call by call; they answer when they are let. */
function pushes(answer: () => Promise<void> = async () => {}): Event[][] {
  const pushed: Event[][] = [];
  ProbeActor.hub = (_channel, events) => {
    pushed.push([...events]);
    return answer();
  };
  return pushed;
}

describe("the events of a channel", () => {
  it("are the journal's entries that tell something, each with the seq of the one before", async () => {
    const key = freshKey();
    await within(key, async (probe) => {
      probe.run((tx) => {
        tx.journal(silent);
        tx.journal(told(1));
        tx.journal(silent);
        tx.journal(told(2, false));
      });
      tell(probe, 3);
      const all = await page(probe, key, 0);
      expect(seqs(all)).toEqual([
        [0, 2],
        [2, 4],
        [4, 5],
      ]);
      expect(all).toMatchObject({ head: 5, reset: false });
      expect(all.events[0]).toEqual({
        event: "probe:told",
        timestamp: expect.stringMatching(/^\d{4}-.*\d{6}Z$/),
        channel: key,
        seq: 2,
        prev: 0,
        payload: { n: 1 },
      });
      expect(seqs(await page(probe, key, 2, 1))).toEqual([[2, 4]]);
      expect(seqs(await page(probe, key, 3))).toEqual([
        [2, 4],
        [4, 5],
      ]);
      expect(await page(probe, key, 5)).toEqual({ events: [], head: 5, reset: false });
    });
  });

  it("are not there of a commit that was rolled back, and the next one closes up", async () => {
    const key = freshKey();
    await within(key, async (probe) => {
      const pushed = pushes();
      await probe.subscribe(key, key, HUB, 1);
      tell(probe, 1);
      expect(() =>
        probe.run((tx) => {
          tx.journal(told(2));
          throw new Error("undone");
        }),
      ).toThrow("undone");
      tell(probe, 3);
      expect((await page(probe, key, 0)).events.map(({ payload }) => payload.n)).toEqual([1, 3]);
      expect(pushed.flat().map(({ seq, prev }) => [prev, seq])).toEqual(seqs(await page(probe, key, 0)));
    });
  });

  it("are all there after an eviction and after a crash", async () => {
    const key = freshKey();
    await within(key, (probe) => tell(probe, 1, 2));
    const before = await within(key, (probe) => page(probe, key, 0));
    await evictDurableObject(stubOf(key));
    expect(await within(key, (probe) => page(probe, key, 0))).toEqual(before);
    await abortAllDurableObjects();
    await within(key, (probe) => tell(probe, 3));
    expect(seqs(await within(key, (probe) => page(probe, key, 2)))).toEqual([[2, 3]]);
  });

  it("that are too much for one call come in several", async () => {
    const key = freshKey();
    await within(key, async (probe) => {
      const text = "x".repeat(300_000);
      for (let n = 1; n <= 3; n += 1) probe.run((tx) => tx.journal({ ...told(n), details: { text } }));
      expect(seqs(await page(probe, key, 0))).toEqual([[0, 1]]);
      expect(seqs(await page(probe, key, 1))).toEqual([[1, 2]]);
    });
  });
});

describe("what is more than a reader takes", () => {
  it("is a reset, and no more than that is not, whatever stands between its events", async () => {
    const key = freshKey();
    await within(key, async (probe) => {
      probe.run((tx) => {
        for (let n = 1; n <= 4; n += 1) {
          tx.journal(told(n));
          tx.journal(silent);
        }
      });
      const atMost = async (after: number, most: number) =>
        value(await probe.events(key, { channel: key, after, limit: 1, most }));
      expect(await atMost(0, 3)).toEqual({ events: [], head: 7, reset: true });
      expect(seqs(await atMost(0, 4))).toEqual([[0, 1]]);
      expect(seqs(await atMost(1, 3))).toEqual([[1, 3]]);
    });
  });
});

describe("what is no longer kept", () => {
  it("is a reset for whoever missed an event of it, and for nobody else", async () => {
    const key = freshKey();
    await within(key, async (probe) => {
      probe.run((tx) => {
        for (let n = 1; n <= 4; n += 1) tx.journal(told(n));
        for (let n = 1; n <= 2_000; n += 1) tx.journal({ ...silent, audit: false });
        tx.journal(told(5));
      });
      await probe.ship();
      probe.run((tx) => {
        for (let n = 1; n <= 100; n += 1) tx.journal({ ...silent, audit: false });
      });
      expect(probe.rows("SELECT min(seq) AS first FROM journal")[0]?.first).toBeGreaterThan(4);
      expect(await page(probe, key, 3)).toEqual({ events: [], head: 2_005, reset: true });
      expect(seqs(await page(probe, key, 4))).toEqual([[4, 2_005]]);
      // Who names no place has missed nothing: they begin with the oldest that is kept.
      expect(await page(probe, key, 0)).toMatchObject({ events: [], reset: true });
      expect(seqs(await page(probe, key))).toEqual([[4, 2_005]]);
    });
  });

  it("is a reset, too, when not one event is kept, and for a seq that never was", async () => {
    const key = freshKey();
    await within(key, async (probe) => {
      probe.run((tx) => {
        tx.journal(told(1, false));
        for (let n = 1; n <= 2_000; n += 1) tx.journal({ ...silent, audit: false });
      });
      expect(await page(probe, key, 0)).toEqual({ events: [], head: 1, reset: true });
      expect(await page(probe, key, 1)).toEqual({ events: [], head: 1, reset: false });
      expect(await page(probe, key, 7)).toEqual({ events: [], head: 1, reset: true });
      expect(await page(probe, key)).toEqual({ events: [], head: 1, reset: false });
    });
  });
});

describe("an actor that does not exist", () => {
  it("is not made by being asked for events, nor by an unsubscription", async () => {
    const key = freshKey();
    await within(key, async (probe) => {
      expect(await page(probe, key, 0)).toEqual({ events: [], head: 0, reset: false });
      await probe.unsubscribe(key, key, HUB, 1);
      expect(probe.isThere()).toBe(false);
    });
  });

  it("may be watched before anything happened to it, and then tells its first event", async () => {
    const key = freshKey();
    await within(key, async (probe) => {
      const pushed = pushes();
      expect(value(await probe.subscribe(key, key, HUB, 1))).toEqual({ head: 0 });
      expect(probe.head()).toBeNull();
      tell(probe, 1);
      expect(pushed.map((events) => seqs({ events }))).toEqual([[[0, 1]]]);
    });
  });
});

it("a channel that is not this actor's, or asked for under another key, is not found", async () => {
  const key = freshKey();
  await within(key, async (probe) => {
    const query = { channel: "task:other", after: 0, limit: 1 };
    expect(await probe.events(key, query)).toMatchObject({ ok: false, error: { code: "NOT_FOUND" } });
    expect(await probe.subscribe(key, "task:other", HUB, 1)).toMatchObject({ ok: false });
    expect(await probe.subscribe("resource:probe:other", key, HUB, 1)).toMatchObject({ ok: false });
    expect(probe.isThere()).toBe(false);
  });
});

describe("a long poll", () => {
  it("is answered by the commit that makes an event, and by no other", async () => {
    const key = freshKey();
    await within(key, async (probe) => {
      tell(probe, 1);
      let answered = false;
      const poll = page(probe, key, 1, 100, 20_000).finally(() => {
        answered = true;
      });
      probe.run((tx) => tx.journal(silent));
      await probe.drain();
      expect(answered).toBe(false);
      tell(probe, 2, 3);
      expect(seqs(await poll)).toEqual([
        [1, 3],
        [3, 4],
      ]);
    });
  });

  it("is answered empty when its time is over, and at once when there is something already", async () => {
    const key = freshKey();
    await within(key, async (probe) => {
      tell(probe, 1);
      expect(await page(probe, key, 1, 100, 5)).toEqual({ events: [], head: 1, reset: false });
      expect(seqs(await page(probe, key, 0, 100, 20_000))).toEqual([[0, 1]]);
      expect(await page(probe, key, 9, 100, 20_000)).toEqual({ events: [], head: 1, reset: true });
    });
  });
});

describe("a subscribed hub", () => {
  it("is told the head, then pushed each commit's events, until it unsubscribes", async () => {
    const key = freshKey();
    await within(key, async (probe) => {
      const pushed = pushes();
      tell(probe, 1);
      expect(value(await probe.subscribe(key, key, HUB, 1))).toEqual({ head: 1 });
      tell(probe, 2, 3);
      probe.run((tx) => tx.journal(silent));
      expect(pushed.map((events) => seqs({ events }))).toEqual([
        [
          [1, 2],
          [2, 3],
        ],
      ]);
      await probe.unsubscribe(key, key, HUB, 1);
      tell(probe, 4);
      expect(pushed).toHaveLength(1);
    });
  });

  it("is pushed to by the actor's next life, too, which begins with its newest event: it may not have gone out", async () => {
    const key = freshKey();
    const pushed = pushes();
    await within(key, async (probe) => {
      await probe.subscribe(key, key, HUB, 1);
      tell(probe, 1, 2);
    });
    pushed.length = 0;
    await evictDurableObject(stubOf(key));
    await within(key, (probe) => tell(probe, 3));
    await vi.waitFor(() =>
      expect(seqs({ events: pushed.flat() })).toEqual([
        [1, 2],
        [2, 3],
      ]),
    );
  });

  it("that missed its renewal is not pushed to", async () => {
    const key = freshKey();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.parse("2090-01-01T00:00:00Z") });
    await within(key, async (probe) => {
      const pushed = pushes();
      await probe.subscribe(key, key, HUB, 1);
      vi.setSystemTime(Date.now() + SUBSCRIPTION_MS - 1);
      tell(probe, 1);
      vi.setSystemTime(Date.now() + 1);
      tell(probe, 2);
      expect(pushed.flat().map(({ payload }) => payload.n)).toEqual([1]);
    });
  });

  it("that never answers delays no commit, and gets what it missed in one call", async () => {
    const key = freshKey();
    await within(key, async (probe) => {
      const stuck = Promise.withResolvers<void>();
      const pushed = pushes(() => stuck.promise);
      await probe.subscribe(key, key, HUB, 1);
      for (let n = 1; n <= 20; n += 1) tell(probe, n);
      expect(pushed).toHaveLength(1);
      stuck.resolve();
      await vi.waitFor(() => expect(pushed).toHaveLength(2));
      expect(pushed.flat().map(({ payload }) => payload.n)).toEqual(Array.from({ length: 20 }, (_, n) => n + 1));
    });
  });

  it("that fails leaves the actor and its journal as they are", async () => {
    const key = freshKey();
    vi.spyOn(console, "log").mockImplementation(() => {});
    await within(key, async (probe) => {
      pushes(() => Promise.reject(new Error("the hub is down")));
      await probe.subscribe(key, key, HUB, 1);
      tell(probe, 1);
      tell(probe, 2);
      expect(seqs(await page(probe, key, 0))).toEqual([
        [0, 1],
        [1, 2],
      ]);
    });
  });
});
