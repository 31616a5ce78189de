import { createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { createHash } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { OfflineCheck, type OfflineOptions } from "../src/audit/offline-check.ts";
import type { Retention, RetentionState } from "../src/audit/retention-contract.ts";
import worker from "../src/worker.ts";
import { lose, pastTriggers } from "./support/database.ts";
import { crash, databaseWith, giveDatabase } from "./support/ledger.ts";
import { eventually, ORDERS, ok, type Person, pass, refusal, START, Stage, stopClock, WEB } from "./support/stage.ts";

beforeEach(stopClock);
afterEach(() => {
  vi.useRealTimers();
});

const DAY = 24 * 60 * 60 * 1000;
/** Between the old rows and the new ones. */
const CUT = new Date(START + DAY).toISOString();

async function lockAndRelease(robo: Person, key: string, times: number): Promise<void> {
  for (let n = 0; n < times; n += 1) {
    const lock = ok<{ id: string }>(
      await robo.post("/locks/acquire", { resource_type: "resource", resource_id: key }),
      201,
    );
    ok(await robo.post("/locks/release", { lock_id: lock.id }), 204);
  }
}

/** Old rows of three chains, and new ones of two of them. */
async function aged(): Promise<{ stage: Stage; robo: Person }> {
  const stage = new Stage();
  const robo = await stage.agent("robo");
  await lockAndRelease(robo, WEB, 3);
  await lockAndRelease(robo, ORDERS, 2);
  await stage.expectVerified(`resource:${WEB}`, `resource:${ORDERS}`, "config");
  pass(2 * DAY);
  await lockAndRelease(robo, WEB, 2);
  ok(await stage.root.post("/users", { id: "late", name: "Late", roles: [] }), 201);
  await stage.expectVerified(`resource:${WEB}`);
  return { stage, robo };
}

async function prepared(stage: Stage, before = CUT): Promise<Retention> {
  return ok<Retention>(await stage.root.post("/admin/audit/retention", { before }), 201);
}

async function file(stage: Stage, { id }: Retention): Promise<string> {
  const response = await worker.fetch(
    new Request(`https://countersign.test/api/v1/admin/audit/retention/${id}/file`, {
      headers: { Authorization: `Bearer ${env.ROOT_TOKEN}`, "X-Workspace": stage.workspace },
    }),
    env,
    createExecutionContext(),
  );
  expect(response.status).toBe(200);
  return response.text();
}

function digestOf(text: string): { sha256: string } {
  return { sha256: createHash("sha256").update(text).digest("hex") };
}

function confirm(stage: Stage, { id }: Retention, text: string) {
  return stage.root.post<Retention>(`/admin/audit/retention/${id}/confirm`, digestOf(text));
}

async function state(stage: Stage): Promise<RetentionState> {
  return ok<RetentionState>(await stage.root.get("/admin/audit/retention"));
}

async function forgotten(stage: Stage): Promise<void> {
  pass(60_000);
  await eventually(async () => {
    await stage.ring("config");
    expect((await state(stage)).retention?.status).toBe("done");
  });
}

async function retired(stage: Stage, before = CUT): Promise<string> {
  const retention = await prepared(stage, before);
  const text = await file(stage, retention);
  ok(await confirm(stage, retention, text), 202);
  await forgotten(stage);
  return text;
}

async function rows(stage: Stage, actor: string): Promise<{ seq: number; at: string }[]> {
  const { results } = await env.DB.prepare(
    "SELECT seq, at FROM audit_log WHERE workspace = ? AND actor = ? ORDER BY seq",
  )
    .bind(stage.workspace, actor)
    .all<{ seq: number; at: string }>();
  return results;
}

async function offline(text: string, options: OfflineOptions = {}) {
  const check = new OfflineCheck(options);
  for (const line of text.split("\n").slice(0, -1)) check.take(line);
  return check.verdict();
}

async function firstBad(stage: Stage, subject: string) {
  const verdict = ok<{ first_bad?: object }>(
    await stage.root.get(`/audit/verify?subject=${encodeURIComponent(subject)}`),
  );
  const all = ok<{ bad: { subject: string; first_bad: object }[] }>(await stage.root.get("/audit/verify?limit=100"));
  expect(all.bad).toEqual(verdict.first_bad === undefined ? [] : [{ subject, first_bad: verdict.first_bad }]);
  return verdict.first_bad;
}

type Row = Readonly<Record<string, unknown>>;

/** Puts rows into D1 as they were, or as a file shows them. */
async function restore(lost: readonly Row[]): Promise<void> {
  for (const row of lost) {
    // Generated columns write themselves.
    const { who_id: _w, task_id: _t, ...own } = row;
    const columns = Object.keys(own);
    const values = Object.values(own).map((value) =>
      typeof value === "object" && value !== null ? JSON.stringify(value) : value,
    );
    await env.DB.prepare(
      `INSERT INTO audit_log (${columns.map((column) => `"${column}"`).join()}) VALUES (${columns.map(() => "?").join()})`,
    )
      .bind(...values)
      .run();
  }
}

describe("retiring old rows", () => {
  it("gives them as a signed file, and deletes them only once its receipt is confirmed", async () => {
    const { stage } = await aged();
    const retention = await prepared(stage);
    const text = await file(stage, retention);
    expect(await file(stage, retention)).toBe(text);
    const { public_key, retention: sealed } = await state(stage);
    // Six old rows of one chain, four of the other, the agent and its token in the third.
    expect(sealed).toMatchObject({ id: retention.id, status: "sealed", rows: 12, chains: 3, ...digestOf(text) });
    expect(await rows(stage, `resource:${WEB}`)).toHaveLength(10);
    await stage.expectVerified();
    expect(await offline(text, { publicKey: public_key })).toMatchObject({
      valid: true,
      rows: 12,
      chains: 3,
      begin_later: 0,
      sealed: { public_key, retention: { workspace: stage.workspace, before: CUT } },
      not_proven: [],
    });

    ok(await confirm(stage, retention, text), 202);
    await forgotten(stage);
    const left = await rows(stage, `resource:${WEB}`);
    expect(left).toHaveLength(4);
    expect(left.every(({ at }) => at > CUT)).toBe(true);
    expect(await rows(stage, `resource:${ORDERS}`)).toEqual([]);
    const { entries } = ok<{ entries: object[] }>(await stage.root.get("/audit?action=audit.retired"));
    expect(entries).toMatchObject([{ who: { id: "root" }, details: { rows: 12, chains: 3, ...digestOf(text) } }]);
    // Told again, it is done already.
    expect(ok(await confirm(stage, retention, text), 202)).toMatchObject({ status: "done" });
  });

  it("leaves a trail that still verifies, and goes on, and can be retired again", async () => {
    const { stage, robo } = await aged();
    await retired(stage);
    await stage.expectVerified(`resource:${WEB}`, `resource:${ORDERS}`, "config");
    await lockAndRelease(robo, ORDERS, 1);
    await stage.expectVerified(`resource:${ORDERS}`);
    pass(2 * DAY);
    const second = await retired(stage, new Date(START + 3 * DAY).toISOString());
    const { public_key } = await state(stage);
    const verdict = await offline(second, { publicKey: public_key });
    // It begins where the first file ended.
    expect(verdict).toMatchObject({ valid: true, begin_later: 3 });
    await stage.expectVerified(`resource:${WEB}`, `resource:${ORDERS}`, "config");
  });

  it("hides no tampering with what is left", async () => {
    const { stage } = await aged();
    await retired(stage);
    const chain = `resource:${WEB}`;
    const [first, second] = await rows(stage, chain);
    const tamper = (sql: string) => pastTriggers(() => env.DB.prepare(sql).bind(stage.workspace, chain).run());
    const of = "WHERE workspace = ?1 AND actor = ?2";
    await tamper(`UPDATE audit_log SET action = 'lock.forged' ${of} AND seq = ${second?.seq}`);
    expect(await firstBad(stage, chain)).toMatchObject({ seq: second?.seq, problem: "altered" });
    await tamper(`DELETE FROM audit_log ${of} AND seq = ${first?.seq}`);
    expect(await firstBad(stage, chain)).toMatchObject({ seq: second?.seq, problem: "unlinked" });
    await tamper(`DELETE FROM audit_log ${of}`);
    expect(await firstBad(stage, chain)).toMatchObject({ problem: "missing" });
  });

  it("lets nothing else be deleted, and nothing be changed, and finds what is deleted past a forged mark", async () => {
    const { stage } = await aged();
    await retired(stage);
    const chain = `resource:${WEB}`;
    const own = (sql: string) => env.DB.prepare(sql).bind(stage.workspace).run();
    await expect(own("DELETE FROM audit_log WHERE workspace = ?")).rejects.toThrow("append-only");
    await expect(own("UPDATE audit_log SET seq = 1 WHERE workspace = ?")).rejects.toThrow("append-only");
    const [first, second] = await rows(stage, chain);
    await own(`UPDATE audit_retained SET seq = ${first?.seq} WHERE workspace = ? AND actor = '${chain}'`);
    await own(`DELETE FROM audit_log WHERE workspace = ? AND seq = ${first?.seq} AND actor = '${chain}'`);
    expect(await firstBad(stage, chain)).toMatchObject({ seq: second?.seq, problem: "unlinked" });
  });

  it("finds a retired row that somebody put back", async () => {
    const { stage } = await aged();
    const text = await retired(stage);
    const line = text.split("\n").find((one) => one.includes(`"actor":"resource:${ORDERS}"`)) ?? "";
    const { id: _, ...row } = JSON.parse(line) as Row;
    await restore([row]);
    expect(await firstBad(stage, `resource:${ORDERS}`)).toMatchObject({ seq: row.seq, problem: "unlinked" });
  });

  it("breaks the file off at a chain that was tampered with, says which, and retires nothing", async () => {
    const { stage } = await aged();
    const chain = `resource:${WEB}`;
    await pastTriggers(() =>
      env.DB.prepare("UPDATE audit_log SET action = 'lock.forged' WHERE workspace = ? AND actor = ? AND seq = 3")
        .bind(stage.workspace, chain)
        .run(),
    );
    const retention = await prepared(stage);
    await expect(file(stage, retention)).rejects.toThrow("does not verify");
    expect((await state(stage)).retention).toMatchObject({
      status: "prepared",
      problem: { subject: chain, first_bad: { seq: 3, problem: "altered" } },
    });
    expect(refusal(await confirm(stage, retention, ""))).toEqual([409, "INVALID_STATE"]);
    expect(await rows(stage, chain)).toHaveLength(10);
  });

  it("takes no other digest, no file that was not fetched, no date ahead, and nothing under way", async () => {
    const { stage, robo } = await aged();
    expect(refusal(await stage.root.post("/admin/audit/retention", { before: "soon" }))).toEqual([
      400,
      "VALIDATION_ERROR",
    ]);
    const ahead = new Date(START + 30 * DAY).toISOString();
    expect(refusal(await stage.root.post("/admin/audit/retention", { before: ahead }))).toEqual([
      400,
      "VALIDATION_ERROR",
    ]);
    expect(refusal(await robo.post("/admin/audit/retention", { before: CUT }))).toEqual([403, "FORBIDDEN"]);
    const replaced = await prepared(stage);
    const retention = await prepared(stage);
    expect(refusal(await confirm(stage, replaced, ""))).toEqual([404, "NOT_FOUND"]);
    expect(refusal(await confirm(stage, retention, ""))).toEqual([409, "INVALID_STATE"]);
    const text = await file(stage, retention);
    expect(refusal(await confirm(stage, retention, text.slice(0, -1)))).toEqual([400, "VALIDATION_ERROR"]);
    ok(await confirm(stage, retention, text), 202);
    expect(refusal(await stage.root.post("/admin/audit/retention", { before: CUT }))).toEqual([409, "INVALID_STATE"]);
    expect(refusal(await stage.root.get(`/admin/audit/retention/${retention.id}/file`))).toEqual([
      409,
      "INVALID_STATE",
    ]);
    await forgotten(stage);
  });

  it("verifies while it forgets, and goes on after a crash in between", async () => {
    const { stage } = await aged();
    const retention = await prepared(stage);
    const text = await file(stage, retention);
    await giveDatabase(
      stage.workspace,
      databaseWith((_, statements) => {
        if (statements === 2) throw new Error("D1_ERROR: down");
      }),
    );
    ok(await confirm(stage, retention, text), 202);
    pass(60_000);
    await stage.ring("config");
    await stage.expectVerified(`resource:${WEB}`, `resource:${ORDERS}`);
    expect(await rows(stage, `resource:${WEB}`)).toHaveLength(10);
    await crash(stage.workspace);
    await forgotten(stage);
    expect(await rows(stage, `resource:${WEB}`)).toHaveLength(4);
    await stage.expectVerified(`resource:${WEB}`, `resource:${ORDERS}`);
  });

  it("stays retired when D1 is rebuilt, though a backup brought the rows back", async () => {
    const { stage } = await aged();
    const backup = await env.DB.prepare("SELECT * FROM audit_log WHERE workspace = ?").bind(stage.workspace).all<Row>();
    await retired(stage);
    const left = await rows(stage, `resource:${WEB}`);
    await lose(stage.workspace);
    await restore(backup.results);
    expect(await rows(stage, `resource:${ORDERS}`)).toHaveLength(4);
    ok(await stage.root.post("/admin/rebuild"), 202);
    await eventually(async () => {
      const { entries } = ok<{ entries: object[] }>(await stage.root.get("/audit?action=rebuild.completed"));
      expect(entries).toHaveLength(1);
    });
    expect(await rows(stage, `resource:${WEB}`)).toEqual(left);
    expect(await rows(stage, `resource:${ORDERS}`)).toEqual([]);
    await stage.expectVerified(`resource:${WEB}`, `resource:${ORDERS}`, "config");
  });
});
