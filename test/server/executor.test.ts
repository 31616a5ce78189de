import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Lease, Lock } from "../../src/locks/contract.ts";
import type { Task } from "../../src/tasks/task-contract.ts";
import { type Delivered, ListeningExecutor, type Reply } from "../support/executor.ts";
import { approvedTask, type Cast, castOf, written } from "../support/main-job.ts";
import { until } from "../support/server.ts";
import { sharedServer } from "../support/shared-server.ts";
import { Session } from "../support/wire.ts";

const server = sharedServer({ WEBHOOK_ALLOW_PRIVATE: "1" });
const success: Reply = { status: 200, body: { result: "success" } };
const accepted: Reply = { status: 202 };

let cast: Cast;
let executor: ListeningExecutor;

beforeAll(async () => {
  executor = await ListeningExecutor.listen();
  cast = await castOf(server.url);
});
afterAll(() => executor.close());

/** An approved change of a service of its own, which answers at `/{name}`. */
function filed(name: string, replies: readonly Reply[], more: object = {}): Promise<Task> {
  const config = { executor: executor.at(`/${name}`, ...replies), ...more };
  return approvedTask(cast, [written("service", name)], config);
}

async function ended({ id }: Task): Promise<Task> {
  let task = await cast.root.get<Task>(`/tasks/${id}`);
  await until(async () => {
    task = await cast.root.get<Task>(`/tasks/${id}`);
    return task.state === "COMPLETED";
  });
  return task;
}

async function resource(name: string): Promise<{ revision: number; attributes: unknown; lock?: Lock }> {
  return cast.root.get(`/resources/service/${name}?namespace=prod`);
}

/** The executor, calling back with the token that it was given. */
function caller({ token }: Delivered): Session {
  return new Session(server.url, "executor", token);
}

async function code(
  session: Session,
  method: string,
  path: string,
  body?: unknown,
): Promise<[number, string | undefined]> {
  const answer = await session.call<{ error?: { code: string } } | undefined>(method, path, body);
  return [answer.status, answer.body?.error?.code];
}

