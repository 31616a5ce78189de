import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import {
  crash,
  databaseWith,
  failingDatabase,
  gate,
  giveDatabase,
  inLedger,
  ledgerStub,
} from "../../test/support/ledger.ts";
import { LedgerScene, seqs } from "../../test/support/ledger-scene.ts";
import type { ChainedEntry } from "../actor/journal.ts";
import type { TaskRow } from "../db/read-model.ts";
import { chain } from "./chain.fixture.ts";

const scene = new LedgerScene("ledger");

describe("the ledger's intake", () => {
  it("acknowledges what it stored, and brings it to the database", async () => {
    const entries = chain(scene.workspace, "task:a", seqs(1, 3));
    expect(await scene.accept("task:a", entries)).toEqual({ acknowledged: 3 });
    expect(await scene.flushed()).toBe(true);
    expect(await scene.trail()).toEqual(["task:a 1", "task:a 2", "task:a 3"]);
    expect(await scene.unshipped()).toBe(0);
  });

  it("drops what it has, whether all of a shipment or its beginning", async () => {
    const entries = chain(scene.workspace, "task:a", seqs(1, 5));
    await scene.accept("task:a", entries.slice(0, 3));
    expect(await scene.accept("task:a", entries.slice(0, 3))).toEqual({ acknowledged: 3 });
    expect(await scene.accept("task:a", entries.slice(0, 2))).toEqual({ acknowledged: 3 });
    expect(await scene.accept("task:a", entries.slice(1, 5))).toEqual({ acknowledged: 5 });
    expect(await scene.flushed()).toBe(true);
    expect(await scene.trail()).toEqual(seqs(1, 5).map((seq) => `task:a ${seq}`));
  });

  it("takes one of several identical shipments that arrive at once", async () => {
    const entries = chain(scene.workspace, "task:a", seqs(1, 4));
    const acknowledged = await Promise.all(seqs(1, 5).map(() => scene.accept("task:a", entries)));
    expect(acknowledged).toEqual(acknowledged.map(() => ({ acknowledged: 4 })));
    expect(await scene.flushed()).toBe(true);
    expect(await scene.trail()).toHaveLength(4);
  });

  it("takes chains with gaps in seq, as entries outside the chain leave them", async () => {
    await scene.accept("task:a", chain(scene.workspace, "task:a", [2, 5, 11]));
    expect(await scene.flushed()).toBe(true);
    expect(await scene.trail()).toEqual(["task:a 2", "task:a 5", "task:a 11"]);
  });

  it("refuses a shipment that does not continue its chain, and goes on where it was", async () => {
    const entries = chain(scene.workspace, "task:a", seqs(1, 6));
    const other = chain(scene.workspace, "task:b", seqs(1, 6));
    const foreign = chain("somebody-else", "task:a", seqs(1, 6));
    const [first, second, third] = entries;
    if (first === undefined || second === undefined || third === undefined) throw new Error("six entries");
    await scene.accept("task:a", [first]);
    const bad: Record<string, readonly ChainedEntry[]> = {
      "one is missing": [third],
      "one is missing within": [second, ...entries.slice(3)],
      "one was altered": [{ ...second, entry: { ...second.entry, action: "lock.forged" } }],
      "one was altered after a good one": [second, { ...third, entry: { ...third.entry, details: {} } }],
      "a hash is another": [{ ...second, hash: first.hash }],
      "a link is another": [{ ...second, prev_hash: third.hash }],
      "it is another actor's": other.slice(1, 3),
      "it is another workspace's": foreign.slice(1, 3),
      "its order is another": [third, second],
    };
    for (const [why, shipment] of Object.entries(bad)) {
      const refused = await inLedger(scene.workspace, (ledger) =>
        ledger.accept({ source: "task:a", entries: shipment, changes: [] }).catch((thrown: Error) => thrown.message),
      );
      expect(refused, why).toMatch(/does not link/);
    }
    // Linked well, under a name that is not theirs.
    const borrowed = inLedger(scene.workspace, (ledger) =>
      ledger.accept({ source: "task:c", entries: other, changes: [] }).catch((thrown: Error) => thrown.message),
    );
    expect(await borrowed).toMatch(/does not link/);
    expect(await inLedger(scene.workspace, (ledger) => ledger.headOf("task:c"))).toBeNull();
    expect(await scene.accept("task:a", entries)).toEqual({ acknowledged: 6 });
    expect(await scene.flushed()).toBe(true);
    expect(await scene.trail()).toEqual(seqs(1, 6).map((seq) => `task:a ${seq}`));
  });

  it("keeps the head of every chain, also while the database is down", async () => {
    await giveDatabase(scene.workspace, failingDatabase());
    const chains = new Map(
      ["task:a", "task:b", "inbox:ann"].map((source) => [source, chain(scene.workspace, source, [1, 4])]),
    );
    for (const [source, entries] of chains) await scene.accept(source, entries);
    const heads = await inLedger(scene.workspace, (ledger) => ledger.heads("", 10));
    expect(heads).toEqual(
      ["inbox:ann", "task:a", "task:b"].map((source) => ({ source, seq: 4, hash: chains.get(source)?.at(-1)?.hash })),
    );
    expect(await inLedger(scene.workspace, (ledger) => ledger.heads("inbox:ann", 1))).toMatchObject([
      { source: "task:a" },
    ]);
    expect(await inLedger(scene.workspace, (ledger) => ledger.heads("task:b", 10))).toEqual([]);
    expect(await inLedger(scene.workspace, (ledger) => ledger.headOf("task:b"))).toMatchObject({ seq: 4 });
    expect(await inLedger(scene.workspace, (ledger) => ledger.headOf("task:x"))).toBeNull();
  });
});

