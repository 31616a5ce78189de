/** Webhook executors under a clock of the test's own: renewals, late answers, deaths. The wire itself is tested in test/server. */
import { runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Lease, Lock } from "../src/locks/contract.ts";
import type { Task } from "../src/tasks/task-contract.ts";
import type { Api } from "./support/api.ts";
import {
  as,
  detailsOf,
  eventually,
  filed,
  ok,
  type Person,
  pass,
  refusal,
  START,
  Stage,
  stopClock,
  WEB,
} from "./support/stage.ts";

const executor = { kind: "webhook", url: "https://executor.example.com/apply" };

interface Delivered {
  readonly id: string;
  readonly type: string;
  readonly task: Task;
  readonly leases: readonly Lease[];
  readonly token: string;
  /** the API as the executor may use it */
  readonly me: Api;
}

type Answer = (sent: Delivered) => Response | Promise<Response>;

/** Answers every delivery from here on, and keeps what was delivered. */
function answers(...given: readonly Answer[]): readonly Delivered[] {
  const delivered: Delivered[] = [];
  vi.spyOn(globalThis, "fetch").mockImplementation(async (_url, init) => {
    const { type, data } = JSON.parse(String(init?.body)) as {
      type: string;
      data: Omit<Delivered, "id" | "type" | "me">;
    };
    const sent = { ...data, type, id: new Headers(init?.headers).get("webhook-id") ?? "", me: as(data.token) };
    const answer = given[delivered.length] ?? given.at(-1);
    delivered.push(sent);
    if (answer === undefined) throw new Error("nobody is there");
    return answer(sent);
  });
  return delivered;
}

function accepted(): Response {
  return new Response(null, { status: 202 });
}

function says(body: object): Response {
  return Response.json(body);
}

/** An answer that comes when it is let through. */
function held(): { readonly answer: Answer; readonly release: (answer: () => Response) => void } {
  const { promise, resolve } = Promise.withResolvers<() => Response>();
  return { answer: async () => (await promise)(), release: resolve };
}

beforeEach(stopClock);

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** An approved change, which its executor then is sent. */
async function approved(
  config: object = {},
  before: (stage: Stage, robo: Person) => Promise<void> = async () => {},
): Promise<{ stage: Stage; id: string }> {
  const stage = new Stage();
  const { alice, bob, robo } = await stage.cast();
  await before(stage, robo);
  const { id } = await stage.submitted(alice, { executor, ...config });
  const task = await stage.task(id);
  const request = task.approval_requests.find(({ reviewer_id }) => reviewer_id === "bob");
  ok(await bob.post(`/approvals/${request?.id}/respond`, { action: "approve" }));
  return { stage, id };
}

/** The first `n` deliveries and no more, once they came. */
function arrived(delivered: readonly Delivered[], n: number): Promise<Delivered> {
  return eventually(async () => {
    expect(delivered).toHaveLength(n);
    const last = delivered[n - 1];
    if (last === undefined) throw new Error("nothing came");
    return last;
  });
}

/** Rings the task's alarm after a while, and waits for what it starts. */
async function rings(stage: Stage, id: string, after: number): Promise<void> {
  pass(after);
  await stage.ring(`task:${id}`);
  await stage.task(id);
}

async function endsOf(stage: Stage, { leases }: Delivered): Promise<number[]> {
  return Promise.all(
    leases.map(async ({ lock_id }) => Date.parse(ok<Lock>(await stage.root.get(`/locks/${lock_id}`)).expires_at ?? "")),
  );
}

