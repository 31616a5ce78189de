/** What happens after a failure: the stash, the rollback that is asked for, and every way in which that can go wrong. */
import { evictDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Lease, Lock } from "../src/locks/contract.ts";
import { MAX_STASH_BYTES } from "../src/tasks/completion.ts";
import type { Task } from "../src/tasks/task-contract.ts";
import { type Answer, trailOf } from "./support/api.ts";
import { detailsOf, ok, type Person, pass, refusal, Stage, stopClock, WEB, web } from "./support/stage.ts";

afterEach(() => {
  vi.useRealTimers();
});

const BEFORE = { checkout: "old", flags: ["a", null], nested: { deep: 1.5 } };

interface Run {
  readonly stage: Stage;
  readonly robo: Person;
  readonly other: Person;
  readonly id: string;
  readonly leases: readonly Lease[];
}

/** A task that is being applied by robo. */
async function applied(config: Readonly<Record<string, unknown>> = {}): Promise<Run> {
  const stage = new Stage();
  const { alice, bob, carol, robo } = await stage.cast();
  const other = await stage.agent("other");
  const { id } = await stage.approved(alice, [bob, carol], config);
  const { leases } = await stage.apply(robo, id);
  return { stage, robo, other, id, leases };
}

function stashed({ robo, id }: Run, data: unknown = BEFORE, resource = WEB): Promise<Answer<object>> {
  return robo.post(`/tasks/${id}/stash`, { resource, data });
}

function failed({ robo, id }: Run, more: object = {}, headers: Record<string, string> = {}): Promise<Answer<Task>> {
  return robo.post<Task>(`/tasks/${id}/complete`, { result: "failure", error: "disk full", ...more }, headers);
}

function reported({ robo, id }: Run, result = "success", more: object = {}): Promise<Answer<Task>> {
  return robo.post<Task>(`/tasks/${id}/rollback`, { result, ...more });
}

/** A task whose agent failed after a stash. */
async function rollingBack(config: Readonly<Record<string, unknown>> = {}): Promise<Run> {
  const run = await applied(config);
  ok(await stashed(run));
  ok(await failed(run));
  return run;
}

async function expectLocked({ stage, other, leases }: Run): Promise<void> {
  for (const { lock_id } of leases) expect((await stage.root.get<Lock>(`/locks/${lock_id}`)).body.status).toBe("held");
  const wanted = { resource_type: "resource", resource_id: WEB, wait_for_available: false };
  expect((await other.post("/locks/acquire", wanted)).status).toBe(423);
}

/** As before the task: nothing held, the resource untouched. */
async function expectLetGo({ stage }: Run): Promise<void> {
  await stage.expectFree(["robo"], [WEB]);
  const { body } = await stage.root.get("/resources/service/web?namespace=prod");
  expect(body).toMatchObject({ attributes: {}, revision: 0 });
}