describe("group commit", () => {
  it("takes to the database in one batch what arrived while a flush was under way", async () => {
    const first = gate();
    const statements: number[] = [];
    await giveDatabase(
      scene.workspace,
      databaseWith((number, count) => {
        statements.push(count);
        return number === 1 ? first.opened : undefined;
      }),
    );
    const sources = seqs(1, 9).map((n) => `task:${n}`);
    for (const source of sources) await scene.accept(source, chain(scene.workspace, source, [1, 2]));
    expect(await scene.trail()).toEqual([]);
    expect(await scene.unshipped()).toBe(18);
    first.open();
    expect(await scene.flushed()).toBe(true);
    expect(statements).toEqual([1, 1]);
    expect(await scene.trail()).toEqual(sources.flatMap((source) => [`${source} 1`, `${source} 2`]));
  });

  it("keeps the order in which shipments of several chains were accepted", async () => {
    const a = chain(scene.workspace, "task:a", seqs(1, 4));
    const b = chain(scene.workspace, "task:b", seqs(1, 2));
    await giveDatabase(scene.workspace, failingDatabase());
    await scene.accept("task:a", a.slice(0, 1));
    await scene.accept("task:b", b.slice(0, 1));
    await scene.accept("task:a", a.slice(1, 3));
    await scene.accept("task:b", b.slice(1));
    await scene.accept("task:a", a.slice(3));
    await giveDatabase(scene.workspace, env.DB);
    expect(await scene.flushed()).toBe(true);
    expect(await scene.trail()).toEqual(["task:a 1", "task:b 1", "task:a 2", "task:a 3", "task:b 2", "task:a 4"]);
  });

  it("splits a large backlog into batches of about 1 MB, in order", async () => {
    const entries = chain(scene.workspace, "task:a", seqs(1, 30), () => ({ details: { note: "x".repeat(100_000) } }));
    await giveDatabase(scene.workspace, failingDatabase());
    for (const entry of entries) await scene.accept("task:a", [entry]);
    let batches = 0;
    await giveDatabase(
      scene.workspace,
      databaseWith(() => {
        batches += 1;
      }),
    );
    expect(await scene.flushed()).toBe(true);
    expect(batches).toBe(4);
    expect(await scene.trail()).toEqual(seqs(1, 30).map((seq) => `task:a ${seq}`));
  });

  it("leaves others their turn between the batches of a large backlog", async () => {
    const entries = chain(scene.workspace, "task:a", seqs(1, 30), () => ({ details: { note: "x".repeat(100_000) } }));
    await giveDatabase(scene.workspace, failingDatabase());
    for (const entry of entries) await scene.accept("task:a", [entry]);
    const turns: string[] = [];
    // It answers at once, and so leaves nobody a turn.
    const database = {
      prepare: (query: string) => env.DB.prepare(query),
      batch: async () => turns.push("batch"),
    } as unknown as D1Database;
    await giveDatabase(scene.workspace, database);
    await inLedger(scene.workspace, (ledger) => {
      setTimeout(() => turns.push("others"), 0);
      return ledger.flushed();
    });
    expect(turns).toEqual(["batch", "others", "batch", "batch", "batch"]);
  });

  it.each([
    ["one row", 10, 1],
    ["a row each, if they are large", 600_000, 3],
  ])("owes what lingered and came in together as %s", async (_, chars, rows) => {
    await giveDatabase(scene.workspace, failingDatabase());
    await scene.accept("task:first", chain(scene.workspace, "task:first", [1]));
    await inLedger(scene.workspace, (ledger) =>
      Promise.all(
        ["task:a", "task:b", "task:c"].map((source) => {
          const entries = chain(scene.workspace, source, [1], () => ({ details: { note: "x".repeat(chars) } }));
          return ledger.accept({ source, entries, changes: [], lingered: true });
        }),
      ),
    );
    const owed = await runInDurableObject(ledgerStub(scene.workspace), (__, { storage }) =>
      storage.sql.exec<{ n: number }>("SELECT count(*) AS n FROM pending").one(),
    );
    expect(owed.n).toBe(1 + rows);
    expect(await scene.unshipped()).toBe(4);
    await giveDatabase(scene.workspace, env.DB);
    expect(await scene.flushed()).toBe(true);
    expect(await scene.trail()).toEqual(["task:first 1", "task:a 1", "task:b 1", "task:c 1"]);
  });

  it("takes a single shipment of several MB", async () => {
    const entries = chain(scene.workspace, "task:a", seqs(1, 60), () => ({ details: { note: "界".repeat(30_000) } }));
    expect(await scene.accept("task:a", entries)).toEqual({ acknowledged: 60 });
    expect(await scene.flushed()).toBe(true);
    expect(await scene.trail()).toHaveLength(60);
  });
});

