import { evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { crash, databaseWith, failingDatabase, giveDatabase, inLedger, ledgerStub } from "../../test/support/ledger.ts";
import type { Caller } from "../actor/caller.ts";
import type { ChainedEntry } from "../actor/journal.ts";
import { ReviewerPolicyInput } from "../approvals/contract.ts";
import { caller, chain } from "./chain.fixture.ts";
import type { ConfigurationCommand } from "./configuration.ts";

/** Alarms are set by this clock, so none rings by itself: a test runs them when it says so. */
let now = Date.parse("2090-01-01T00:00:00Z");
let tests = 0;
let workspace = "";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now });
  tests += 1;
  workspace = `configuration-${tests}`;
});

afterEach(() => {
  vi.useRealTimers();
});

function laterBy(ms: number): void {
  now += ms;
  vi.setSystemTime(now);
}

function seqs(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, at) => from + at);
}

function accept(source: string, entries: readonly ChainedEntry[]) {
  return inLedger(workspace, (ledger) => ledger.accept({ source, entries, changes: [] }));
}

function flushed(): Promise<boolean> {
  return inLedger(workspace, (ledger) => ledger.flushed());
}

function unshipped(): Promise<number> {
  return inLedger(workspace, (ledger) => ledger.backlog().unshipped);
}

/** `actor seq` of every row, in D1's order. */
async function trail(): Promise<string[]> {
  const { results } = await env.DB.prepare("SELECT actor, seq FROM audit_log WHERE workspace = ? ORDER BY id")
    .bind(workspace)
    .all<{ actor: string; seq: number }>();
  return results.map(({ actor, seq }) => `${actor} ${seq}`);
}

describe("a change of configuration", () => {
  const policy = (id: string, name = "Databases"): ConfigurationCommand => {
    const { id: _, ...body } = ReviewerPolicyInput.parse({ name });
    return { of: "policy", command: { do: "create", id, policy: body } };
  };
  const configure = (command: ConfigurationCommand, by: Caller = caller(workspace)) =>
    inLedger(workspace, (ledger) => ledger.configure(by, command));
  const policies = async () => {
    const { results } = await env.DB.prepare("SELECT id FROM policies WHERE workspace = ? ORDER BY id")
      .bind(workspace)
      .all<{ id: string }>();
    return results.map(({ id }) => id);
  };

  it("stands in the database with its audit row before it is answered", async () => {
    expect(await configure(policy("a"))).toMatchObject({ ok: true, value: { id: "a", name: "Databases" } });
    expect(await policies()).toEqual(["a"]);
    expect(await trail()).toEqual(["config 1"]);
    const row = await env.DB.prepare("SELECT * FROM audit_log WHERE workspace = ?").bind(workspace).first();
    expect(row).toMatchObject({ action: "policy.created", subject_type: "policy", subject_id: "a", who_id: "ann" });
  });

  it("that is refused leaves no trace", async () => {
    await configure(policy("a"));
    expect(await configure(policy("a"))).toMatchObject({ ok: false, error: { code: "ALREADY_EXISTS" } });
    expect(await trail()).toEqual(["config 1"]);
  });

  it("waits for its turn: of several that make the same thing at once, one does", async () => {
    const results = await inLedger(workspace, (ledger) =>
      Promise.all(seqs(1, 5).map(() => ledger.configure(caller(workspace), policy("a")))),
    );
    expect(results.filter(({ ok }) => ok)).toHaveLength(1);
    expect(await trail()).toEqual(["config 1"]);
  });

  it("is UNAVAILABLE, and changes nothing, while the database does not answer", async () => {
    await giveDatabase(workspace, failingDatabase());
    expect(await configure(policy("a"))).toMatchObject({ ok: false, error: { code: "UNAVAILABLE" } });
    await giveDatabase(workspace, env.DB);
    expect(await flushed()).toBe(true);
    expect(await policies()).toEqual([]);
    expect(await trail()).toEqual([]);
    expect(await configure(policy("a"))).toMatchObject({ ok: true });
  });

  it("is UNAVAILABLE while an earlier one still waits for the database, whose outcome it could not see", async () => {
    await accept("task:a", chain(workspace, "task:a", [1]));
    expect(await flushed()).toBe(true);
    await giveDatabase(workspace, failingDatabase());
    await accept("task:b", chain(workspace, "task:b", [1]));
    expect(await configure(policy("a"))).toMatchObject({ ok: false, error: { code: "UNAVAILABLE" } });
    expect(await unshipped()).toBe(1);
  });

  it("is durable once it was committed, though the database fails just then", async () => {
    // The first batch reads what the plan needs; the second would write it.
    const failsToWrite = databaseWith((number) => {
      if (number > 1) throw new Error("D1_ERROR: down again");
    });
    await giveDatabase(workspace, failsToWrite);
    expect(await configure(policy("a"))).toMatchObject({ ok: true, value: { id: "a" } });
    expect(await policies()).toEqual([]);
    expect(await configure(policy("b"))).toMatchObject({ ok: false, error: { code: "UNAVAILABLE" } });
    await crash(workspace);
    laterBy(60_000);
    expect(await runDurableObjectAlarm(ledgerStub(workspace))).toBe(true);
    expect(await policies()).toEqual(["a"]);
    expect(await trail()).toEqual(["config 1"]);
  });

  it("sees what the one before it wrote, also when that reached the database only now", async () => {
    const failsOnce = databaseWith((number) => {
      if (number === 2) throw new Error("D1_ERROR: down for a moment");
    });
    await giveDatabase(workspace, failsOnce);
    expect(await configure(policy("a"))).toMatchObject({ ok: true });
    expect(await configure(policy("a"))).toMatchObject({ ok: false, error: { code: "ALREADY_EXISTS" } });
    expect(await trail()).toEqual(["config 1"]);
  });

  it("is answered again under its Idempotency-Key, across an eviction, and never done twice", async () => {
    const key = { key: "k", scope: "scope", hash: "body" };
    const by = { ...caller(workspace), idempotency: key };
    const first = await configure(policy("a"), by);
    await evictDurableObject(ledgerStub(workspace));
    expect(await configure(policy("a"), by)).toEqual({ ...first, replayed: true });
    const other = { ...by, idempotency: { ...key, hash: "another body" } };
    expect(await configure(policy("b"), other)).toMatchObject({ ok: false, error: { code: "IDEMPOTENCY_KEY_REUSED" } });
    expect(await policies()).toEqual(["a"]);
    expect(await trail()).toEqual(["config 1"]);
  });

  it("stands in one chain with the others, which the ledger heads", async () => {
    for (const id of ["a", "b", "c"]) await configure(policy(id));
    const head = await inLedger(workspace, (ledger) => ledger.head());
    expect(head).toMatchObject({ seq: 3 });
    expect(await inLedger(workspace, (ledger) => ledger.headOf("config"))).toEqual({ source: "config", ...head });
    expect(await trail()).toEqual(["config 1", "config 2", "config 3"]);
  });
});