describe("an executor that took its time", () => {
  it("has its leases renewed by the task itself, over its deaths, too", async () => {
    const delivered = answers(accepted);
    const { stage, id } = await approved({ timeout_seconds: 300 });
    const sent = await arrived(delivered, 1);
    for (let turn = 1; turn <= 6; turn += 1) {
      if (turn % 2 === 0) await stage.abort(`task:${id}`);
      await rings(stage, id, 10_000);
      const end = Date.now() + 30_000;
      expect(await endsOf(stage, sent)).toEqual([end, end]);
      expect((await stage.task(id)).lock_info?.expires_at).toBe(new Date(end).toISOString());
    }
    expect(Date.now()).toBeGreaterThanOrEqual(START + 60_000);
    expect(await stage.task(id)).toMatchObject({ state: "APPLYING", execution: { attempt: 1 } });
    ok(await sent.me.post(`/tasks/${id}/complete`, { result: "success" }));
    expect(delivered).toHaveLength(1);
    await stage.expectFree([], [WEB]);
    await stage.expectVerified(`task:${id}`, `resource:${WEB}`);
  });

  it("ends with timeout_seconds, however well its leases are renewed", async () => {
    const delivered = answers(accepted);
    const { stage, id } = await approved({ timeout_seconds: 25 });
    const { me } = await arrived(delivered, 1);
    for (let turn = 0; turn < 2; turn += 1) await rings(stage, id, 10_000);
    expect((await stage.task(id)).state).toBe("APPLYING");
    await rings(stage, id, 5_000);
    expect(await stage.task(id)).toMatchObject({ state: "COMPLETED", execution: { result: "timeout" } });
    expect(refusal(await me.post(`/tasks/${id}/complete`, { result: "success" }))).toEqual([409, "INVALID_STATE"]);
    await stage.expectFree([], [WEB]);
  });

  it("whose leases ended while nothing ran gets another attempt, under another id and token", async () => {
    const delivered = answers(accepted);
    const { stage, id } = await approved();
    const first = await arrived(delivered, 1);
    await rings(stage, id, 40_000);
    const { retry_at } = await stage.becomes(id, "APPROVED");
    await rings(stage, id, Date.parse(retry_at ?? "") - Date.now());
    const second = await arrived(delivered, 2);
    expect([first.id, second.id]).toEqual([`msg_${id}_1`, `msg_${id}_2`]);
    expect(refusal(await first.me.post(`/tasks/${id}/heartbeat`, {}))).toEqual([409, "TASK_LEASE_LOST"]);
    ok(await second.me.post(`/tasks/${id}/complete`, { result: "success" }));
    expect(refusal(await first.me.post(`/tasks/${id}/complete`, { result: "success" }))).toEqual([
      409,
      "TASK_LEASE_LOST",
    ]);
  });
});

it("a change that cannot have a lock yet is tried again after a pause, and not at once and for ever", async () => {
  const delivered = answers(accepted);
  const held: Lock[] = [];
  const { stage, id } = await approved({}, async (stage, robo) => {
    held.push(ok<Lock>(await robo.post("/locks/acquire", { resource_type: "resource", resource_id: WEB }), 201));
    await runInDurableObject(stage.stub(`resource:${WEB}`), (actor) => {
      const inside = actor as unknown as { env: Record<string, unknown> };
      inside.env = { ...inside.env, LOCK_QUEUE_MAX: "0" };
    });
  });
  const { retry_at } = await eventually(async () => {
    const task = await stage.task(id);
    expect(task.retry_at).toBeDefined();
    return task;
  });
  expect(delivered).toEqual([]);
  ok(await stage.root.post("/locks/release", { lock_id: held[0]?.id, force: true, reason: "over" }), 204);
  await rings(stage, id, Date.parse(retry_at ?? "") - Date.now());
  await arrived(delivered, 1);
}, 8_000);

