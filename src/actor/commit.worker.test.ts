import { abortAllDurableObjects, evictDurableObject } from "cloudflare:test";
import { createHash } from "node:crypto";
import { afterEach, describe, expect, it, vi } from "vitest";
import { caller, freshKey, ProbeActor, stubOf, within } from "../../test/support/probe-actor.ts";
import type { Commit } from "./commit.ts";
import { canonicalJson, GENESIS } from "./journal.ts";

const NOW = 1_900_000_000_000;
const DAY = 24 * 60 * 60 * 1000;
const happening = { action: "probe.done", subject_type: "probe", subject_id: "p" };

afterEach(() => {
  vi.useRealTimers();
  ProbeActor.laterMigrations = [];
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

describe("an actor that does not exist", () => {
  it("is not made by being constructed, read, asked to ship, or rung", async () => {
    await within(freshKey(), async (probe) => {
      expect(probe.head()).toBeNull();
      expect(probe.chain(0, 10)).toEqual([]);
      expect(await probe.ship()).toBe(true);
      expect(probe.answered(caller({ key: "k", scope: "s", hash: "h" }))).toBeUndefined();
      await probe.alarm();
      expect(probe.rows("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf%' ESCAPE '\\'")).toEqual([]);
    });
  });
});

describe("an actor's identity", () => {
  it("is its key: another one is refused, before and after an eviction, and sees nothing of its state", async () => {
    const key = freshKey();
    await within(key, (probe) => {
      probe.run((tx) => tx.journal(happening));
      expect(probe.be("resource:probe:other")).toBe(false);
    });
    await evictDurableObject(stubOf(key));
    const stub = stubOf<ProbeActor>(key);
    expect(await stub.deliver("resource:probe:other", "task:x", [{ n: 1, message: "{}" }])).toEqual({
      acked: 0,
      failed: "the address belongs to another key",
    });
    await within(key, (probe) => {
      expect(probe.be("resource:probe:other")).toBe(false);
      expect(probe.be(key)).toBe(true);
      expect(probe.received()).toEqual([]);
    });
  });
});

describe("migrations", () => {
  const later = "ALTER TABLE received ADD COLUMN since TEXT NOT NULL DEFAULT 'later'";

  it("of a later version run once, before anything is read", async () => {
    const key = freshKey();
    await within(key, (probe) => {
      probe.run((tx) => tx.journal(happening));
    });
    ProbeActor.laterMigrations = [later];
    for (let wake = 0; wake < 2; wake += 1) {
      await evictDurableObject(stubOf(key));
      await within(key, (probe) => {
        expect(probe.rows("SELECT since FROM received")).toEqual([]);
        expect(probe.rows("SELECT own_version FROM actor")).toEqual([{ own_version: 2 }]);
        probe.run((tx) => tx.journal(happening));
      });
    }
  });

  it("stay done when older code meets newer tables while a deploy rolls out", async () => {
    const key = freshKey();
    ProbeActor.laterMigrations = [later];
    await within(key, (probe) => {
      probe.run((tx) => tx.journal(happening));
    });
    ProbeActor.laterMigrations = [];
    await evictDurableObject(stubOf(key));
    await within(key, (probe) => {
      probe.run((tx) => tx.journal(happening));
    });
    ProbeActor.laterMigrations = [later];
    await evictDurableObject(stubOf(key));
    await within(key, (probe) => {
      expect(probe.run((tx) => tx.journal(happening))).toBe(3);
      expect(probe.rows("SELECT own_version FROM actor")).toEqual([{ own_version: 2 }]);
    });
  });
});

describe("an Idempotency-Key", () => {
  const first = caller({ key: "k", scope: "scope", hash: "body" });
  const otherBody = caller({ key: "k", scope: "scope", hash: "another body" });

  it("gets the stored answer again, marked as replayed, also after an eviction", async () => {
    const key = freshKey();
    await within(key, (probe) => {
      expect(probe.answered(first)).toBeUndefined();
      probe.run((tx) => tx.remember({ id: 7 }), undefined, first);
    });
    await evictDurableObject(stubOf(key));
    await within(key, (probe) => {
      expect(probe.answered(first)).toEqual({ ok: true, value: { id: 7 }, replayed: true });
      expect(probe.answered(caller())).toBeUndefined();
    });
  });

  it("with another body is refused", async () => {
    await within(freshKey(), (probe) => {
      probe.run((tx) => tx.remember({ id: 7 }), undefined, first);
      expect(probe.answered(otherBody)).toMatchObject({ ok: false, error: { code: "IDEMPOTENCY_KEY_REUSED" } });
    });
  });

  it("is good for 24 h; then it is free, and what was kept is gone", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: NOW });
    await within(freshKey(), (probe) => {
      probe.run((tx) => tx.remember({ id: 7 }), undefined, first);
      vi.setSystemTime(NOW + DAY);
      expect(probe.answered(first)).toMatchObject({ ok: true, replayed: true });
      vi.setSystemTime(NOW + DAY + 1);
      expect(probe.answered(first)).toBeUndefined();
      expect(probe.answered(otherBody)).toBeUndefined();
      probe.run((tx) => tx.remember({}), undefined, caller({ key: "l", scope: "other", hash: "b" }));
      expect(probe.rows("SELECT scope FROM replays")).toEqual([{ scope: "other" }]);
      expect(probe.rows("SELECT key FROM documents")).toEqual([{ key: "replay:other" }]);
    });
  });

  it("keeps an answer of nothing, too: the command must not run again", async () => {
    await within(freshKey(), (probe) => {
      probe.run((tx) => tx.remember(undefined), undefined, first);
      expect(probe.answered(first)).toMatchObject({ ok: true, replayed: true });
    });
  });

  it("keeps an answer of more than the 2 MB that a row may hold", async () => {
    await within(freshKey(), (probe) => {
      const answer = { text: "ä😀".repeat(600_000) };
      probe.run((tx) => tx.remember(answer), undefined, first);
      expect(probe.answered(first)).toEqual({ ok: true, value: answer, replayed: true });
    });
  });

  it("is asked for by the caller alone: the effects of his request do not carry it on", async () => {
    const target = freshKey("inbox");
    await within(freshKey(), (probe) => {
      probe.run((tx) => tx.effect(target, "hello"), undefined, first);
      expect(probe.rows("SELECT message FROM outbox").map(({ message }) => String(message))).not.toContainEqual(
        expect.stringContaining("scope"),
      );
    });
  });
});

