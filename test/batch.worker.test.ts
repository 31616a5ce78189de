/** POST /approvals/batch (03-tasks-and-approvals, "Batch"): all or nothing over many tasks. */
import { createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { BatchAnswer } from "../src/approvals/batch-contract.ts";
import type { Task } from "../src/tasks/task-contract.ts";
import worker from "../src/worker.ts";
import { type Answer, api } from "./support/api.ts";
import {
  approve,
  detailsOf,
  eventually,
  ok,
  orders,
  type Person,
  refusal,
  requestOf,
  Stage,
  web,
} from "./support/stage.ts";

type Loose = Readonly<Record<string, unknown>>;

function batch(who: Person | Stage["root"], ids: readonly string[], more: Loose = {}, headers = {}) {
  return who.post<BatchAnswer>("/approvals/batch", { approval_ids: ids, action: "approve", ...more }, headers);
}

function idsFor(who: Person, tasks: readonly Task[]): string[] {
  return tasks.map((task) => requestOf(who, task).id);
}

/** The codes by item of a batch that failed; null where the item itself was fine. */
function culprits(answer: Answer<unknown>): (string | null)[] {
  expect(refusal(answer)).toEqual([409, "BATCH_FAILED"]);
  const { results } = detailsOf(answer) as {
    results: { success: boolean; error?: { code: string; message: string } }[];
  };
  expect(results.every(({ success }) => !success)).toBe(true);
  return results.map(({ error }) => error?.code ?? null);
}

async function submitted(stage: Stage, author: Person, count: number, config: Loose = {}): Promise<Task[]> {
  return Promise.all(
    Array.from({ length: count }, (_, n) =>
      stage.submitted(author, { resources: [{ ...web, id: `web-${n % 3}` }], ...config }),
    ),
  );
}

async function states(stage: Stage, tasks: readonly Task[]): Promise<string[]> {
  return Promise.all(tasks.map(async ({ id }) => (await stage.task(id)).state));
}

describe("POST /approvals/batch", () => {
  it("decides on all of it, in order, and says what became of each task", async () => {
    const stage = new Stage();
    const { alice, bob } = await stage.cast();
    const tasks = [...(await submitted(stage, alice, 2)), await stage.submitted(alice, { resources: [orders] })];
    const ids = idsFor(bob, tasks);
    expect(ok(await batch(bob, ids, { reason: "all fine" }))).toEqual({
      success: true,
      processed: 3,
      succeeded: 3,
      failed: 0,
      results: ids.map((approval_id) => ({ approval_id, success: true })),
      task_updates: tasks.map(({ id }, n) => ({ task_id: id, new_state: n < 2 ? "APPROVED" : "REVIEWING" })),
    });
    expect(await states(stage, tasks)).toEqual(["APPROVED", "APPROVED", "REVIEWING"]);
    for (const { id } of tasks) {
      const { approvals } = await stage.task(id);
      expect(approvals).toMatchObject([{ reviewer_id: "bob", action: "approve", reason: "all fine", revision: 1 }]);
    }
  });

  it("is journalled in each task like single answers, by who made it, with the batch's id", async () => {
    const stage = new Stage();
    const { alice, bob } = await stage.cast();
    const tasks = await submitted(stage, alice, 2);
    ok(await batch(bob, idsFor(bob, tasks)));
    const trails = await Promise.all(
      tasks.map(async ({ id }) => {
        const { entries } = ok<{ entries: { action: string; who: { id: string }; details: { batch_id?: string } }[] }>(
          await bob.get(`/tasks/${id}/audit`),
        );
        return entries.filter(({ details }) => details?.batch_id !== undefined);
      }),
    );
    for (const trail of trails) {
      expect(trail.map(({ action, who }) => [action, who.id])).toEqual([
        ["approval.approved", "bob"],
        ["approval.superseded", "bob"],
        ["task.approved", "bob"],
      ]);
    }
    expect(new Set(trails.flat().map(({ details }) => details.batch_id)).size).toBe(1);
    await stage.expectVerified(...tasks.map(({ id }) => `task:${id}` as const));
  });

  it("rejects, with a reason only", async () => {
    const stage = new Stage();
    const { alice, bob } = await stage.cast();
    const tasks = await submitted(stage, alice, 2);
    const ids = idsFor(bob, tasks);
    for (const reason of [{}, { reason: "" }, { reason: " " }]) {
      expect(refusal(await batch(bob, ids, { action: "reject", ...reason }))).toEqual([400, "VALIDATION_ERROR"]);
    }
    ok(await batch(bob, ids, { action: "reject", reason: "not this week" }));
    expect(await states(stage, tasks)).toEqual(["REJECTED", "REJECTED"]);
  });

  it("takes a hundred items, none twice, at least one", async () => {
    const stage = new Stage();
    const { alice } = await stage.cast();
    await Promise.all(["dan", "eve", "fay"].map((id) => stage.user(id, "reviewer")));
    const ada = await stage.user("ada", "admin");
    const tasks = await submitted(stage, alice, 20);
    const ids = tasks.flatMap(({ approval_requests }) => approval_requests.map(({ id }) => id));
    expect(ids).toHaveLength(100);
    const [first = ""] = ids;
    for (const approval_ids of [
      [],
      [first, first],
      [first, first.toUpperCase()],
      [...ids, crypto.randomUUID()],
      ["x"],
    ]) {
      expect(refusal(await batch(ada, approval_ids))).toEqual([400, "VALIDATION_ERROR"]);
    }
    for (const action of ["delegate", "request_changes"]) {
      expect(refusal(await batch(ada, ids, { action, reason: "why" }))).toEqual([400, "VALIDATION_ERROR"]);
    }
    expect(ok(await batch(ada, ids))).toMatchObject({ success: true, succeeded: 100 });
    expect(new Set(await states(stage, tasks))).toEqual(new Set(["APPROVED"]));
  });

  it("passes apply_immediately on", async () => {
    const stage = new Stage();
    const { alice, bob, robo } = await stage.cast();
    const tasks = await submitted(stage, alice, 3);
    ok(await batch(bob, idsFor(bob, tasks.slice(0, 2))));
    ok(await batch(bob, idsFor(bob, tasks.slice(2)), { options: { apply_immediately: true } }));
    const claimed = ok<{ task: Task }>(await robo.post("/tasks/claim", { wait_seconds: 5 }));
    expect(claimed.task.id).toBe(tasks[2]?.id);
  });

  it("replays under an Idempotency-Key; with another body it is 422", async () => {
    const stage = new Stage();
    const { alice, bob } = await stage.cast();
    const tasks = await submitted(stage, alice, 2);
    const ids = idsFor(bob, tasks);
    const key = { "Idempotency-Key": "once" };
    const both = await Promise.all([batch(bob, ids, {}, key), batch(bob, ids, {}, key)]);
    expect(both.map(({ status }) => status)).toEqual([200, 200]);
    expect(both.map(({ headers }) => headers.get("Idempotency-Replayed"))).toContain("true");
    expect(both[0]?.body).toEqual(both[1]?.body);
    expect(refusal(await batch(bob, ids.slice(1), {}, key))).toEqual([422, "IDEMPOTENCY_KEY_REUSED"]);
  });
});

describe("one item that cannot be decided fails the batch, and nothing is written:", () => {
  it("stale, foreign, unknown, one's own, somebody else's", async () => {
    const stage = new Stage();
    const { alice, bob, carol } = await stage.cast();
    const olga = await stage.user("olga", "author", "reviewer");
    const fine = await stage.submitted(alice);
    const own = await stage.submitted(olga);
    const over = await stage.submitted(alice, { resources: [orders] });
    ok(await approve(bob, over));
    const there = new Stage();
    const strangers = await there.cast();
    const elsewhere = requestOf("bob", await there.submitted(strangers.alice)).id;
    const good = requestOf(bob, fine).id;
    const unknown = `${good.slice(0, -8)}000000ff`;
    const cases: [Person, string, string][] = [
      [bob, requestOf(bob, over).id, "APPROVAL_ALREADY_RESOLVED"],
      [bob, requestOf("carol", over).id, "FORBIDDEN"],
      [bob, elsewhere, "APPROVAL_NOT_FOUND"],
      [bob, unknown, "APPROVAL_NOT_FOUND"],
      [bob, fine.id, "APPROVAL_NOT_FOUND"],
      [bob, "01890a5d-ac96-774b-bcce-b302099a8057", "APPROVAL_NOT_FOUND"],
      [olga, requestOf("bob", own).id, "SELF_APPROVAL"],
    ];
    for (const [who, bad, code] of cases) {
      const mine = requestOf(who, fine).id;
      expect(culprits(await batch(who, [mine, bad])), code).toEqual([null, code]);
      expect(culprits(await batch(who, [bad, mine])), code).toEqual([code, null]);
    }
    const after = await stage.task(fine.id);
    expect([after.state, after.approvals]).toEqual(["REVIEWING", []]);
    ok(await approve(carol, fine));
  });

  it("by root, who never decides, and by agents", async () => {
    const stage = new Stage();
    const { alice, bob, robo } = await stage.cast();
    const task = await stage.submitted(alice);
    const ids = idsFor(bob, [task]);
    expect(culprits(await batch(stage.root, ids))).toEqual(["FORBIDDEN"]);
    expect(culprits(await batch(robo, ids))).toEqual(["FORBIDDEN"]);
  });

  it("drifted since it was shown; admins may leave that look out, nobody else may, and nothing else with it", async () => {
    const stage = new Stage();
    const { alice, bob, robo } = await stage.cast();
    const ada = await stage.user("ada", "admin", "reviewer");
    const [drifted, fine] = await Promise.all([
      stage.submitted(alice),
      stage.submitted(alice, { resources: [orders] }),
    ]);
    const other = await stage.approved(alice, [bob], { parameters: { checkout: "other" } });
    await stage.apply(robo, other.id);
    ok(await robo.post(`/tasks/${other.id}/complete`, { result: "success" }));
    const ids = [requestOf(bob, drifted).id, requestOf(bob, fine).id];
    expect(culprits(await batch(bob, ids))).toEqual(["DRIFTED", null]);
    expect(await states(stage, [drifted, fine])).toEqual(["REVIEWING", "REVIEWING"]);
    const skip = { options: { skip_validation: true } };
    expect(refusal(await batch(bob, ids, skip))).toEqual([403, "FORBIDDEN"]);
    const stale = requestOf(bob, other).id;
    expect(culprits(await batch(ada, [...ids, stale], skip))).toEqual([null, null, "APPROVAL_ALREADY_RESOLVED"]);
    ok(await batch(ada, ids, skip));
    expect(await states(stage, [drifted, fine])).toEqual(["APPROVED", "REVIEWING"]);
  });
});

describe("several requests of one task", () => {
  it("are one reservation and are all decided, though the first alone may end the review", async () => {
    const stage = new Stage();
    const { alice, bob } = await stage.cast();
    const ada = await stage.user("ada", "admin");
    const task = await stage.submitted(alice);
    const ids = [requestOf(bob, task).id, requestOf("carol", task).id];
    expect(culprits(await batch(bob, ids))).toEqual([null, "FORBIDDEN"]);
    expect(ok(await batch(ada, ids))).toMatchObject({
      succeeded: 2,
      task_updates: [{ task_id: task.id, new_state: "APPROVED" }],
    });
    const { approvals } = await stage.task(task.id);
    expect(approvals.map(({ reviewer_id }) => reviewer_id)).toEqual(["ada"]);
  });

  it("count their person once", async () => {
    const stage = new Stage();
    const { alice, bob } = await stage.cast();
    const [ada] = await Promise.all([stage.user("ada", "admin"), stage.user("dan", "reviewer")]);
    const task = await stage.submitted(alice, { resources: [orders] });
    ok(await batch(ada, [requestOf(bob, task).id, requestOf("carol", task).id]));
    const { state, current_approvals, approval_requests } = await stage.task(task.id);
    expect([state, current_approvals]).toEqual(["REVIEWING", 1]);
    const status = Object.fromEntries(approval_requests.map((request) => [request.reviewer_id, request.status]));
    expect(status).toEqual({ bob: "APPROVED", carol: "APPROVED", dan: "PENDING" });
  });
});

describe("continue_on_error", () => {
  const options = { continue_on_error: true };

  it("decides on each by itself and is always 200", async () => {
    const stage = new Stage();
    const { alice, bob, carol } = await stage.cast();
    const tasks = await submitted(stage, alice, 3);
    ok(await approve(carol, tasks[1] as Task));
    const ids = [...idsFor(bob, tasks), "01890a5d-ac96-774b-bcce-b302099a8057"];
    const answer = ok<BatchAnswer>(await batch(bob, ids, { options }));
    expect(answer).toMatchObject({ success: false, processed: 4, succeeded: 2, failed: 2 });
    expect(answer.results.map(({ approval_id }) => approval_id)).toEqual(ids);
    expect(answer.results.map(({ error }) => error?.code)).toEqual([
      undefined,
      "APPROVAL_ALREADY_RESOLVED",
      undefined,
      "APPROVAL_NOT_FOUND",
    ]);
    expect(answer.task_updates).toEqual(
      [tasks[0], tasks[2]].map((task) => ({ task_id: task?.id, new_state: "APPROVED" })),
    );
    const none = ok<BatchAnswer>(await batch(bob, ids, { options }));
    expect(none).toMatchObject({ success: false, succeeded: 0, failed: 4, task_updates: [] });
  });

  it("replays what it did under an Idempotency-Key", async () => {
    const stage = new Stage();
    const { alice, bob } = await stage.cast();
    const tasks = await submitted(stage, alice, 2);
    const ids = idsFor(bob, tasks);
    const send = () => batch(bob, ids, { options }, { "Idempotency-Key": "each" });
    const first = await send();
    const again = await send();
    expect(again.body).toEqual(first.body);
    expect(again.headers.get("Idempotency-Replayed")).toBe("true");
    expect(ok<BatchAnswer>(again).succeeded).toBe(2);
  });
});

it("ids that name nothing are counted against the client's address, each of them", async () => {
  const stage = new Stage();
  const alice = await stage.user("alice", "author");
  const { token } = ok<{ token: string }>(
    await stage.root.post("/users", { id: "bob", name: "bob", roles: ["reviewer"] }),
    201,
  );
  const good = requestOf("bob", await stage.submitted(alice)).id;
  const unknown = ["fe", "ff"].map((end) => `${good.slice(0, -2)}${end}`);
  let left = 3;
  const limited = {
    ...env,
    RATE_LIMIT_READS: "6000",
    RATE_LIMIT_WRITES: "3000",
    ADDRESSES: { limit: async () => ({ success: left-- > 0 }) },
  };
  const bob = api(token, async (request) => worker.fetch(request, limited, createExecutionContext()));
  const send = (options: object) => batch({ ...bob, id: "bob" }, [good, ...unknown], { options });
  expect(culprits(await send({}))).toEqual([null, "APPROVAL_NOT_FOUND", "APPROVAL_NOT_FOUND"]);
  expect(refusal(await send({}))).toEqual([429, "RATE_LIMITED"]);
  expect(ok<BatchAnswer>(await send({ continue_on_error: true }))).toMatchObject({ succeeded: 1, failed: 2 });
});

it("a batch shows in the inboxes of everybody asked", async () => {
  const stage = new Stage();
  const { alice, bob, carol } = await stage.cast();
  const tasks = await submitted(stage, alice, 3);
  ok(await batch(bob, idsFor(bob, tasks)));
  await eventually(async () => {
    for (const who of [bob, carol]) {
      const { pagination } = ok<{ pagination: { total: number } }>(await who.get("/approvals"));
      expect(pagination.total).toBe(0);
    }
  });
});