describe("a delivery", () => {
  it("under way is not begun a second time, whatever rings", async () => {
    const { answer, release } = held();
    const delivered = answers(answer);
    const { stage, id } = await approved();
    await arrived(delivered, 1);
    for (let turn = 0; turn < 3; turn += 1) await rings(stage, id, 5_000);
    release(() => says({ result: "success" }));
    await stage.becomes(id, "COMPLETED");
    await rings(stage, id, 60_000);
    expect(delivered).toHaveLength(1);
  });

  it("that died with its actor is made again, under the same id, with the same token", async () => {
    const delivered = answers(held().answer, () => says({ result: "success" }));
    const { stage, id } = await approved();
    const first = await arrived(delivered, 1);
    await stage.abort(`task:${id}`);
    await rings(stage, id, 5_000);
    const second = await arrived(delivered, 2);
    expect([second.id, second.token]).toEqual([first.id, first.token]);
    expect(await stage.becomes(id, "COMPLETED")).toMatchObject({ execution: { attempt: 1, result: "success" } });
  });

  it("that reached nobody is made again after a pause, and pauses grow", async () => {
    const delivered = answers();
    const { stage, id } = await approved();
    await arrived(delivered, 1);
    await rings(stage, id, 300);
    expect(delivered).toHaveLength(1);
    await rings(stage, id, 700);
    await arrived(delivered, 2);
    await rings(stage, id, 600);
    expect(delivered).toHaveLength(2);
    await rings(stage, id, 1_400);
    await arrived(delivered, 3);
    expect(new Set(delivered.map((sent) => sent.id))).toEqual(new Set([`msg_${id}_1`]));
  });

  it("answered after its attempt was lost counts for nothing", async () => {
    const { answer, release } = held();
    const delivered = answers(answer, accepted);
    const { stage, id } = await approved();
    const { leases } = await arrived(delivered, 1);
    const lock_id = leases.find(({ resource_id }) => resource_id === WEB)?.lock_id;
    ok(await stage.root.post("/locks/release", { lock_id, force: true, reason: "incident 7" }), 204);
    await stage.becomes(id, "APPROVED");
    // The next attempt is due while the answer is still awaited: it begins as soon as that has come.
    await rings(stage, id, 3_000);
    expect(delivered).toHaveLength(1);
    release(() => says({ result: "success" }));
    expect((await arrived(delivered, 2)).id).toBe(`msg_${id}_2`);
    expect(await stage.task(id)).toMatchObject({ state: "APPLYING", execution: { attempt: 2 } });
    expect((await stage.root.get("/resources/service/web?namespace=prod")).body).toMatchObject({ revision: 0 });
  });

  it("answered after its executor called back itself counts for nothing either, and is not made again", async () => {
    const delivered = answers(async ({ me, task }) => {
      ok(await me.post(`/tasks/${task.id}/complete`, { result: "success", output: "by the call" }));
      return new Response(null, { status: 500 });
    });
    const { stage, id } = await approved();
    const over = await stage.becomes(id, "COMPLETED");
    expect(over.execution).toMatchObject({ result: "success", output: "by the call" });
    await rings(stage, id, 60_000);
    expect(delivered).toHaveLength(1);
    expect(await stage.task(id)).toEqual(over);
  });

  it.each<[string, Answer]>([
    ["its own answer", () => says({ result: "failure", error: "no quota" })],
    [
      "an error after a call",
      async ({ me, task }) => {
        ok(await me.post(`/tasks/${task.id}/complete`, { result: "failure", error: "no quota" }));
        return new Response(null, { status: 500 });
      },
    ],
  ])("that failed after a stash is followed by the wish of a rollback: told by %s", async (_, answer) => {
    const delivered = answers(async (sent) => {
      ok(await sent.me.post(`/tasks/${sent.task.id}/stash`, { resource: WEB, data: { checkout: "old" } }));
      return answer(sent);
    }, accepted);
    const { stage, id } = await approved();
    const wish = await arrived(delivered, 2);
    const rollback = { status: "requested", stash: { [WEB]: { checkout: "old" } } };
    expect(wish).toMatchObject({ type: "task.rollback", id: `msg_${id}_1_rollback`, token: delivered[0]?.token });
    expect(wish.task).toMatchObject({ state: "APPLYING", execution: { error: "no quota", rollback } });
    expect(wish.leases).toEqual(delivered[0]?.leases);
    for (let turn = 0; turn < 4; turn += 1) await rings(stage, id, 10_000);
    expect(delivered).toHaveLength(2);
    const over = ok<Task>(await wish.me.post<Task>(`/tasks/${id}/rollback`, { result: "success" }));
    expect(over).toMatchObject({ state: "COMPLETED", execution: { rollback: { status: "succeeded" } } });
    await stage.expectFree([], [WEB]);
  });

  it.each<[string, Answer]>([
    ["names resources that the task does not change", () => says({ result: "success", resources: { "a:b": {} } })],
    ["is too long", () => says({ result: "success", output: "x".repeat(1024 * 1024) })],
    ["says nothing of a result", () => new Response("done!")],
  ])("whose 200 %s was taken: it is not made again, and the executor may still say how it ended", async (_, answer) => {
    const delivered = answers(answer);
    const { stage, id } = await approved();
    const { me } = await arrived(delivered, 1);
    for (let turn = 0; turn < 4; turn += 1) await rings(stage, id, 10_000);
    expect(delivered).toHaveLength(1);
    expect(ok<Task>(await me.post(`/tasks/${id}/complete`, { result: "success" })).state).toBe("COMPLETED");
  });
});