describe("a document", () => {
  it.each([
    ["in the life that made it", async () => {}],
    ["in a later one", (key: string) => evictDurableObject(stubOf(key))],
  ])("may be far larger than a row, in any script, and shrinks %s without leaving parts behind", async (_, then) => {
    const key = freshKey();
    const big = { text: `a${"😀€".repeat(900_000)}` };
    await within(key, (probe) => {
      probe.run((tx) => tx.store.write("doc", { text: "small" }));
      probe.run((tx) => tx.store.write("doc", big));
      expect(probe.tables.read("doc")).toEqual(big);
      expect(probe.rows("SELECT count(*) AS parts FROM documents")).not.toEqual([{ parts: 1 }]);
    });
    await then(key);
    await within(key, (probe) => {
      probe.run((tx) => tx.store.write("doc", { text: "small" }));
      expect(probe.tables.read("doc")).toEqual({ text: "small" });
      expect(probe.rows("SELECT count(*) AS parts FROM documents")).toEqual([{ parts: 1 }]);
      probe.run((tx) => tx.store.erase("doc"));
      expect(probe.tables.read("doc")).toBeUndefined();
    });
  });

  it("that is no JSON value is a bug", async () => {
    await within(freshKey(), (probe) => {
      expect(() => probe.run((tx) => tx.store.write("doc", undefined))).toThrow("no JSON value");
    });
  });
});