describe("a failure after a stash, with the automatic strategy,", () => {
  it("asks for a rollback: still APPLYING, the stash shown, all locks held and kept alive by heartbeats", async () => {
    stopClock();
    const run = await applied();
    const { stage, robo, id } = run;
    expect(ok(await stashed(run))).toEqual({ task_id: id, resource: WEB });
    expect((await stage.task(id)).execution).not.toHaveProperty("rollback");
    const asked = ok<Task>(await failed(run, { output: { step: 3 } }));
    const rollback = { status: "requested", stash: { [WEB]: BEFORE } };
    expect(asked).toMatchObject({ state: "APPLYING", lock_info: { agent_id: "robo" } });
    expect(asked.execution).toMatchObject({ result: "failure", error: "disk full", output: { step: 3 }, rollback });
    expect(asked.execution).not.toHaveProperty("completed_at");
    expect(await stage.task(id)).toEqual(asked);
    await expectLocked(run);
    pass(20_000);
    ok(await robo.post(`/tasks/${id}/heartbeat`, { progress: 10, message: "going back" }));
    pass(20_000);
    await stage.ring(`task:${id}`);
    await expectLocked(run);
    expect(await stage.task(id)).toMatchObject({ state: "APPLYING", execution: { rollback } });
  });

  it.each([
    ["success", "succeeded"],
    ["failure", "failed"],
  ])("is over when the agent reports %s: a failure, rollback %s, everything let go", async (result, status) => {
    const run = await rollingBack();
    const { stage, id } = run;
    const over = ok<Task>(await reported(run, result, { error: { tries: 2 } }));
    expect(over.state).toBe("COMPLETED");
    expect(over.execution).toMatchObject({ result: "failure", error: "disk full" });
    expect(over.execution?.rollback).toEqual({ status, error: { tries: 2 } });
    expect(over).not.toHaveProperty("lock_info");
    await expectLetGo(run);
    await stage.expectVerified(`task:${id}`, `resource:${WEB}`, "agent:robo");
    const told = (await trailOf("task", id)).filter(({ action }) => action.startsWith("task."));
    const trail = told.slice(-3);
    expect(trail.map(({ action }) => action)).toEqual(["task.applying", "task.rollback_requested", "task.completed"]);
    expect(trail[1]?.details).toEqual({ attempt: 1, resources: [WEB] });
    expect(trail[2]?.details).toMatchObject({ result: "failure", rollback: status });
    expect(trail.map(({ who }) => who.id)).toEqual(["robo", "robo", "robo"]);
  });

  it("takes no other word before the rollback is reported, and from nobody else", async () => {
    const run = await rollingBack();
    const { stage, robo, other, id } = run;
    for (const result of ["success", "cancelled"]) {
      expect(refusal(await robo.post(`/tasks/${id}/complete`, { result }))).toEqual([409, "INVALID_STATE"]);
    }
    expect(refusal(await other.post(`/tasks/${id}/rollback`, { result: "success" }))).toEqual([403, "FORBIDDEN"]);
    expect(refusal(await other.post(`/tasks/${id}/complete`, { result: "failure" }))).toEqual([403, "FORBIDDEN"]);
    expect(refusal(await stage.root.post(`/tasks/${id}/cancel`))).toEqual([409, "INVALID_STATE"]);
    expect(refusal(await other.post(`/tasks/${id}/apply`))).toEqual([409, "INVALID_STATE"]);
    expect((await other.post("/tasks/claim")).status).toBe(204);
    await expectLocked(run);
    const over = ok<Task>(await stage.root.post(`/tasks/${id}/rollback`, { result: "success" }));
    expect(over).toMatchObject({ state: "COMPLETED", execution: { rollback: { status: "succeeded" } } });
    await expectLetGo(run);
  });

  it("answers repeats alike, however the words arrive, and notes each once", async () => {
    const run = await applied();
    const { stage, robo, id } = run;
    for (let n = 0; n < 2; n += 1) ok(await stashed(run));
    const key = { "Idempotency-Key": "the failure" };
    const answers = await Promise.all([failed(run, {}, key), failed(run, {}, key), failed(run)]);
    for (const answer of answers) expect(ok<Task>(answer)).toEqual(answers[0]?.body);
    const over = await Promise.all([reported(run), reported(run)]);
    expect(ok<Task>(over[1])).toEqual(ok<Task>(over[0]));
    expect(ok<Task>(await failed(run))).toEqual(over[0]?.body);
    const replay = await failed(run, {}, key);
    expect([replay.headers.get("Idempotency-Replayed"), replay.body]).toEqual(["true", answers[0]?.body]);
    expect(refusal(await reported(run, "failure"))).toEqual([409, "INVALID_STATE"]);
    expect(refusal(await robo.post(`/tasks/${id}/complete`, { result: "success" }))).toEqual([409, "INVALID_STATE"]);
    await stage.expectVerified(`task:${id}`);
    const actions = (await trailOf("task", id)).map(({ action }) => action);
    for (const once of ["task.rollback_requested", "task.completed"]) {
      expect(actions.filter((action) => action === once)).toHaveLength(1);
    }
    await expectLetGo(run);
  });

  it("whose agent is never heard of again is over with its leases: rollback failed, no further attempt", async () => {
    stopClock();
    const run = await rollingBack({ max_attempts: 3 });
    const { stage, robo, id } = run;
    pass(30_000);
    await stage.ring(`task:${id}`);
    const over = await stage.becomes(id, "COMPLETED");
    expect(over.execution).toMatchObject({ attempt: 1, result: "failure", rollback: { status: "failed" } });
    expect(over).not.toHaveProperty("retry_at");
    for (const result of ["success", "failure"]) {
      expect(refusal(await reported(run, result))).toEqual([409, "TASK_LEASE_LOST"]);
    }
    expect(refusal(await failed(run))).toEqual([409, "TASK_LEASE_LOST"]);
    expect(refusal(await robo.post(`/tasks/${id}/heartbeat`))).toEqual([409, "TASK_LEASE_LOST"]);
    await expectLetGo(run);
    await stage.expectVerified(`task:${id}`, `resource:${WEB}`, "agent:robo");
  });

  it("one of whose leases is taken away is over as well", async () => {
    const run = await rollingBack({ max_attempts: 3 });
    const { stage, leases, id } = run;
    const lock_id = leases.find(({ resource_id }) => resource_id === WEB)?.lock_id;
    ok(await stage.root.post("/locks/release", { lock_id, force: true, reason: "incident 7" }), 204);
    const over = await stage.becomes(id, "COMPLETED");
    expect(over.execution).toMatchObject({ result: "failure", rollback: { status: "failed" } });
    expect(over.execution?.rollback?.error).toContain("incident 7");
    await expectLetGo(run);
  });

  it("that outlasts timeout_seconds has timed out, however alive its agent is", async () => {
    stopClock();
    const run = await rollingBack({ timeout_seconds: 40 });
    const { stage, robo, id } = run;
    pass(25_000);
    ok(await robo.post(`/tasks/${id}/heartbeat`));
    pass(14_999);
    ok(await robo.post(`/tasks/${id}/heartbeat`));
    pass(1);
    // Nobody rang: the report itself finds out that it came too late.
    expect(refusal(await reported(run))).toEqual([409, "INVALID_STATE"]);
    const over = await stage.task(id);
    expect(over.execution).toMatchObject({ result: "timeout", rollback: { status: "failed" } });
    expect(refusal(await reported(run, "failure"))).toEqual([409, "INVALID_STATE"]);
    await expectLetGo(run);
  });

  it("goes on over the death of every actor between the steps", async () => {
    stopClock();
    const run = await applied();
    const { stage, robo, id } = run;
    const kills = [
      async () => {
        for (const key of [`task:${id}`, `resource:${WEB}`, "agent:robo"] as const) await stage.abort(key);
      },
      async () => {
        for (const key of [`task:${id}`, `resource:${WEB}`, "agent:robo"] as const) {
          await evictDurableObject(stage.stub(key)).catch(() => undefined);
        }
      },
    ];
    ok(await stashed(run));
    for (const kill of kills) await kill();
    const asked = ok<Task>(await failed(run));
    expect(asked.execution?.rollback).toEqual({ status: "requested", stash: { [WEB]: BEFORE } });
    for (const kill of kills) {
      await kill();
      expect(await stage.task(id)).toEqual(asked);
      await expectLocked(run);
      ok(await robo.post(`/tasks/${id}/heartbeat`));
    }
    const over = ok<Task>(await reported(run));
    for (const kill of kills) await kill();
    expect(await stage.task(id)).toEqual(over);
    expect(ok<Task>(await reported(run))).toEqual(over);
    await expectLetGo(run);
    await stage.expectVerified(`task:${id}`, `resource:${WEB}`, "agent:robo");
  });
});