describe("while the database is down", () => {
  it("nothing is lost, and all arrives in order, once, when the alarm finds it up again", async () => {
    await giveDatabase(scene.workspace, failingDatabase());
    const entries = chain(scene.workspace, "task:a", seqs(1, 5));
    for (const entry of entries) {
      expect(await scene.accept("task:a", [entry])).toEqual({ acknowledged: entry.entry.seq });
      scene.laterBy(1_000);
    }
    expect(await scene.flushed()).toBe(false);
    expect(await scene.trail()).toEqual([]);
    scene.laterBy(60_000);
    expect(await runDurableObjectAlarm(ledgerStub(scene.workspace))).toBe(true);
    expect(await scene.unshipped()).toBe(5);

    await giveDatabase(scene.workspace, env.DB);
    scene.laterBy(60_000);
    expect(await runDurableObjectAlarm(ledgerStub(scene.workspace))).toBe(true);
    expect(await scene.trail()).toEqual(seqs(1, 5).map((seq) => `task:a ${seq}`));
    expect(await scene.unshipped()).toBe(0);
    // Nothing is owed any more, so nothing will ring.
    scene.laterBy(60_000);
    await runDurableObjectAlarm(ledgerStub(scene.workspace));
    expect(await runDurableObjectAlarm(ledgerStub(scene.workspace))).toBe(false);
  });

  it("it is tried again ever more seldom, at most every half a minute", async () => {
    let tries = 0;
    await giveDatabase(
      scene.workspace,
      databaseWith(() => {
        tries += 1;
        throw new Error("D1_ERROR: down");
      }),
    );
    await scene.accept("task:a", chain(scene.workspace, "task:a", [1]));
    for (let minute = 0; minute < 10; minute += 1) {
      scene.laterBy(60_000);
      expect(await runDurableObjectAlarm(ledgerStub(scene.workspace))).toBe(true);
    }
    expect(tries).toBe(11);
    // Traffic does not hammer it either.
    const more = chain(scene.workspace, "task:b", seqs(1, 20));
    for (const entry of more) await scene.accept("task:b", [entry]);
    expect(tries).toBe(11);
  });

  it("what fails half-way leaves nothing of its batch", async () => {
    await giveDatabase(scene.workspace, failingDatabase());
    await scene.accept("task:a", chain(scene.workspace, "task:a", [1]));
    const shapeless = { id: "t", resources: [] } as unknown as TaskRow;
    await inLedger(scene.workspace, (ledger) =>
      ledger.accept({
        source: "task:b",
        entries: chain(scene.workspace, "task:b", [1]),
        changes: [{ table: "tasks", id: "t", row: shapeless }],
      }),
    );
    await giveDatabase(scene.workspace, env.DB);
    expect(await scene.flushed()).toBe(false);
    expect(await scene.trail()).toEqual([]);
    expect(await scene.unshipped()).toBe(2);
  });
});

