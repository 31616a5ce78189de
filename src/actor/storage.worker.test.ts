import { evictDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { caller, freshKey, ProbeActor, stubOf, within } from "../../test/support/probe-actor.ts";

const NOW = 1_900_000_000_000;
const DAY = 24 * 60 * 60 * 1000;
const happening = { action: "probe.done", subject_type: "probe", subject_id: "p" };

afterEach(() => {
  vi.useRealTimers();
  ProbeActor.laterMigrations = [];
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
