import { abortAllDurableObjects, evictDurableObject } from "cloudflare:test";
import { createHash } from "node:crypto";
import { afterEach, describe, expect, it, vi } from "vitest";
import { caller, freshKey, type ProbeActor, stubOf, within } from "../../test/support/probe-actor.ts";
import type { Commit } from "./commit.ts";
import { canonicalJson, GENESIS } from "./journal.ts";

const NOW = 1_900_000_000_000;
const happening = { action: "probe.done", subject_type: "probe", subject_id: "p" };

afterEach(() => {
  vi.useRealTimers();
});

/** Everything that a commit can write. */
function everything(probe: ProbeActor): unknown {
  return {
    actor: probe.rows("SELECT * FROM actor"),
    journal: probe.rows("SELECT * FROM journal"),
    outbox: probe.rows("SELECT * FROM outbox"),
    timers: probe.rows("SELECT * FROM timers"),
    documents: probe.rows("SELECT * FROM documents"),
    replays: probe.rows("SELECT * FROM replays"),
  };
}

describe("a commit", () => {
  it("that throws leaves nothing behind, neither in storage nor in memory, and the next one goes on as if it never was", async () => {
    await within(freshKey(), async (probe, state) => {
      probe.run((tx) => {
        tx.journal(happening);
        tx.timer("late", NOW);
        tx.store.write("state", { step: 1 });
      });
      const before = everything(probe);
      const alarm = await state.storage.getAlarm();
      const head = probe.head();

      const keyed = caller({ key: "k", scope: "s", hash: "h" });
      expect(() =>
        probe.run(
          (tx) => {
            tx.store.write("state", { step: 2 });
            tx.journal(happening);
            tx.journal({ ...happening, audit: false });
            tx.effect("inbox:nobody", "never sent");
            tx.timer("soon", Date.now() + 5_000);
            tx.timer("late", undefined);
            tx.remember("never kept");
            tx.member();
            throw new Error("a bug");
          },
          undefined,
          keyed,
        ),
      ).toThrow("a bug");

      expect(everything(probe)).toEqual(before);
      expect(await state.storage.getAlarm()).toBe(alarm);
      expect(probe.head()).toEqual(head);
      expect(probe.answered(keyed)).toBeUndefined();

      expect(probe.run((tx) => [tx.journal(happening), tx.member()])).toEqual([2, 1]);
      expect(probe.chain(0, 10).map(({ entry }) => entry.seq)).toEqual([1, 2]);
    });
  });

  it("that throws gives back the timers that it moved, set or cleared", async () => {
    await within(freshKey(), (probe) => {
      probe.run((tx) => {
        tx.timer("kept", NOW);
        tx.timer("moved", NOW);
      });
      const timers = (tx: Commit): void => {
        tx.timer("kept", undefined);
        tx.timer("moved", NOW + 1);
        tx.timer("new", NOW);
      };
      expect(() =>
        probe.run((tx) => {
          timers(tx);
          throw new Error("a bug");
        }),
      ).toThrow("a bug");
      // The same again must reach storage, though memory once said that it was so.
      probe.run(timers);
      expect(probe.rows("SELECT name, due_at FROM timers")).toEqual([
        { name: "moved", due_at: NOW + 1 },
        { name: "new", due_at: NOW },
      ]);
    });
  });

  it("that throws as an actor's first leaves no table", async () => {
    await within(freshKey(), (probe) => {
      expect(() =>
        probe.run((tx) => {
          tx.journal(happening);
          throw new Error("a bug");
        }),
      ).toThrow("a bug");
      expect(probe.isThere()).toBe(false);
      expect(probe.rows("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf%' ESCAPE '\\'")).toEqual([]);
      expect(probe.run((tx) => tx.journal(happening))).toBe(1);
    });
  });

  it("takes no async work: it would outlive the transaction", async () => {
    await within(freshKey(), async (probe) => {
      let late: unknown;
      expect(() =>
        probe.run(async (tx) => {
          tx.journal(happening);
          await Promise.resolve();
          try {
            tx.journal(happening);
          } catch (thrown) {
            late = thrown;
          }
        }),
      ).toThrow("no async work");
      await vi.waitFor(() => expect(String(late)).toContain("after its end"));
      expect(probe.isThere()).toBe(false);
    });
  });

  it("cannot be used once it ended", async () => {
    await within(freshKey(), (probe) => {
      const tx = probe.run((open) => open);
      expect(() => tx.journal(happening)).toThrow("after its end");
      expect(() => tx.effect("inbox:a", 1)).toThrow("after its end");
      expect(() => tx.timer("a", NOW)).toThrow("after its end");
      expect(() => tx.store).toThrow("after its end");
    });
  });

  it("holds no other: the inner one is refused, the outer one rolled back", async () => {
    await within(freshKey(), (probe) => {
      probe.run((tx) => tx.journal(happening));
      expect(() =>
        probe.run((tx) => {
          tx.journal(happening);
          probe.run((inner) => inner.journal(happening));
        }),
      ).toThrow("within another");
      expect(probe.run((tx) => tx.journal(happening))).toBe(2);
    });
  });

  it("with an effect for what is no actor is a bug that shows at once", async () => {
    await within(freshKey(), (probe) => {
      expect(() => probe.run((tx) => tx.effect("robot:r2", "hello"))).toThrow("not an actor's key");
    });
  });
});