describe("a crash of the ledger", () => {
  it("between acceptance and flush loses nothing: the alarm flushes", async () => {
    const never = gate();
    await giveDatabase(
      scene.workspace,
      databaseWith(() => never.opened),
    );
    await scene.accept("task:a", chain(scene.workspace, "task:a", seqs(1, 3)));
    await scene.accept("task:b", chain(scene.workspace, "task:b", [1]));
    expect(await scene.trail()).toEqual([]);
    await crash(scene.workspace);
    scene.laterBy(60_000);
    expect(await runDurableObjectAlarm(ledgerStub(scene.workspace))).toBe(true);
    expect(await scene.trail()).toEqual(["task:a 1", "task:a 2", "task:a 3", "task:b 1"]);
    expect(await scene.unshipped()).toBe(0);
  });

  it("between the batch and its note that it is done writes nothing twice", async () => {
    const never = gate();
    const database = {
      prepare: (query: string) => env.DB.prepare(query),
      batch: async (statements: D1PreparedStatement[]) => {
        await env.DB.batch(statements);
        await never.opened;
      },
    } as unknown as D1Database;
    await giveDatabase(scene.workspace, database);
    const entries = chain(scene.workspace, "task:a", seqs(1, 4));
    await scene.accept("task:a", entries.slice(0, 2));
    await vi.waitFor(async () => expect(await scene.trail()).toHaveLength(2));
    await scene.accept("task:a", entries.slice(2));
    expect(await scene.trail()).toEqual(["task:a 1", "task:a 2"]);
    await crash(scene.workspace);
    expect(await scene.unshipped()).toBe(4);
    scene.laterBy(60_000);
    expect(await runDurableObjectAlarm(ledgerStub(scene.workspace))).toBe(true);
    expect(await scene.trail()).toEqual(seqs(1, 4).map((seq) => `task:a ${seq}`));
    expect(await scene.unshipped()).toBe(0);
  });

  it("does not lose the heads: a chain continues after an eviction, and only where it ended", async () => {
    const entries = chain(scene.workspace, "task:a", seqs(1, 4));
    await scene.accept("task:a", entries.slice(0, 2));
    expect(await scene.flushed()).toBe(true);
    await evictDurableObject(ledgerStub(scene.workspace));
    expect(await scene.accept("task:a", entries)).toEqual({ acknowledged: 4 });
    expect(await scene.flushed()).toBe(true);
    expect(await scene.trail()).toHaveLength(4);
  });
});
