import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LedgerActor } from "../src/audit/actor.ts";
import type { Task } from "../src/tasks/task-contract.ts";
import {
  approve,
  as,
  eventually,
  ok,
  type Person,
  pass,
  refusal,
  requestOf,
  Stage,
  stopClock,
} from "./support/stage.ts";

const HOUR = 3_600_000;

beforeEach(stopClock);
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

interface Firm {
  readonly stage: Stage;
  readonly alice: Person;
  readonly ann: Person;
  readonly mia: Person;
  readonly top: Person;
  readonly adm: Person;
  readonly boss: Person;
}

/** ann reviews; mia manages her, top manages mia; adm and boss are admins. Whoever is asked has an hour. */
async function firm(): Promise<Firm> {
  const stage = new Stage();
  const [top, adm, boss, alice] = await Promise.all([
    stage.user("top"),
    stage.user("adm", "admin"),
    stage.user("boss", "admin"),
    stage.user("alice", "author"),
  ]);
  const [mia, ann] = [await stage.user("mia"), await stage.user("ann", "reviewer")];
  ok(await stage.root.patch("/users/mia", { manager_id: "top" }));
  ok(await stage.root.patch("/users/ann", { manager_id: "mia" }));
  ok(await stage.root.post("/policies", { id: "hour", name: "Within the hour", approval_timeout_seconds: 3600 }), 201);
  return { stage, alice, ann, mia, top, adm, boss };
}

async function ringAfter({ stage }: Firm, task: Task, ms = HOUR): Promise<Task> {
  pass(ms);
  await stage.ring(`task:${task.id}`);
  return stage.task(task.id);
}

function open(task: Task): string[] {
  return task.approval_requests
    .filter(({ status }) => status === "PENDING")
    .map(({ reviewer_id, escalation_level }) => `${reviewer_id} ${escalation_level}`)
    .sort();
}

async function inboxOf(who: Person): Promise<{ priority: string; on_behalf_of?: string; due_at: string }[]> {
  return ok<{ approvals: { priority: string; due_at: string }[] }>(await who.get("/approvals")).approvals;
}

/** Lets the actor of a task find another database, until it is evicted. */
function giveDatabase(stage: Stage, task: Task, db: unknown): Promise<void> {
  return runInDurableObject(stage.stub(`task:${task.id}`), (actor) => {
    const inside = actor as unknown as { env: typeof env };
    inside.env = { ...inside.env, DB: db as D1Database };
  });
}

