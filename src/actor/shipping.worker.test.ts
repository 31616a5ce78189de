import { abortAllDurableObjects, evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  freshKey,
  type ProbeActor,
  type ProbeLedger,
  stubOf,
  within,
  withinLedger,
} from "../../test/support/probe-actor.ts";
import { type ChainedEntry, canonicalJson, linkHash } from "./journal.ts";
import type { ActorKey } from "./remote.ts";
import { SHIP_SWEEP_MS } from "./shipping.ts";

/** Far enough ahead that no alarm rings by itself while a test runs. */
const START = 4_000_000_000_000;
const happening = { action: "probe.done", subject_type: "probe", subject_id: "p" };

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: START });
  vi.spyOn(console, "error").mockImplementation(() => {});
  await withinLedger((ledger) => {
    ledger.failing = false;
    ledger.holdReceipts = undefined;
  });
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function act(key: ActorKey, times = 1, details?: Record<string, unknown>): Promise<void> {
  return within(key, (probe) => {
    for (let n = 0; n < times; n += 1) probe.run((tx) => tx.journal({ ...happening, details }));
  });
}

function arrived(key: ActorKey): Promise<number[]> {
  return withinLedger((ledger) => ledger.arrived.get(key) ?? []);
}

function kept(key: ActorKey): Promise<ChainedEntry[]> {
  return withinLedger((ledger) => ledger.kept.get(key) ?? []);
}

async function keptSeqs(key: ActorKey): Promise<number[]> {
  return (await kept(key)).map(({ entry }) => entry.seq);
}

function ledgerFails(failing: boolean): Promise<void> {
  return withinLedger((ledger: ProbeLedger) => {
    ledger.failing = failing;
  });
}

function sweepTimer(probe: ProbeActor): unknown {
  return probe.rows("SELECT due_at FROM timers WHERE name = '$ship'")[0]?.due_at;
}

