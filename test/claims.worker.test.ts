import { runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Lock } from "../src/locks/contract.ts";
import { TaskActor } from "../src/tasks/actor.ts";
import type { Task } from "../src/tasks/task-contract.ts";
import type { Answer } from "./support/api.ts";
import {
  approve,
  type Claimed,
  detailsOf,
  eventually,
  ok,
  type Person,
  pass,
  type Queued,
  refusal,
  Stage,
  stopClock,
  web,
} from "./support/stage.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** A resource of its own, so that nothing contends. */
const on = (id: string) => ({ resources: [{ ...web, id }] });

function claim(agent: Person, body: object = {}, headers: Record<string, string> = {}): Promise<Answer<Claimed>> {
  return agent.post<Claimed>("/tasks/claim", body, headers);
}

/** Once the dispatch has heard of all tasks. */
async function ready(stage: Stage, count: number): Promise<void> {
  await eventually(async () => {
    const known = await runInDurableObject(
      stage.stub("dispatch"),
      (_, state) => state.storage.sql.exec<{ n: number }>("SELECT count(*) AS n FROM ready").one().n,
    );
    expect(known).toBe(count);
  });
}

async function drained(agent: Person): Promise<string[]> {
  const got: string[] = [];
  for (;;) {
    const { status, body } = await claim(agent);
    if (status === 204) return got;
    got.push(body.task.config.description);
  }
}