describe("a failure", () => {
  it("without a stash cannot be rolled back automatically, and is over at once", async () => {
    const run = await applied();
    const over = ok<Task>(await failed(run));
    expect(over).toMatchObject({ state: "COMPLETED", execution: { result: "failure" } });
    expect(over.execution?.rollback).toEqual({ status: "unavailable" });
    expect(refusal(await reported(run))).toEqual([409, "INVALID_STATE"]);
    await expectLetGo(run);
  });

  it("under the manual strategy is over at once; the stash is kept for a person, over a death, too", async () => {
    const run = await applied({ rollback_strategy: "manual" });
    ok(await stashed(run));
    const over = ok<Task>(await failed(run));
    expect(over.state).toBe("COMPLETED");
    expect(over.execution?.rollback).toEqual({ status: "manual", stash: { [WEB]: BEFORE } });
    await expectLetGo(run);
    await run.stage.abort(`task:${run.id}`);
    expect(await run.stage.task(run.id)).toEqual(over);
    expect(refusal(await reported(run))).toEqual([409, "INVALID_STATE"]);
  });

  it("under the strategy none is over at once and says nothing of a rollback, nor of the stash", async () => {
    const run = await applied({ rollback_strategy: "none" });
    ok(await stashed(run));
    const over = ok<Task>(await failed(run));
    expect(over.state).toBe("COMPLETED");
    expect(over.execution).not.toHaveProperty("rollback");
    expect(JSON.stringify(over)).not.toContain("flags");
    await expectLetGo(run);
  });

  it.each(["success", "cancelled"])("is what it takes: %s after a stash asks for no rollback", async (result) => {
    const run = await applied();
    ok(await stashed(run));
    const over = ok<Task>(await run.robo.post(`/tasks/${run.id}/complete`, { result }));
    expect(over).toMatchObject({ state: "COMPLETED", execution: { result } });
    expect(over.execution).not.toHaveProperty("rollback");
    await run.stage.expectFree(["robo"], [WEB]);
  });
});