describe("a request that nobody answers", () => {
  it("goes to the manager, the manager's manager and every admin, an hour each; then the task is CANCELLED", async () => {
    const people = await firm();
    const { stage, alice, ann, mia, adm } = people;
    const task = await stage.submitted(alice);
    expect(open(await ringAfter(people, task, HOUR - 1))).toEqual(["ann 0"]);
    expect(open(await ringAfter(people, task, 1))).toEqual(["ann 1", "mia 1"]);
    await eventually(async () => {
      const due_at = "2090-01-01T02:00:00.000Z";
      expect(await inboxOf(mia)).toMatchObject([{ priority: "URGENT", on_behalf_of: "ann", due_at }]);
      expect(await inboxOf(ann)).toMatchObject([{ priority: "NORMAL", due_at }]);
    });
    expect(open(await ringAfter(people, task))).toEqual(["ann 2", "mia 1", "top 2"]);
    expect(open(await ringAfter(people, task))).toEqual(["adm 3", "ann 3", "boss 3", "mia 1", "top 2"]);
    const over = await ringAfter(people, task);
    expect([over.state, open(over)]).toEqual(["CANCELLED", []]);
    expect(new Set(over.approval_requests.map(({ status }) => status))).toEqual(new Set(["EXPIRED"]));
    await eventually(async () => expect([...(await inboxOf(ann)), ...(await inboxOf(adm))]).toEqual([]));
    const { entries } = ok<{ entries: { action: string; who: { id: string }; why?: object; details?: object }[] }>(
      await alice.get(`/tasks/${task.id}/audit`),
    );
    expect(entries.map(({ action }) => action).filter((action) => /escalated|expired|cancelled/.test(action))).toEqual([
      ...Array(4).fill("approval.escalated"),
      ...Array(5).fill("approval.expired"),
      "task.cancelled",
    ]);
    expect(entries.at(-1)).toMatchObject({ who: { id: "system" }, why: { reason: "approval_timeout" } });
    expect(entries.find(({ action }) => action === "approval.escalated")?.details).toMatchObject({
      from: "ann",
      to: "mia",
      escalation_level: 1,
    });
    await stage.expectVerified(`task:${task.id}`);
  });

  it("may still be answered by either: the manager without any role, on the reviewer's behalf", async () => {
    const people = await firm();
    const { stage, alice, ann, mia } = people;
    const task = await ringAfter(people, await stage.submitted(alice));
    expect((await approve(mia, task)).body).toMatchObject({ task_state: "APPROVED" });
    expect(await stage.task(task.id)).toMatchObject({
      approvals: [{ reviewer_id: "mia", on_behalf_of: "ann" }],
      requirements: [{ approved_by: ["mia"], satisfied: true }],
    });
    const other = await ringAfter(people, await stage.submitted(alice));
    expect((await approve(ann, other)).body).toMatchObject({ task_state: "APPROVED" });
  });

  it("is not decided on any more once the last hour is over, though no alarm has rung", async () => {
    const people = await firm();
    const { stage, alice, ann, adm } = people;
    const task = await stage.submitted(alice);
    for (let level = 1; level <= 3; level += 1) await ringAfter(people, task);
    const last = await stage.task(task.id);
    pass(HOUR);
    const late = await approve(ann, last);
    expect(refusal(late)).toEqual([409, "APPROVAL_ALREADY_RESOLVED"]);
    expect(late.body).toMatchObject({ error: { details: { outcome: "EXPIRED" } } });
    expect(refusal(await approve(adm, last))).toEqual([409, "APPROVAL_ALREADY_RESOLVED"]);
    expect((await stage.task(task.id)).state).toBe("CANCELLED");
    expect((await stage.task(task.id)).approvals).toEqual([]);
  });

  it("waits for D1 when it is down, and escalates once it is back: late, but with a whole hour", async () => {
    const people = await firm();
    const { stage, alice, ann } = people;
    const task = await stage.submitted(alice);
    const down = {
      prepare: () => {
        throw new Error("D1_ERROR: the database is down");
      },
    };
    await giveDatabase(stage, task, down);
    expect(open(await ringAfter(people, task))).toEqual(["ann 0"]);
    expect(open(await ringAfter(people, task, 60_000))).toEqual(["ann 0"]);
    await giveDatabase(stage, task, env.DB);
    const late = await ringAfter(people, task, 60_000);
    expect(open(late)).toEqual(["ann 1", "mia 1"]);
    expect(requestOf(ann, late).due_at).toBe("2090-01-01T02:02:00.000Z");
  });

  it("escalates once, though the alarm rings twice and the task's object dies in between", async () => {
    const people = await firm();
    const { stage, alice } = people;
    const task = await ringAfter(people, await stage.submitted(alice));
    await stage.abort(`task:${task.id}`);
    expect(open(await ringAfter(people, task, 1_000))).toEqual(["ann 1", "mia 1"]);
  });

  it("asks whoever manages now: people are looked up when the timer rings", async () => {
    const people = await firm();
    const { stage, alice } = people;
    const task = await stage.submitted(alice);
    ok(await stage.root.patch("/users/ann", { manager_id: "boss" }));
    expect(open(await ringAfter(people, task))).toEqual(["ann 1", "boss 1"]);
  });
});

describe("a review in which whoever was asked has answered, and it was not enough", () => {
  it("is listed as stuck for as long as one that nobody answers; then its timer ends it, approval_timeout", async () => {
    const people = await firm();
    const { stage, alice, ann } = people;
    await stage.user("bob", "reviewer");
    ok(await stage.root.patch("/users/bob", { manager_id: "ann" }));
    const two = { id: "two", name: "Two of them", min_approvers: 2, approval_timeout_seconds: 3600 };
    ok(await stage.root.post("/policies", two), 201);
    const task = await stage.submitted(alice);
    ok(await approve(ann, task));
    ok(await stage.root.patch("/users/bob", { active: false }));
    const moved = await eventually(async () => {
      const now = await ringAfter(people, task, 0);
      expect(open(now)).toEqual(["ann 0"]);
      return now;
    });
    const instead = moved.approval_requests.find(({ status }) => status === "PENDING");
    ok(await ann.post(`/approvals/${instead?.id}/respond`, { action: "approve" }));
    await stage.ring(`task:${task.id}`);
    await eventually(async () => {
      const { tasks } = ok<{ tasks: object[] }>(await stage.root.get("/approvals/stuck"));
      expect(tasks).toMatchObject([{ task_id: task.id, policy_id: "two" }]);
    });

    expect(await ringAfter(people, task, 4 * HOUR - 60_000)).toMatchObject({
      state: "REVIEWING",
      current_approvals: 1,
    });
    pass(60_000);
    await stage.ring(`task:${task.id}`);
    const { entries } = ok<{ entries: object[] }>(await alice.get(`/tasks/${task.id}/audit`));
    expect(entries.at(-1)).toMatchObject({ action: "task.cancelled", why: { reason: "approval_timeout" } });
    await eventually(async () => {
      expect(ok<{ tasks: object[] }>(await stage.root.get("/approvals/stuck")).tasks).toEqual([]);
    });
  });
});

