import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { chain } from "../src/audit/chain.fixture.ts";
import { type Dump, dump, lose, pastTriggers, totals, withNewTrail } from "./support/database.ts";
import { crash, databaseWith, failingDatabase, giveDatabase, inLedger } from "./support/ledger.ts";
import {
  as,
  eventually,
  filed,
  ORDERS,
  ok,
  orders,
  pass,
  refusal,
  Stage,
  stopClock,
  WEB,
  web,
} from "./support/stage.ts";

beforeEach(stopClock);
afterEach(() => {
  vi.useRealTimers();
});

/** A workspace with something in every table, all of it in D1. */
async function inhabited(): Promise<Stage> {
  const stage = new Stage();
  const { root } = stage;
  const { alice, bob, carol, robo } = await stage.cast();
  ok(await root.patch("/users/carol", { manager_id: "bob" }));
  ok(await root.post("/users/bob/tokens", { scopes: ["tasks:read"], expires_in_seconds: 3_600 }), 201);
  ok(await root.post("/policies", { id: "orders", name: "Orders", min_approvers: 1 }), 201);
  ok(await root.put("/resources/database/orders?namespace=prod", { criticality: 5, labels: { team: "shop" } }));
  ok(await root.post("/users", { id: "gone", name: "Gone", roles: ["author"] }), 201);
  ok(await root.patch("/users/gone", { active: false }));

  const failed = await stage.approved(alice, [bob, carol], { max_attempts: 2 });
  await stage.apply(robo, failed.id);
  // Its leases lapse, and a second attempt ends well.
  pass(2 * 60_000);
  await stage.becomes(failed.id, "APPROVED");
  pass(2 * 60_000);
  await stage.apply(robo, failed.id);
  ok(await robo.post(`/tasks/${failed.id}/complete`, { result: "success" }));
  const waiting = await stage.submitted(alice, { resources: [orders] });
  const deleted = await stage.draft(alice);
  ok(await alice.delete(`/tasks/${deleted.id}`), 204);

  ok(await bob.post("/approvals/policies", { delegate_to: "carol", conditions: { risk_above: 99 } }), 201);
  const dora = await stage.user("dora", "reviewer");
  const hers = { id: "hers", name: "Hers", resource_patterns: ["service:hers"], required_reviewers: ["dora"] };
  ok(await root.post("/policies", hers), 201);
  const stuck = await stage.submitted(alice, { resources: [{ type: "service", id: "hers", actions: ["write"] }] });
  ok(await root.patch(`/users/${dora.id}`, { active: false }));
  await eventually(async () => {
    await stage.ring(`task:${stuck.id}`);
    expect(ok<{ tasks: unknown[] }>(await root.get("/approvals/stuck")).tasks).toHaveLength(1);
  });

  const wanted = { resource_type: "resource", resource_id: ORDERS };
  ok(await robo.post("/locks/acquire", wanted), 201);
  const other = await stage.agent("other");
  ok(await other.post("/locks/acquire", wanted), 202);
  const tasks = [failed, waiting, deleted, stuck].map(({ id }) => `task:${id}`);
  await stage.expectVerified(...tasks, `resource:${WEB}`, `resource:${ORDERS}`, "agent:robo", "config");
  return stage;
}

async function rebuilt(stage: Stage): Promise<Record<string, unknown>> {
  return eventually(async () => {
    const { entries } = ok<{ entries: { details: Record<string, unknown> }[] }>(
      await stage.root.get("/audit?action=rebuild.completed&limit=1"),
    );
    expect(entries).toHaveLength(1);
    return entries[0]?.details ?? {};
  });
}

/** Without the notes of the rebuild itself. */
async function told(stage: Stage): Promise<Dump> {
  const tables = await dump(stage.workspace);
  const audit_log = tables.audit_log?.filter(({ action }) => !String(action).startsWith("rebuild.")) ?? [];
  return { ...tables, audit_log };
}