describe("POST /tasks/:id/stash", () => {
  it("is for resources that the task changes, and for data", async () => {
    const resources = [web, { ...web, id: "read", actions: ["read"] }];
    const run = await applied({ resources });
    for (const resource of ["service:prod/read", "service:prod/none", "__proto__", "web"]) {
      const answer = await stashed(run, {}, resource);
      expect([...refusal(answer), detailsOf(answer).field]).toEqual([400, "VALIDATION_ERROR", "resource"]);
    }
    const { robo, id } = run;
    expect(refusal(await robo.post(`/tasks/${id}/stash`, { resource: WEB }))).toEqual([400, "VALIDATION_ERROR"]);
  });

  it.each([[null], [0], [false], [""], [[]]])("keeps what is falsy or empty as it is: %j", async (data) => {
    const run = await applied();
    ok(await stashed(run, { first: true }));
    ok(await stashed(run, data));
    expect(ok<Task>(await failed(run)).execution?.rollback?.stash).toEqual({ [WEB]: data });
  });

  it("is for the agent that applies the task, while it does", async () => {
    stopClock();
    const run = await applied();
    const { stage, other, id } = run;
    expect(refusal(await other.post(`/tasks/${id}/stash`, { resource: WEB, data: 1 }))).toEqual([403, "FORBIDDEN"]);
    pass(60_000);
    expect(refusal(await stashed(run))).toEqual([409, "TASK_LEASE_LOST"]);
    const { retry_at } = await stage.becomes(id, "APPROVED");
    vi.setSystemTime(Date.parse(retry_at ?? ""));
    expect(refusal(await stashed(run))).toEqual([409, "TASK_LEASE_LOST"]);
  });

  it("of an attempt that lapsed is not what a later one goes back to", async () => {
    stopClock();
    const run = await applied();
    const { stage, id } = run;
    ok(await stashed(run));
    pass(30_000);
    await stage.ring(`task:${id}`);
    const { retry_at } = await stage.becomes(id, "APPROVED");
    vi.setSystemTime(Date.parse(retry_at ?? ""));
    expect((await stage.apply(run.robo, id)).execution?.attempt).toBe(2);
    expect(ok<Task>(await failed(run)).execution?.rollback).toEqual({ status: "unavailable" });
  });

  it("is kept anew by every attempt, under the same Idempotency-Key, too; within one it is replayed", async () => {
    stopClock();
    const { stage, robo, id } = await applied();
    const keep = (data: unknown) =>
      robo.post(`/tasks/${id}/stash`, { resource: WEB, data }, { "Idempotency-Key": "before" });
    ok(await keep(BEFORE));
    pass(30_000);
    await stage.ring(`task:${id}`);
    const { retry_at } = await stage.becomes(id, "APPROVED");
    vi.setSystemTime(Date.parse(retry_at ?? ""));
    await stage.apply(robo, id);
    for (const replayed of [null, "true"]) {
      const answer = await keep(BEFORE);
      expect([answer.status, answer.headers.get("Idempotency-Replayed")]).toEqual([200, replayed]);
    }
    expect(refusal(await keep("other"))).toEqual([422, "IDEMPOTENCY_KEY_REUSED"]);
    const asked = ok<Task>(await robo.post<Task>(`/tasks/${id}/complete`, { result: "failure" }));
    expect(asked.execution?.rollback).toEqual({ status: "requested", stash: { [WEB]: BEFORE } });
  });

  it("takes 8 MiB in all, a request at a time, and hands all of it back; beyond is 413 and changes nothing", async () => {
    const keys = Array.from({ length: 9 }, (_, n) => `service:prod/s${n}`);
    const run = await applied({ resources: keys.map((_, n) => ({ ...web, id: `s${n}` })) });
    const { stage, id } = run;
    const part = "ü".repeat(515_000);
    for (const key of keys.slice(0, 8)) ok(await stashed(run, part, key));
    expect(8 * 2 * part.length).toBeGreaterThan(MAX_STASH_BYTES - 200_000);
    expect(refusal(await stashed(run, part, keys[8]))).toEqual([413, "PAYLOAD_TOO_LARGE"]);
    expect(refusal(await stashed(run, "x".repeat(1024 * 1024), keys[8]))).toEqual([413, "PAYLOAD_TOO_LARGE"]);
    ok(await stashed(run, "small", keys[8]));
    await stage.abort(`task:${id}`);
    const kept = ok<Task>(await failed(run)).execution?.rollback?.stash ?? {};
    expect(Object.keys(kept).sort()).toEqual(keys);
    expect(kept[keys[7] ?? ""] === part && kept[keys[8] ?? ""] === "small").toBe(true);
    expect(ok<Task>(await reported(run)).execution?.rollback).toEqual({ status: "succeeded" });
  });
});