describe("the wish of a rollback", () => {
  /** A change that failed after a stash, by the executor's own answer; then what it answers to the wish. */
  async function wished(...given: readonly Answer[]) {
    const delivered = answers(
      async ({ me, task }) => {
        ok(await me.post(`/tasks/${task.id}/stash`, { resource: WEB, data: { checkout: "old" } }));
        return says({ result: "failure", error: "no quota" });
      },
      ...given,
    );
    return { delivered, ...(await approved()) };
  }

  it.each<[string, () => Response, object]>([
    ["a report of success", () => says({ result: "success" }), { status: "succeeded" }],
    ["a report of failure", () => says({ result: "failure", error: "gone" }), { status: "failed", error: "gone" }],
    ["a refusal", () => new Response(null, { status: 404 }), { status: "failed", error: "the executor answered 404" }],
  ])("answered with %s is over: the task has failed, nothing is held", async (_, answer, rollback) => {
    const { delivered, stage, id } = await wished(answer);
    const over = await stage.becomes(id, "COMPLETED");
    expect(over.execution).toMatchObject({ result: "failure", error: "no quota", rollback });
    await stage.expectFree([], [WEB]);
    await rings(stage, id, 60_000);
    expect(delivered.map(({ type }) => type)).toEqual(["task.apply", "task.rollback"]);
    await stage.expectVerified(`task:${id}`);
  });

  it("that reached nobody, or died with its actor, is sent again under the same id", async () => {
    const late = held();
    const down = () => new Response(null, { status: 503 });
    const { delivered, stage, id } = await wished(down, late.answer, () => says({ result: "success" }));
    await arrived(delivered, 2);
    await eventually(async () => {
      await rings(stage, id, 1_001);
      expect(delivered.length).toBe(3);
    });
    await stage.abort(`task:${id}`);
    late.release(down);
    await eventually(async () => {
      await rings(stage, id, 5_001);
      expect((await stage.task(id)).state).toBe("COMPLETED");
    });
    const ids = delivered.slice(1).map((sent) => sent.id);
    expect([new Set(ids).size, ids.length]).toEqual([1, 3]);
    expect((await stage.task(id)).execution?.rollback).toMatchObject({ status: "succeeded" });
  });
});

it.each([
  "https://127.0.0.1/",
  "https://localhost:8443/",
  "https://[::1]/",
  "https://169.254.169.254/latest",
  "https://2130706433/",
  "http://executor.example.com/",
  "https://user:secret@executor.example.com/",
])("a change may not name %s as its executor, neither at first nor by an edit", async (url) => {
  const delivered = answers(accepted);
  const stage = new Stage();
  const alice = await stage.user("alice", "author");
  const local = filed("alice", { executor: { kind: "webhook", url } });
  const draft = await stage.draft(alice, { executor });
  const refused = [
    await alice.post("/tasks", local),
    await alice.post("/tasks", { ...local, dry_run: true }),
    await alice.post("/tasks/simulate", local),
    await alice.patch(`/tasks/${draft.id}`, { config: { executor: { url } } }),
  ];
  for (const answer of refused) {
    expect([...refusal(answer), detailsOf(answer).field]).toEqual([400, "VALIDATION_ERROR", "config.executor.url"]);
  }
  expect(await stage.task(draft.id)).toEqual(draft);
  expect(delivered).toEqual([]);
});