describe("the journal", () => {
  it("links audited entries only; the others have a seq and no hash", async () => {
    await within(freshKey(), (probe) => {
      probe.run((tx) => {
        tx.journal(happening);
        tx.journal({ ...happening, audit: false });
      });
      probe.run((tx) => tx.journal({ ...happening, details: { of: "another commit" } }));
      expect(probe.rows("SELECT seq, hash IS NULL AS bare, prev_hash IS NULL AS loose FROM journal")).toEqual([
        { seq: 1, bare: 0, loose: 0 },
        { seq: 2, bare: 1, loose: 1 },
        { seq: 3, bare: 0, loose: 0 },
      ]);
      let prev = GENESIS;
      for (const { entry, prev_hash, hash } of probe.chain(0, 10)) {
        expect(prev_hash).toBe(prev);
        expect(hash).toBe(
          createHash("sha256")
            .update(`${prev}\n${canonicalJson(entry)}`)
            .digest("hex"),
        );
        prev = hash;
      }
      expect(probe.head()).toEqual({ seq: 3, hash: prev });
    });
  });

  it("without an audited entry has no head, and nothing to ship", async () => {
    await within(freshKey(), async (probe, state) => {
      probe.run((tx) => tx.journal({ ...happening, audit: false }));
      expect(probe.head()).toBeNull();
      expect(await state.storage.getAlarm()).toBeNull();
    });
  });

  it("is dated strictly upwards though the clock stands still, steps back, or the actor is evicted in between", async () => {
    const key = freshKey();
    vi.useFakeTimers({ toFake: ["Date"], now: NOW });
    await within(key, (probe) => {
      probe.run((tx) => [tx.journal(happening), tx.journal(happening)]);
      vi.setSystemTime(NOW - 60_000);
      probe.run((tx) => tx.journal(happening));
    });
    await evictDurableObject(stubOf(key));
    await within(key, (probe) => {
      probe.run((tx) => tx.journal(happening));
      const at = probe.chain(0, 10).map(({ entry }) => entry.at);
      expect(at).toEqual([...new Set(at)].sort());
      expect(at).toHaveLength(4);
    });
  });

  it("goes on with its counters after an eviction, and after the process was killed", async () => {
    const key = freshKey();
    const step = (probe: ProbeActor) => probe.run((tx) => ({ seq: tx.journal(happening), member: tx.member() }));
    expect(await within(key, step)).toEqual({ seq: 1, member: 1 });
    const head = await within(key, (probe) => probe.head());
    await evictDurableObject(stubOf(key));
    expect(await within(key, (probe) => probe.head())).toEqual(head);
    expect(await within(key, step)).toEqual({ seq: 2, member: 2 });
    await abortAllDurableObjects();
    expect(await within(key, step)).toEqual({ seq: 3, member: 3 });
    const chain = await within(key, (probe) => probe.chain(0, 10));
    expect(chain.map(({ prev_hash }) => prev_hash)).toEqual([GENESIS, chain[0]?.hash, chain[1]?.hash]);
  });
});

describe("a member", () => {
  it("handed out before a commit is handed out to nobody else, in that commit or after a restart", async () => {
    const key = freshKey();
    await within(key, (probe) => {
      const early = [probe.handOut(), probe.handOut()];
      const within = probe.run((tx) => [tx.member(), probe.handOut()]);
      expect([...early, ...within]).toEqual([1, 2, 3, 4]);
      probe.handOut();
      probe.run((tx) => tx.journal(happening));
    });
    await evictDurableObject(stubOf(key));
    expect(await within(key, (probe) => probe.handOut())).toBe(6);
  });

  it("handed out before a commit that fails is not handed out again", async () => {
    await within(freshKey(), (probe) => {
      expect(probe.handOut()).toBe(1);
      const bug = () =>
        probe.run((tx) => {
          throw new Error(`a bug, at ${tx.member()}`);
        });
      expect(bug).toThrow("a bug, at 2");
      expect(probe.handOut()).toBe(2);
    });
  });
});