describe.concurrent("an approved change with an executor", () => {
  test("is sent to it by itself, signed, with its leases; a result in the answer completes it", async () => {
    const task = await filed("direct", [{ status: 200, body: { result: "success", output: { pods: 3 } } }]);
    const sent = await executor.nth("/direct");
    const { secret } = await cast.root.get<{ secret: string }>("/webhooks/executor-secret");
    const headers = Object.fromEntries(Object.entries(sent.headers).map(([name, value]) => [name, String(value)]));
    expect(new Webhook(secret).verify(sent.payload, headers)).toEqual(JSON.parse(sent.payload));
    expect(sent).toMatchObject({
      id: `msg_${task.id}_1`,
      type: "task.apply",
      task: { id: task.id, state: "APPLYING", execution: { attempt: 1, agent_id: "executor" } },
    });
    expect(sent.leases.map(({ resource_type, resource_id }) => `${resource_type} ${resource_id}`)).toEqual([
      `task ${task.id}`,
      "resource service:prod/direct",
    ]);
    for (const { fencing_token } of sent.leases) expect(fencing_token).toBeGreaterThan(0);
    expect(await ended(task)).toMatchObject({ execution: { result: "success", output: { pods: 3 } } });
    expect(await resource("direct")).toMatchObject({ revision: 1, attributes: { changed: true } });
    expect((await resource("direct")).lock).toBeUndefined();
    expect(executor.delivered("/direct")).toHaveLength(1);
    const { entries } = await cast.root.get<{ entries: { action: string; who: { id: string } }[] }>(
      `/tasks/${task.id}/audit`,
    );
    expect(entries.find(({ action }) => action === "task.completed")?.who.id).toBe("executor");
  });

  test("moves its resources on to what the executor reports", async () => {
    const resources = { "service:prod/reported": { replicas: 7 } };
    await ended(await filed("reported", [{ status: 200, body: { result: "success", resources } }]));
    expect(await resource("reported")).toMatchObject({ revision: 1, attributes: { replicas: 7 } });
  });

  test("accepted with 202 is sent again only to wish a rollback; the token opens heartbeat, stash, complete and rollback", async () => {
    const task = await filed("slow", [accepted]);
    const me = caller(await executor.nth("/slow"));
    const beat = await me.post<{ state: string; leases: Lease[] }>(`/tasks/${task.id}/heartbeat`, 200, {
      progress: 40,
    });
    expect([beat.state, beat.leases.length]).toEqual(["APPLYING", 2]);
    const key = "service:prod/slow";
    await me.post(`/tasks/${task.id.toUpperCase()}/stash`, 200, { resource: key, data: { replicas: 1 } });
    const failed = await me.post<Task>(`/tasks/${task.id}/complete`, 200, { result: "failure", error: "no quota" });
    expect(failed).toMatchObject({
      state: "APPLYING",
      execution: { rollback: { status: "requested", stash: { [key]: { replicas: 1 } } } },
    });
    expect((await resource("slow")).lock).toBeDefined();
    const wish = await executor.nth("/slow", 2);
    expect([wish.type, wish.id]).toEqual(["task.rollback", `msg_${task.id}_1_rollback`]);
    expect(wish.task.execution?.rollback).toEqual({ status: "requested", stash: { [key]: { replicas: 1 } } });
    const over = await me.post<Task>(`/tasks/${task.id}/rollback`, 200, { result: "success" });
    expect(over).toMatchObject({
      state: "COMPLETED",
      execution: { result: "failure", error: "no quota", rollback: { status: "succeeded" } },
    });
    expect(await me.post<Task>(`/tasks/${task.id}/rollback`, 200, { result: "success" })).toEqual(over);
    expect(await code(me, "POST", `/tasks/${task.id}/heartbeat`, {})).toEqual([409, "INVALID_STATE"]);
    expect(await resource("slow")).toMatchObject({ revision: 0 });
    expect((await resource("slow")).lock).toBeUndefined();
    expect(executor.delivered("/slow")).toHaveLength(2);
  });

  test("has a token that opens nothing else, and no other task", async () => {
    const task = await filed("narrow", [accepted]);
    const other = await filed("other", [accepted]);
    const sent = await executor.nth("/narrow");
    const me = caller(sent);
    for (const [method, path] of [
      ["GET", `/tasks/${task.id}`],
      ["GET", "/tasks"],
      ["POST", `/tasks/${task.id}/apply`],
      ["POST", `/tasks/${task.id}/cancel`],
      ["POST", `/tasks/${task.id}/comments`],
      ["POST", "/tasks/claim"],
      ["POST", "/locks/acquire"],
      ["GET", "/webhooks/executor-secret"],
    ] as const) {
      expect(await code(me, method, path, method === "POST" ? {} : undefined), path).toEqual([401, "UNAUTHENTICATED"]);
    }
    for (const route of ["heartbeat", "stash", "complete", "rollback"]) {
      const body = { heartbeat: {}, stash: { resource: "x", data: {} } }[route] ?? { result: "success" };
      expect(await code(me, "POST", `/tasks/${other.id}/${route}`, body), route).toEqual([403, "FORBIDDEN"]);
    }
    const next = sent.token.replace(/\.1\.([0-9a-f]+)$/, ".2.$1");
    const forged = new Session(server.url, "executor", next);
    expect(next).not.toBe(sent.token);
    expect(await code(forged, "POST", `/tasks/${task.id}/complete`, { result: "success" })).toEqual([
      401,
      "UNAUTHENTICATED",
    ]);
    const elsewhere = await me.call("POST", `/tasks/${task.id}/heartbeat`, {}, { "X-Workspace": "elsewhere" });
    expect(elsewhere.status).toBe(403);
    await me.post(`/tasks/${task.id}/complete`, 200, { result: "success" });
    await caller(await executor.nth("/other")).post(`/tasks/${other.id}/complete`, 200, { result: "cancelled" });
  });

  test("is neither offered to agents nor applied or completed by them", async () => {
    const blocked = { resource_type: "resource", resource_id: "service:prod/reserved" };
    const lock = await cast.heir.post<Lock>("/locks/acquire", 201, blocked);
    const task = await filed("reserved", [accepted]);
    const { agent, heir, root } = cast;
    const refusedToAll = async () => {
      expect((await agent.call("POST", "/tasks/claim", {})).status).toBe(204);
      expect(await code(agent, "POST", `/tasks/${task.id}/apply`, {})).toEqual([409, "INVALID_STATE"]);
      const named = await code(root, "POST", `/tasks/${task.id}/apply`, { agent_id: "migrator" });
      expect(named).toEqual([409, "INVALID_STATE"]);
    };
    await refusedToAll();
    expect(executor.delivered("/reserved")).toEqual([]);
    await heir.post("/locks/release", 204, { lock_id: lock.id });
    const me = caller(await executor.nth("/reserved"));
    await refusedToAll();
    for (const route of ["heartbeat", "complete"]) {
      const body = route === "complete" ? { result: "success" } : {};
      expect(await code(agent, "POST", `/tasks/${task.id}/${route}`, body)).toEqual([403, "FORBIDDEN"]);
    }
    await me.post(`/tasks/${task.id}/complete`, 200, { result: "success" });
  });

  test("lost by an attempt is lost to its token, whatever the next attempt does", async () => {
    const task = await filed("lost", [accepted], { max_attempts: 2 });
    const first = await executor.nth("/lost");
    const lock_id = first.leases.find(({ resource_type }) => resource_type === "resource")?.lock_id;
    await cast.root.post("/locks/release", 204, { lock_id, force: true, reason: "incident 7" });
    const stale = () => code(caller(first), "POST", `/tasks/${task.id}/complete`, { result: "success" });
    await until(async () => (await cast.root.get<Task>(`/tasks/${task.id}`)).state === "APPROVED");
    expect(await stale()).toEqual([409, "TASK_LEASE_LOST"]);
    const second = await executor.nth("/lost", 2);
    expect([second.id, second.task.execution?.attempt]).toEqual([`msg_${task.id}_2`, 2]);
    const tokenOf = ({ leases }: Delivered) => leases.find((one) => one.resource_type === "resource")?.fencing_token;
    expect(tokenOf(second)).toBeGreaterThan(tokenOf(first) ?? Number.NaN);
    expect(await stale()).toEqual([409, "TASK_LEASE_LOST"]);
    await caller(second).post(`/tasks/${task.id}/complete`, 200, { result: "success" });
    expect(await stale()).toEqual([409, "TASK_LEASE_LOST"]);
    expect(await resource("lost")).toMatchObject({ revision: 1 });
  });

  test("is sent again after 500 and 503, under the same id and with the same token, until it is done", async () => {
    const task = await filed("flaky", [{ status: 500 }, { status: 503, body: { result: "success" } }, success]);
    expect((await ended(task)).execution).toMatchObject({ attempt: 1, result: "success" });
    const sent = executor.delivered("/flaky");
    expect(sent.map(({ id }) => id)).toEqual(Array(3).fill(`msg_${task.id}_1`));
    expect(new Set(sent.map(({ token }) => token)).size).toBe(1);
  });

  test("is sent again when nobody was there to take it", async () => {
    const gone = await ListeningExecutor.listen();
    const { port } = gone;
    const { url } = gone.at("/later");
    await gone.close();
    const task = await approvedTask(cast, [written("service", "later")], { executor: { kind: "webhook", url } });
    await until(() => server.stdout().includes("executor.unreachable") && server.stdout().includes(task.id));
    expect((await cast.root.get<Task>(`/tasks/${task.id}`)).state).toBe("APPLYING");
    const back = await ListeningExecutor.listen(port);
    back.at("/later", success);
    expect((await ended(task)).execution?.result).toBe("success");
    await back.close();
  });

  test("fails when the executor refuses it", async () => {
    const task = await filed("refused", [{ status: 400, body: { result: "success" } }]);
    expect((await ended(task)).execution).toMatchObject({ result: "failure", error: "the executor answered 400" });
    expect(await resource("refused")).toMatchObject({ revision: 0 });
    expect((await resource("refused")).lock).toBeUndefined();
    expect(executor.delivered("/refused")).toHaveLength(1);
  });

  test.each([301, 307])("follows no redirect: %d is a refusal, too", async (status) => {
    const { url } = executor.at(`/inner-${status}`, success);
    const task = await filed(`moved-${status}`, [{ status, headers: { Location: url } }]);
    expect((await ended(task)).execution).toMatchObject({
      result: "failure",
      error: `the executor answered ${status}`,
    });
    expect(executor.delivered(`/inner-${status}`)).toEqual([]);
  });

  test("ends with timeout_seconds, whatever the executor promised or left unanswered", async () => {
    const [promised, hanging] = await Promise.all([
      filed("promised", [accepted], { timeout_seconds: 1 }),
      filed("hanging", ["silence"], { timeout_seconds: 1 }),
    ]);
    for (const task of [promised, hanging]) {
      expect(await ended(task)).toMatchObject({ execution: { attempt: 1, result: "timeout" } });
    }
    expect((await resource("promised")).lock).toBeUndefined();
    const late = caller(await executor.nth("/promised"));
    expect(await code(late, "POST", `/tasks/${promised.id}/complete`, { result: "success" })).toEqual([
      409,
      "INVALID_STATE",
    ]);
  });
});

test("an approved change that was being delivered when its server was killed with -9 is sent again, as the same attempt", async () => {
  const task = await filed("survivor", ["silence", success]);
  const first = await executor.nth("/survivor");
  await server.crash();
  const second = await executor.nth("/survivor", 2);
  expect([second.id, second.token]).toEqual([first.id, first.token]);
  expect(second.leases.map(({ fencing_token }) => fencing_token)).toEqual(
    first.leases.map(({ fencing_token }) => fencing_token),
  );
  expect((await ended(task)).execution).toMatchObject({ attempt: 1, result: "success" });
  expect(await resource("survivor")).toMatchObject({ revision: 1 });
});