describe("POST /admin/rebuild", () => {
  it("brings configuration, trail and read models back as they were, row by row and hash by hash", async () => {
    const stage = await inhabited();
    const before = await told(stage);
    for (const [table, rows] of Object.entries(before)) {
      if (table !== "audit_retained") expect(rows.length, table).toBeGreaterThan(0);
    }
    expect(before.executions).toHaveLength(2);
    await lose(stage.workspace);
    expect((await told(stage)).audit_log).toEqual([]);

    const { chains } = ok<{ chains: number }>(await stage.root.post("/admin/rebuild"), 202);
    const result = await rebuilt(stage);
    expect(result).toMatchObject({ chains, done: chains, shortened: 0, failed: 0 });
    expect(await told(stage)).toEqual(before);
    await stage.expectVerified("config", `resource:${WEB}`, "agent:robo");
    // The rows were lost behind the back of what keeps the totals.
    const { kept, counted } = await totals(stage.workspace);
    expect(kept).toEqual(counted);
    // The tokens are those that people have.
    expect((await stage.root.get("/users/alice")).status).toBe(200);
  });

  it("leaves others their turn after each chain", async () => {
    const stage = new Stage();
    const { robo } = await stage.cast();
    for (const n of [1, 2, 3, 4]) {
      ok(await robo.post("/locks/acquire", { resource_type: "resource", resource_id: `service:s${n}` }), 201);
    }
    await stage.expectVerified("config", "resource:service:s1", "resource:service:s4");
    const turns: string[] = [];
    await giveDatabase(
      stage.workspace,
      databaseWith(() => {
        turns.push("chain");
      }),
    );
    const others = setInterval(() => turns.push("others"), 0);
    ok(await stage.root.post("/admin/rebuild"), 202);
    await rebuilt(stage);
    clearInterval(others);
    // What the rebuild itself journals may be one batch more.
    const runs = turns.join(" ").split(/(?: ?others)+ ?/);
    expect(turns.filter((turn) => turn === "chain").length).toBeGreaterThan(4);
    expect(runs.filter((run) => run.split(" ").length > 2)).toEqual([]);
  });

  it("tells followers of the feeds what is new and nothing twice, though the new database begins at 1", async () => {
    const [stage, neighbour] = [await inhabited(), new Stage()];
    await neighbour.cast();
    const { head } = await inLedger(stage.workspace, async (ledger) => {
      const subscribed = await ledger.subscribe("config", "system", "hub:EU/0", 1);
      if (!subscribed.ok) throw new Error(subscribed.error.message);
      return subscribed.value;
    });
    expect(head).toBeGreaterThan(20);
    await lose(stage.workspace);
    await withNewTrail(async () => {
      ok(await stage.root.post("/admin/rebuild"), 202);
      await rebuilt(stage);
      const { entries } = ok<{ entries: { id: number; action: string }[] }>(
        await stage.root.get("/audit?sort_order=asc&limit=100"),
      );
      // What was told before is not told again, and what happens now is told.
      const told = entries.filter(({ id }) => id > head).map(({ action }) => action);
      expect(told).toEqual(["rebuild.started", "rebuild.completed"]);
      expect(entries.length).toBeGreaterThan(20);
    });
    // Other tests share the database: what is theirs is there again.
    await neighbour.expectVerified("config");
  });

  it("changes nothing where nothing was lost, however often it runs", async () => {
    const stage = await inhabited();
    const before = await told(stage);
    for (let n = 1; n <= 2; n += 1) {
      ok(await stage.root.post("/admin/rebuild"), 202);
      await eventually(async () => {
        const { entries } = ok<{ entries: unknown[] }>(await stage.root.get("/audit?action=rebuild.completed"));
        expect(entries).toHaveLength(n);
      });
      expect(await told(stage)).toEqual(before);
    }
    await stage.expectVerified();
  });

  it("goes on after a crash where it stood, and waits for a database that fails on the way", async () => {
    const stage = await inhabited();
    const before = await told(stage);
    await lose(stage.workspace);
    await giveDatabase(
      stage.workspace,
      databaseWith((number) => {
        if (number > 4) throw new Error("D1_ERROR: down");
      }),
    );
    ok(await stage.root.post("/admin/rebuild"), 202);
    const refused = await eventually(async () => {
      const answer = await stage.root.get("/audit/verify");
      expect(answer.status).toBe(503);
      return answer;
    });
    expect(refusal(refused)).toEqual([503, "UNAVAILABLE"]);
    await crash(stage.workspace);
    pass(60_000);
    await eventually(async () => {
      await stage.ring("config");
      await rebuilt(stage);
    });
    expect(await told(stage)).toEqual(before);
    await stage.expectVerified();
  });

  it("takes no change of configuration until it has brought back what there was", async () => {
    const stage = await inhabited();
    await lose(stage.workspace);
    await giveDatabase(stage.workspace, failingDatabase());
    ok(await stage.root.post("/admin/rebuild"), 202);
    expect(refusal(await stage.root.post("/users", { id: "alice", name: "Another", roles: ["admin"] }))).toEqual([
      503,
      "UNAVAILABLE",
    ]);
    await giveDatabase(stage.workspace, env.DB);
    pass(60_000);
    await stage.ring("config");
    await rebuilt(stage);
    expect(refusal(await stage.root.post("/users", { id: "alice", name: "Another", roles: ["admin"] }))).toEqual([
      409,
      "ALREADY_EXISTS",
    ]);
  });

  it("says which chains begin later, because their actors had forgotten the rest, and verifies them from there", async () => {
    const stage = new Stage();
    const { robo } = await stage.cast();
    const wanted = { resource_type: "resource", resource_id: WEB };
    for (let n = 0; n < 3; n += 1) {
      const lock = ok<{ id: string }>(await robo.post("/locks/acquire", wanted), 201);
      ok(await robo.post("/locks/release", { lock_id: lock.id }), 204);
    }
    const key = `resource:${WEB}`;
    await stage.expectVerified(key);
    // As an actor forgets that kept a thousand since.
    await runInDurableObject(stage.stub(key), (_, state) =>
      state.storage.sql.exec("DELETE FROM journal WHERE seq <= 3"),
    );
    await lose(stage.workspace);
    ok(await stage.root.post("/admin/rebuild"), 202);
    expect(await rebuilt(stage)).toMatchObject({ shortened: 1, failed: 0 });
    await stage.expectVerified(key);
    // What is left is still proved.
    await pastTriggers(() =>
      env.DB.prepare("DELETE FROM audit_log WHERE workspace = ? AND actor = ? AND seq = 4")
        .bind(stage.workspace, key)
        .run(),
    );
    const verdict = ok(await stage.root.get(`/audit/verify?subject=${encodeURIComponent(key)}`));
    expect(verdict).toMatchObject({ valid: false, first_bad: { problem: "unlinked" } });
  });

  it("names a chain whose actor has nothing of it, and brings back all others", async () => {
    const stage = new Stage();
    await stage.cast();
    const ghost = chain(stage.workspace, "inbox:nobody", [1, 2]);
    await inLedger(stage.workspace, (ledger) => ledger.accept({ source: "inbox:nobody", entries: ghost, changes: [] }));
    await lose(stage.workspace);
    ok(await stage.root.post("/admin/rebuild"), 202);
    expect(await rebuilt(stage)).toMatchObject({ failed: 1, failed_chains: ["inbox:nobody"] });
    const verdict = ok(await stage.root.get("/audit/verify?limit=100"));
    expect(verdict).toMatchObject({ bad: [{ subject: "inbox:nobody", first_bad: { problem: "missing" } }] });
  });

  it("is for admins, root among them though D1 knows nobody", async () => {
    const stage = new Stage();
    const { alice } = await stage.cast();
    expect(refusal(await alice.post("/admin/rebuild"))).toEqual([403, "FORBIDDEN"]);
    await lose(stage.workspace);
    const found = as("cs_0123456789");
    expect((await found.post("/admin/rebuild")).status).toBe(401);
    expect((await alice.post("/admin/rebuild")).status).toBeGreaterThanOrEqual(401);
    ok(await stage.root.post("/admin/rebuild"), 202);
    await rebuilt(stage);
    expect((await alice.post("/tasks", filed("alice", { resources: [web] }))).status).toBe(201);
  });
});