describe("shipping", () => {
  it("lingers: a burst of commits is one shipment, and after one sweep nothing is left to wake for", async () => {
    const key = freshKey();
    await act(key, 20);
    expect(await arrived(key)).toEqual([]);
    await vi.waitFor(async () => expect(await arrived(key)).toEqual([20]));
    vi.setSystemTime(START + SHIP_SWEEP_MS);
    await runDurableObjectAlarm(stubOf(key));
    await within(key, (probe) => expect(sweepTimer(probe)).toBeUndefined());
    expect(await arrived(key)).toEqual([20]);
  });

  it("costs no commit of its own when it is acknowledged: the next one writes that down", async () => {
    await within(freshKey(), async (probe) => {
      probe.run((tx) => tx.journal(happening));
      const commits = vi.spyOn(probe.tables, "saveCounters");
      await probe.ship();
      expect(commits).not.toHaveBeenCalled();
      probe.run((tx) => tx.journal({ ...happening, audit: false }));
      expect(commits).toHaveBeenCalledTimes(1);
      expect(probe.rows("SELECT shipped FROM actor")).toEqual([{ shipped: 1 }]);
    });
  });

  it("sends a full batch at once", async () => {
    const key = freshKey();
    await within(key, async (probe) => {
      probe.run((tx) => {
        for (let n = 0; n < 100; n += 1) tx.journal(happening);
      });
    });
    // One shipment, however long its way takes.
    await vi.waitFor(async () => expect(await arrived(key)).toEqual([100]));
  });

  it("has one call in flight, and catches up with what came meanwhile", async () => {
    const key = freshKey();
    const { promise, resolve } = Promise.withResolvers<void>();
    await withinLedger((ledger) => {
      ledger.holdReceipts = promise;
      ledger.mostInFlight = 0;
    });
    await within(key, (probe) => {
      probe.run((tx) => tx.journal(happening));
      void probe.ship();
    });
    await vi.waitFor(async () => expect(await arrived(key)).toEqual([1]));
    await act(key, 150);
    const shipped = within(key, (probe) => probe.ship());
    await withinLedger((ledger) => {
      ledger.holdReceipts = undefined;
      resolve();
    });
    expect(await shipped).toBe(true);
    expect(await arrived(key)).toEqual([1, 100, 50]);
    expect(await withinLedger((ledger) => ledger.mostInFlight)).toBe(1);
  });

  it("sends audited entries only, each with its links", async () => {
    const key = freshKey();
    await within(key, async (probe) => {
      probe.run((tx) => {
        tx.journal(happening);
        tx.journal({ ...happening, audit: false });
        tx.journal(happening);
      });
      await probe.ship();
      expect(await kept(key)).toEqual(probe.chain(0, 10));
    });
    expect(await keptSeqs(key)).toEqual([1, 3]);
  });

  it("cuts a shipment that would be too large for one row of D1", async () => {
    const key = freshKey();
    await within(key, async (probe) => {
      probe.run((tx) => {
        for (let n = 0; n < 5; n += 1) tx.journal({ ...happening, details: { text: "x".repeat(200_000) } });
      });
      await probe.ship();
    });
    expect(await arrived(key)).toEqual([2, 2, 1]);
  });

  it("clears away in the sweep's one commit what others acknowledged: nothing is left to wake for", async () => {
    const to = freshKey("inbox");
    await within(freshKey(), async (probe) => {
      probe.run((tx) => {
        tx.journal(happening);
        tx.effect(to, "hello");
      });
      await probe.drain();
      await probe.ship();
      const commits = vi.spyOn(probe.tables, "saveCounters");
      vi.setSystemTime(START + SHIP_SWEEP_MS);
      await probe.alarm();
      expect(commits).toHaveBeenCalledTimes(1);
      expect(probe.rows("SELECT * FROM outbox")).toEqual([]);
      expect(probe.rows("SELECT * FROM timers")).toEqual([]);
    });
  });

  it("sets an alarm at most 30 s away while anything is unshipped, but only one", async () => {
    await ledgerFails(true);
    await within(freshKey(), async (probe, state) => {
      const setAlarm = vi.spyOn(state.storage, "setAlarm");
      for (let n = 0; n < 30; n += 1) {
        vi.setSystemTime(START + n);
        probe.run((tx) => tx.journal(happening));
      }
      expect(setAlarm).toHaveBeenCalledTimes(1);
      expect(await state.storage.getAlarm()).toBe(START + SHIP_SWEEP_MS);
    });
  });
});

describe("a process killed in the linger", () => {
  it("strands nothing: the sweep ships it", async () => {
    const key = freshKey();
    await act(key, 3);
    await abortAllDurableObjects();
    expect(await arrived(key)).toEqual([]);
    vi.setSystemTime(START + 30_000);
    await runDurableObjectAlarm(stubOf(key));
    expect(await keptSeqs(key)).toEqual([1, 2, 3]);
    await within(key, (probe) => {
      expect(sweepTimer(probe)).toBeUndefined();
      expect(probe.rows("SELECT shipped FROM actor")).toEqual([{ shipped: 3 }]);
    });
  });

  it("strands nothing when the actor was evicted instead", async () => {
    const key = freshKey();
    await act(key, 3);
    await evictDurableObject(stubOf(key));
    vi.setSystemTime(START + 30_000);
    await runDurableObjectAlarm(stubOf(key));
    expect(await keptSeqs(key)).toEqual([1, 2, 3]);
  });
});

