import { evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { crash, databaseWith, failingDatabase, giveDatabase, inLedger, ledgerStub } from "../../test/support/ledger.ts";
import { LedgerScene, seqs } from "../../test/support/ledger-scene.ts";
import type { Caller } from "../actor/caller.ts";
import { ReviewerPolicyInput } from "../approvals/contract.ts";
import { caller, chain } from "./chain.fixture.ts";
import type { ConfigurationCommand } from "./configuration.ts";

const scene = new LedgerScene("configuration");

describe("a change of configuration", () => {
  const policy = (id: string, name = "Databases"): ConfigurationCommand => {
    const { id: _, ...body } = ReviewerPolicyInput.parse({ name });
    return { of: "policy", command: { do: "create", id, policy: body } };
  };
  const configure = (command: ConfigurationCommand, by: Caller = caller(scene.workspace)) =>
    inLedger(scene.workspace, (ledger) => ledger.configure(by, command));
  const policies = async () => {
    const { results } = await env.DB.prepare("SELECT id FROM policies WHERE workspace = ? ORDER BY id")
      .bind(scene.workspace)
      .all<{ id: string }>();
    return results.map(({ id }) => id);
  };

  it("stands in the database with its audit row before it is answered", async () => {
    expect(await configure(policy("a"))).toMatchObject({ ok: true, value: { id: "a", name: "Databases" } });
    expect(await policies()).toEqual(["a"]);
    expect(await scene.trail()).toEqual(["config 1"]);
    const row = await env.DB.prepare("SELECT * FROM audit_log WHERE workspace = ?").bind(scene.workspace).first();
    expect(row).toMatchObject({ action: "policy.created", subject_type: "policy", subject_id: "a", who_id: "ann" });
  });

  it("that is refused leaves no trace", async () => {
    await configure(policy("a"));
    expect(await configure(policy("a"))).toMatchObject({ ok: false, error: { code: "ALREADY_EXISTS" } });
    expect(await scene.trail()).toEqual(["config 1"]);
  });

  it("waits for its turn: of several that make the same thing at once, one does", async () => {
    const results = await inLedger(scene.workspace, (ledger) =>
      Promise.all(seqs(1, 5).map(() => ledger.configure(caller(scene.workspace), policy("a")))),
    );
    expect(results.filter(({ ok }) => ok)).toHaveLength(1);
    expect(await scene.trail()).toEqual(["config 1"]);
  });

  it("is UNAVAILABLE, and changes nothing, while the database does not answer", async () => {
    await giveDatabase(scene.workspace, failingDatabase());
    expect(await configure(policy("a"))).toMatchObject({ ok: false, error: { code: "UNAVAILABLE" } });
    await giveDatabase(scene.workspace, env.DB);
    expect(await scene.flushed()).toBe(true);
    expect(await policies()).toEqual([]);
    expect(await scene.trail()).toEqual([]);
    expect(await configure(policy("a"))).toMatchObject({ ok: true });
  });

  it("is UNAVAILABLE while an earlier one still waits for the database, whose outcome it could not see", async () => {
    await scene.accept("task:a", chain(scene.workspace, "task:a", [1]));
    expect(await scene.flushed()).toBe(true);
    await giveDatabase(scene.workspace, failingDatabase());
    await scene.accept("task:b", chain(scene.workspace, "task:b", [1]));
    expect(await configure(policy("a"))).toMatchObject({ ok: false, error: { code: "UNAVAILABLE" } });
    expect(await scene.unshipped()).toBe(1);
  });

  it("is durable once it was committed, though the database fails just then", async () => {
    // The first batch reads what the plan needs; the second would write it.
    const failsToWrite = databaseWith((number) => {
      if (number > 1) throw new Error("D1_ERROR: down again");
    });
    await giveDatabase(scene.workspace, failsToWrite);
    expect(await configure(policy("a"))).toMatchObject({ ok: true, value: { id: "a" } });
    expect(await policies()).toEqual([]);
    expect(await configure(policy("b"))).toMatchObject({ ok: false, error: { code: "UNAVAILABLE" } });
    await crash(scene.workspace);
    scene.laterBy(60_000);
    expect(await runDurableObjectAlarm(ledgerStub(scene.workspace))).toBe(true);
    expect(await policies()).toEqual(["a"]);
    expect(await scene.trail()).toEqual(["config 1"]);
  });

  it("sees what the one before it wrote, also when that reached the database only now", async () => {
    const failsOnce = databaseWith((number) => {
      if (number === 2) throw new Error("D1_ERROR: down for a moment");
    });
    await giveDatabase(scene.workspace, failsOnce);
    expect(await configure(policy("a"))).toMatchObject({ ok: true });
    expect(await configure(policy("a"))).toMatchObject({ ok: false, error: { code: "ALREADY_EXISTS" } });
    expect(await scene.trail()).toEqual(["config 1"]);
  });

  it("is answered again under its Idempotency-Key, across an eviction, and never done twice", async () => {
    const key = { key: "k", scope: "scope", hash: "body" };
    const by = { ...caller(scene.workspace), idempotency: key };
    const first = await configure(policy("a"), by);
    await evictDurableObject(ledgerStub(scene.workspace));
    expect(await configure(policy("a"), by)).toEqual({ ...first, replayed: true });
    const other = { ...by, idempotency: { ...key, hash: "another body" } };
    expect(await configure(policy("b"), other)).toMatchObject({ ok: false, error: { code: "IDEMPOTENCY_KEY_REUSED" } });
    expect(await policies()).toEqual(["a"]);
    expect(await scene.trail()).toEqual(["config 1"]);
  });

  it("stands in one chain with the others, which the ledger heads", async () => {
    for (const id of ["a", "b", "c"]) await configure(policy(id));
    const head = await inLedger(scene.workspace, (ledger) => ledger.head());
    expect(head).toMatchObject({ seq: 3 });
    expect(await inLedger(scene.workspace, (ledger) => ledger.headOf("config"))).toEqual({ source: "config", ...head });
    expect(await scene.trail()).toEqual(["config 1", "config 2", "config 3"]);
  });
});