describe("POST /tasks/claim", () => {
  it("is 204 when there is nothing", async () => {
    const stage = new Stage();
    const { robo } = await stage.cast();
    const answer = await claim(robo);
    expect([answer.status, answer.body]).toEqual([204, undefined]);
  });

  it("gives apply_immediately first, then priority, then age", async () => {
    const stage = new Stage();
    const { alice, bob } = await stage.cast();
    const worker = await stage.agent("worker", { max_tasks: 10 });
    const file = (description: string, priority: number, options = {}) =>
      stage.approved(alice, [bob], { ...on(description), description, priority }, options);
    await file("old", 50);
    await file("low", 10);
    await file("high", 90);
    await file("now", 0, { apply_immediately: true });
    await file("young", 50);
    await ready(stage, 5);
    await stage.abort("dispatch");
    expect(await drained(worker)).toEqual(["now", "high", "old", "young", "low"]);
  });

  it("keeps to the capabilities given with the claim, else to the registered ones", async () => {
    const stage = new Stage();
    const { alice, bob, robo } = await stage.cast();
    const dba = await stage.agent("dba", { capabilities: ["database.*"] });
    for (const type of ["service.restart", "database.migrate"]) {
      await stage.approved(alice, [bob], { ...on(type), description: type, type });
    }
    await ready(stage, 2);
    expect((await claim(robo, { capabilities: ["network.*"] })).status).toBe(204);
    expect(await drained(dba)).toEqual(["database.migrate"]);
    expect((await claim(robo, { capabilities: ["service.*"] })).body.task.config.type).toBe("service.restart");
  });

  it("gives one task to one agent, however many idle ones claim at once", async () => {
    const stage = new Stage();
    const { alice, bob } = await stage.cast();
    const agents = await Promise.all(Array.from({ length: 8 }, (_, n) => stage.agent(`w${n}`)));
    for (let n = 0; n < 12; n += 1) await stage.approved(alice, [bob], on(`r${n}`));
    await ready(stage, 12);
    const rounds = [await Promise.all(agents.map((agent) => claim(agent)))];
    rounds.push(await Promise.all(agents.map((agent) => claim(agent))));
    const ids = rounds.flat().flatMap(({ status, body }) => (status === 200 ? [body.task.id] : []));
    expect(rounds[0]?.map(({ status }) => status)).toEqual(Array(8).fill(200));
    expect(ids).toHaveLength(12);
    expect(new Set(ids).size).toBe(12);
    for (const [at, { status, body }] of rounds.flat().entries()) {
      if (status === 200) expect(body.task.execution?.agent_id).toBe(`w${at % 8}`);
    }
  });

  it("lets no herd loose: of fifty idle agents only those who are offered a task call on it", async () => {
    const stage = new Stage();
    const { alice, bob } = await stage.cast();
    const agents = await Promise.all(Array.from({ length: 50 }, (_, n) => stage.agent(`w${n}`)));
    const applies = vi.spyOn(TaskActor.prototype, "apply");
    const first = await stage.approved(alice, [bob], on("r0"));
    await ready(stage, 1);
    const atOnce = await Promise.all(agents.map((agent) => claim(agent)));
    expect(atOnce.filter(({ status }) => status === 200).map(({ body }) => body.task.id)).toEqual([first.id]);
    expect(atOnce.filter(({ status }) => status === 204)).toHaveLength(49);
    expect(applies).toHaveBeenCalledTimes(1);

    const open = agents.map((agent) => claim(agent, { wait_seconds: 20 }));
    const won: string[] = [];
    for (const answer of open) void answer.then(({ status, body }) => status === 200 && won.push(body.task.id));
    const next: string[] = [];
    for (const id of ["r1", "r2", "r3"]) next.push((await stage.approved(alice, [bob], on(id))).id);
    await eventually(async () => expect([...won].sort()).toEqual([...next].sort()));
    expect(applies).toHaveBeenCalledTimes(4);
    // Whoever drains has its open claim answered: nobody is left waiting.
    await Promise.all(agents.map((agent) => agent.post(`/agents/${agent.id}/heartbeat`, { status: "draining" })));
    const statuses = (await Promise.all(open)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 204)).toHaveLength(47);
    expect(applies).toHaveBeenCalledTimes(4);
  });

  it("gives each to one of those who wait, when the dispatch dies between and forgets its offers", async () => {
    const stage = new Stage();
    const { alice, bob } = await stage.cast();
    const agents = await Promise.all(Array.from({ length: 4 }, (_, n) => stage.agent(`w${n}`)));
    const { id } = await stage.approved(alice, [bob]);
    await ready(stage, 1);
    const answers = [...agents.map((agent) => agent.post(`/tasks/${id}/apply`)), stage.abort("dispatch")];
    const statuses = (await Promise.all(answers)).flatMap((answer) => (answer === undefined ? [] : [answer.status]));
    expect(statuses.sort()).toEqual([200, 409, 409, 409]);
    await stage.becomes(id, "APPLYING");
    await stage.ring(`task:${id}`);
    for (const agent of agents) expect((await claim(agent)).status).toBe(204);
  });

  it("with wait_seconds gets a task that is approved later, at once", async () => {
    const stage = new Stage();
    const { alice, bob, robo } = await stage.cast();
    const waiting = claim(robo, { wait_seconds: 20 });
    const started = Date.now();
    const task = await stage.submitted(alice);
    await approve(bob, task);
    expect(ok<Claimed>(await waiting).task).toMatchObject({ id: task.id, state: "APPLYING" });
    expect(Date.now() - started).toBeLessThan(5_000);
    expect((await claim(robo, { wait_seconds: 1 })).status).toBe(204);
    for (const wait_seconds of [-1, 21, 1.5]) {
      expect(refusal(await claim(robo, { wait_seconds }))).toEqual([400, "VALIDATION_ERROR"]);
    }
  });

  it("passes by an agent without a free permit, until it has one", async () => {
    const stage = new Stage();
    const { alice, bob } = await stage.cast();
    const narrow = await stage.agent("narrow", { max_tasks: 1 });
    await stage.approved(alice, [bob], on("one"));
    await stage.approved(alice, [bob], on("two"));
    await ready(stage, 2);
    const first = ok<Claimed>(await claim(narrow)).task;
    expect((await claim(narrow)).status).toBe(204);
    ok(await narrow.post(`/tasks/${first.id}/complete`, { result: "success" }));
    expect((await claim(narrow)).status).toBe(200);
  });

  it("under an Idempotency-Key gives the same answer for good, and takes no second task", async () => {
    const stage = new Stage();
    const { alice, bob, robo } = await stage.cast();
    for (const id of ["a", "b", "c"]) await stage.approved(alice, [bob], on(id));
    await ready(stage, 3);
    const key = { "Idempotency-Key": "claim-1" };
    const first = await claim(robo, {}, key);
    const [again, more] = await Promise.all([claim(robo, {}, key), claim(robo, {}, key)]);
    expect(again.headers.get("Idempotency-Replayed")).toBe("true");
    expect([again.body, more.body]).toEqual([first.body, first.body]);
    ok(await robo.post(`/tasks/${first.body.task.id}/complete`, { result: "success" }));
    await stage.abort("dispatch");
    const later = await claim(robo, {}, key);
    expect([later.status, later.body]).toEqual([200, first.body]);
    expect(refusal(await claim(robo, { wait_seconds: 1 }, key))).toEqual([422, "IDEMPOTENCY_KEY_REUSED"]);
    await ready(stage, 2);
    const next = await claim(robo, {}, { "Idempotency-Key": "claim-2" });
    expect(next.body.task.id).not.toBe(first.body.task.id);
  });

  it("under an Idempotency-Key goes on to the next task when the first one's locks are taken", async () => {
    const stage = new Stage();
    const { alice, bob, robo } = await stage.cast();
    const other = await stage.agent("other");
    const taken = await stage.approved(alice, [bob], { ...on("taken"), priority: 90 });
    const free = await stage.approved(alice, [bob], { ...on("free"), priority: 10 });
    await ready(stage, 2);
    const wanted = { resource_type: "resource", resource_id: "service:prod/taken" };
    ok<Lock>(await other.post("/locks/acquire", wanted), 201);
    const key = { "Idempotency-Key": "onwards" };
    const first = await claim(robo, {}, key);
    expect(first.body.task.id).toBe(free.id);
    expect((await claim(robo, {}, key)).body).toEqual(first.body);
    expect((await stage.task(taken.id)).state).toBe("APPROVED");
  });

  it("hands over a task whose locks came after a wait, once, also to an agent without another permit", async () => {
    const stage = new Stage();
    const { alice, bob } = await stage.cast();
    const narrow = await stage.agent("narrow", { max_tasks: 1 });
    const other = await stage.agent("other");
    const { id } = await stage.approved(alice, [bob]);
    const wanted = { resource_type: "resource", resource_id: "service:prod/web" };
    const lease = ok<Lock>(await other.post("/locks/acquire", wanted), 201);
    expect(ok<Queued>(await narrow.post(`/tasks/${id}/apply`), 202).state).toBe("APPROVED");
    const waiting = claim(narrow, { wait_seconds: 20 });
    await stage.approved(alice, [bob], on("not for one at capacity"));
    ok(await other.post("/locks/release", { lock_id: lease.id }), 204);
    const got = ok<Claimed>(await waiting);
    expect(got.task).toMatchObject({ id, state: "APPLYING" });
    expect(got.leases).toHaveLength(3);
    await stage.abort("dispatch");
    expect((await claim(narrow)).status).toBe(204);
  });

  it("gives no more what is cancelled, edited or applied meanwhile", async () => {
    const stage = new Stage();
    const { alice, bob, robo } = await stage.cast();
    const other = await stage.agent("other");
    const [cancelled, applied] = [
      await stage.approved(alice, [bob], on("a")),
      await stage.approved(alice, [bob], on("b")),
    ];
    ok(await alice.post(`/tasks/${cancelled.id}/cancel`));
    await stage.apply(other, applied.id);
    await ready(stage, 0);
    expect((await claim(robo)).status).toBe(204);
  });

  it("passes a lapsed task by until its retry is due, and then gives it to whoever claims", async () => {
    const stage = new Stage();
    const { alice, bob, robo } = await stage.cast();
    const other = await stage.agent("other");
    const { id } = await stage.approved(alice, [bob]);
    stopClock();
    await stage.apply(robo, id);
    pass(30_000);
    await stage.ring(`task:${id}`);
    const lapsed = await stage.becomes(id, "APPROVED");
    const retryAt = Date.parse(lapsed.retry_at ?? "");
    expect(retryAt - Date.now()).toBeGreaterThanOrEqual(1_600);
    expect(retryAt - Date.now()).toBeLessThanOrEqual(2_400);
    await ready(stage, 1);
    const early = await other.post(`/tasks/${id}/apply`);
    expect(refusal(early)).toEqual([409, "INVALID_STATE"]);
    expect(detailsOf(early).retry_at).toBe(lapsed.retry_at);
    pass(retryAt - Date.now() - 1);
    expect((await claim(other)).status).toBe(204);
    pass(1);
    expect(ok<Claimed>(await claim(other)).task).toMatchObject({ id, execution: { attempt: 2, agent_id: "other" } });
    const { body } = await robo.post(`/tasks/${id}/heartbeat`);
    expect(body).toMatchObject({ error: { code: "TASK_LEASE_LOST" } });
    expect((await stage.task(id)) satisfies Task).toMatchObject({ state: "APPLYING" });
  });
});