describe("reminders", () => {
  it("come once per open request, when half of its time is over, and stand in no trail", async () => {
    const people = await firm();
    const { stage, alice, ann } = people;
    const [first, second] = [await stage.submitted(alice), await stage.submitted(alice)];
    await eventually(async () => expect(await inboxOf(ann)).toHaveLength(2));
    const reminded = () =>
      runInDurableObject(stage.stub("inbox:ann"), (_, { storage }) =>
        storage.sql
          .exec<{ entry: string; hash: string | null }>(
            "SELECT entry, hash FROM journal WHERE entry ->> 'action' = 'approval.reminded' ORDER BY seq",
          )
          .toArray(),
      );
    pass(HOUR / 2 - 1_000);
    await stage.ring("inbox:ann");
    expect(await reminded()).toEqual([]);
    ok(await approve(ann, second));
    await eventually(async () => expect(await inboxOf(ann)).toHaveLength(1));
    pass(1_000);
    await stage.ring("inbox:ann");
    const [only, ...more] = await reminded();
    expect([more, only?.hash]).toEqual([[], null]);
    expect(JSON.parse(only?.entry ?? "{}")).toMatchObject({
      action: "approval.reminded",
      subject_id: requestOf(ann, first).id,
      details: { task_id: first.id, reviewer_id: "ann", due_at: "2090-01-01T01:00:00.000Z" },
    });
    // A later due time, an eviction: still the one reminder.
    await ringAfter(people, first, HOUR / 2);
    await eventually(async () => expect((await inboxOf(ann))[0]?.due_at).toMatch(/^2090-01-01T02/));
    await stage.abort("inbox:ann");
    pass(HOUR);
    await stage.ring("inbox:ann");
    expect(await reminded()).toHaveLength(1);
  });
});

describe("the inbox while D1 is down", () => {
  function takeD1Down(): void {
    vi.spyOn(env.DB, "prepare").mockImplementation(() => {
      throw new Error("D1_ERROR: the database is down");
    });
  }

  it("answers right to whom D1 told of before, however long it lasts, and to root about anybody", async () => {
    const people = await firm();
    const { stage, alice, ann } = people;
    const task = await stage.submitted(alice);
    await eventually(async () => expect(await inboxOf(ann)).toHaveLength(1));
    takeD1Down();
    for (const ms of [0, 30_000, HOUR / 2]) {
      pass(ms);
      expect(await inboxOf(ann)).toMatchObject([{ task_id: task.id, status: "PENDING" }]);
      const { id } = requestOf(ann, task);
      expect(ok(await ann.get(`/approvals/${id}`))).toMatchObject({ eligibility: { can_decide: true } });
      expect(refusal(await approve(ann, task))).toEqual([503, "UNAVAILABLE"]);
    }
    expect(ok(await stage.root.get("/approvals?reviewer_id=ann"))).toMatchObject({ approvals: [{ task_id: task.id }] });
    ok(await stage.root.post(`/tasks/${task.id}/cancel`));
    await eventually(async () => expect(await inboxOf(ann)).toEqual([]));
    pass(30_000);
    // Nothing else is answered that way, and nobody who was not here before.
    expect(refusal(await ann.get("/me"))).toEqual([503, "UNAVAILABLE"]);
    expect(refusal(await people.top.get("/approvals"))).toEqual([503, "UNAVAILABLE"]);
  });

  it("knows who was refused, demoted or narrowed shortly before, though this isolate knew them otherwise", async () => {
    const { stage, ann, mia, adm, boss } = await firm();
    const made = ok<{ token: string }>(await stage.root.post("/users/ann/tokens", { expires_in_seconds: 60 }), 201);
    const brief = as(made.token);
    for (const who of [ann, mia, adm, boss, brief]) ok(await who.get("/approvals"));
    ok(await stage.root.delete(`/users/ann/tokens/${ann.token_id}`), 204);
    ok(await stage.root.patch("/users/mia", { active: false }));
    ok(await stage.root.patch("/users/adm", { roles: ["reviewer"] }));
    takeD1Down();
    pass(30_000);
    expect(refusal(await ann.get("/approvals"))).toEqual([401, "UNAUTHENTICATED"]);
    expect(refusal(await mia.get("/approvals"))).toEqual([401, "UNAUTHENTICATED"]);
    expect(refusal(await adm.get("/approvals?reviewer_id=ann"))).toEqual([403, "FORBIDDEN"]);
    ok(await boss.get("/approvals?reviewer_id=ann"));
    ok(await brief.get("/approvals"));
    pass(30_000);
    expect(refusal(await brief.get("/approvals"))).toEqual([401, "UNAUTHENTICATED"]);
  });

  it("is 503 while the configuration journal does not answer either", async () => {
    const { ann } = await firm();
    ok(await ann.get("/approvals"));
    takeD1Down();
    vi.spyOn(LedgerActor.prototype, "tokenHolder").mockImplementation(() => {
      throw new Error("no answer, for a test");
    });
    pass(30_000);
    expect(refusal(await ann.get("/approvals"))).toEqual([503, "UNAVAILABLE"]);
  });
});