describe("a ledger", () => {
  it("that took a shipment whose acknowledgement was lost gets it again and drops it", async () => {
    const key = freshKey();
    await act(key, 2);
    await withinLedger((ledger) => {
      ledger.holdReceipts = new Promise(() => {});
    });
    await within(key, (probe) => {
      void probe.ship();
    });
    await vi.waitFor(async () => expect(await keptSeqs(key)).toEqual([1, 2]));
    await evictSenderOnly(key);
    await withinLedger((ledger) => {
      ledger.holdReceipts = undefined;
    });
    await act(key, 1);
    expect(await within(key, (probe) => probe.ship())).toBe(true);
    expect(await keptSeqs(key)).toEqual([1, 2, 3]);
    expect(await arrived(key)).toEqual([2, 3]);
  });

  it("that is down is tried again, stops no commit, and gets everything once, in order, when it is back", async () => {
    const key = freshKey();
    await ledgerFails(true);
    await act(key, 120);
    expect(await within(key, (probe) => probe.ship())).toBe(false);
    await act(key, 30);
    const retryAt = await within(key, (probe) => Number(sweepTimer(probe)));
    expect(retryAt - START).toBeLessThanOrEqual(30_000);
    expect(retryAt - START).toBeGreaterThan(0);
    const calls = (await arrived(key)).length;
    await ledgerFails(false);
    vi.setSystemTime(START + 30_000);
    await runDurableObjectAlarm(stubOf(key));
    expect(await keptSeqs(key)).toEqual(Array.from({ length: 150 }, (_, n) => n + 1));
    expect((await arrived(key)).slice(calls)).toEqual([100, 50]);
  });

  it("that is down holds up no effect", async () => {
    const [from, to] = [freshKey(), freshKey("inbox")];
    await ledgerFails(true);
    await within(from, (probe) => {
      probe.run((tx) => {
        tx.journal(happening);
        tx.effect(to, "hello");
      });
    });
    await vi.waitFor(() => within(to, (probe) => expect(probe.received()).toEqual(["hello"])));
  });
});

describe("an acknowledged journal", () => {
  it("is kept for a thousand entries, and what is left still proves itself", async () => {
    const key = freshKey();
    await within(key, async (probe) => {
      for (let batch = 0; batch < 13; batch += 1) {
        probe.run((tx) => {
          for (let n = 0; n < 100; n += 1) tx.journal(happening);
        });
        await probe.ship();
      }
      const [journal] = probe.rows("SELECT min(seq) AS oldest, count(*) AS entries FROM journal");
      expect(journal?.entries).toBeGreaterThanOrEqual(1_000);
      expect(journal?.entries).toBeLessThanOrEqual(1_100);
      const chain = probe.chain(0, 2_000);
      expect(chain).toHaveLength(Number(journal?.entries));
      let prev = chain[0]?.prev_hash ?? "";
      for (const { entry, prev_hash, hash } of chain) {
        expect(prev_hash).toBe(prev);
        expect(linkHash(prev, canonicalJson(entry))).toBe(hash);
        prev = hash;
      }
      expect(probe.head()).toEqual({ seq: 1_300, hash: prev });
    });
    const whole = await kept(key);
    expect(whole).toHaveLength(1_300);
    const oldest = await within(key, (probe) => probe.chain(0, 1)[0]);
    expect(oldest?.prev_hash).toBe(whole[(oldest?.entry.seq ?? 0) - 2]?.hash);
  });

  it("loses nothing that the ledger did not acknowledge, however long that takes", async () => {
    await ledgerFails(true);
    await within(freshKey(), (probe) => {
      for (let batch = 0; batch < 15; batch += 1) {
        probe.run((tx) => {
          for (let n = 0; n < 100; n += 1) tx.journal(happening);
        });
      }
      expect(probe.rows("SELECT count(*) AS entries FROM journal")).toEqual([{ entries: 1_500 }]);
    });
  });

  it("is trimmed, too, when no entry is ever audited", async () => {
    await within(freshKey(), (probe) => {
      for (let batch = 0; batch < 25; batch += 1) {
        probe.run((tx) => {
          for (let n = 0; n < 77; n += 1) tx.journal({ ...happening, audit: false });
        });
      }
      const [journal] = probe.rows("SELECT count(*) AS entries FROM journal");
      expect(journal?.entries).toBeGreaterThanOrEqual(1_000);
      expect(journal?.entries).toBeLessThanOrEqual(1_200);
    });
  });
});

/** Takes the sender out of memory while its call hangs: an eviction would wait for it. */
async function evictSenderOnly(key: ActorKey): Promise<void> {
  await within(key, (_, state) => {
    state.abort("killed by a test");
  }).catch(() => undefined);
}
