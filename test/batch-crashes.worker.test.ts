/** A batch whose actors die, with every single commit of it, or do not hear each other: all of it is decided, or nothing. */
import { abortAllDurableObjects } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { ActorKey } from "../src/actor/remote.ts";
import type { BatchAnswer } from "../src/approvals/batch-contract.ts";
import { InboxActor } from "../src/approvals/inbox-actor.ts";
import { TaskActor } from "../src/tasks/actor.ts";
import type { Task } from "../src/tasks/task-contract.ts";
import type { Answer } from "./support/api.ts";
import { type Committed, onCommits } from "./support/commits.ts";
import { approve, ok, type Person, pass, refusal, requestOf, Stage, stopClock, web } from "./support/stage.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const COUNT = 3;

interface Run {
  readonly stage: Stage;
  readonly alice: Person;
  readonly bob: Person;
  readonly carol: Person;
  readonly tasks: readonly Task[];
}

type Cast = Omit<Run, "tasks">;

async function cast(): Promise<Cast> {
  const stage = new Stage();
  return { ...(await stage.cast()), stage };
}

async function underReview(people: Cast): Promise<Run> {
  const tasks = await Promise.all(
    Array.from({ length: COUNT }, (_, n) =>
      people.stage.submitted(people.alice, { resources: [{ ...web, id: `web-${n}` }] }),
    ),
  );
  return { ...people, tasks };
}

function send({ bob, tasks }: Run, headers = {}): Promise<Answer<BatchAnswer> | undefined> {
  const approval_ids = tasks.map((task) => requestOf(bob, task).id);
  // One that reaches a dying actor gets any answer, or none.
  return bob.post<BatchAnswer>("/approvals/batch", { approval_ids, action: "approve" }, headers).catch(() => undefined);
}

/** What a task says of a decision by somebody else. */
function nudge({ carol }: Run, task: Task): Promise<Answer<unknown>> {
  return approve(carol, task);
}

/** Lets time pass for everybody; then all alarms ring. */
async function aWhile({ stage, tasks }: Run, ms: number): Promise<void> {
  pass(ms);
  const actors: ActorKey[] = ["inbox:bob", ...tasks.map(({ id }) => `task:${id}` as const)];
  for (const actor of actors) await stage.ring(actor).catch(() => false);
}

async function states({ stage, tasks }: Run): Promise<string[]> {
  return Promise.all(tasks.map(async ({ id }) => (await stage.task(id)).state));
}

/** Whether the batch was decided; fails unless all of its tasks went the same way, and are free for others. */
async function decided(run: Run): Promise<boolean> {
  for (let turn = 0; turn < 4; turn += 1) await aWhile(run, 6_000);
  const all = new Set(await states(run));
  expect(all.size, [...all].join()).toBe(1);
  const approved = all.has("APPROVED");
  for (const task of run.tasks) {
    const { approvals } = await run.stage.task(task.id);
    expect(approvals.length, "nobody decides twice").toBe(approved ? 1 : 0);
    if (!approved) expect((await nudge(run, task)).status, "nothing holds it any more").toBe(200);
  }
  return approved;
}

/** Dies with its nth commit: before the write is safe, or right after. */
type Death = "before it is safe" | "right after";

function killAt(stage: Stage, n: number, death: Death): { readonly commits: () => number } {
  let commits = 0;
  onCommits(stage.workspace, (actor: Committed, { who }) => {
    if (who.kind === "system" || !["task", "inbox"].includes(actor.place.kind)) return;
    commits += 1;
    if (commits !== n) return;
    const die = () => actor.ctx.abort("a crash, for a test");
    if (death === "right after") void actor.ctx.storage.sync().then(die, () => {});
    else die();
  });
  return { commits: () => commits };
}

describe.each<Death>(["before it is safe", "right after"])(
  "an actor that dies with a commit of a batch, %s,",
  (death) => {
    it("leaves all tasks decided or none, and what was acknowledged stands", async () => {
      const people = await cast();
      stopClock();
      const outcomes = new Set<boolean>();
      for (let n = 1; ; n += 1) {
        const run = await underReview(people);
        // What the reviews opened is in the inboxes: the commits counted are the batch's.
        await aWhile(run, 1);
        const killed = killAt(run.stage, n, death);
        const answer = await send(run);
        await aWhile(run, 1_000);
        const commits = killed.commits();
        vi.restoreAllMocks();
        const all = await decided(run);
        outcomes.add(all);
        if (answer?.status === 200) expect(all).toBe(true);
        if (answer?.status === 409) expect(all).toBe(false);
        if (commits < n) {
          expect(n).toBeGreaterThan(2 * COUNT + 1);
          break;
        }
      }
      expect(outcomes).toContain(true);
      // A promise whose answer got out before its task died still counts.
      if (death === "before it is safe") expect(outcomes).toContain(false);
      await people.stage.expectVerified();
    }, 60_000);

    it("is made good by a retry under the same key", async () => {
      const people = await cast();
      stopClock();
      for (let n = 1; n <= 2 * COUNT + 1; n += 1) {
        const run = await underReview(people);
        await aWhile(run, 1);
        killAt(run.stage, n, death);
        const key = { "Idempotency-Key": `batch-${n}` };
        await send(run, key);
        vi.restoreAllMocks();
        for (let turn = 0; turn < 3; turn += 1) await aWhile(run, 6_000);
        const again = await send(run, key);
        expect(again === undefined ? "no answer" : ok<BatchAnswer>(again)).toMatchObject({
          success: true,
          succeeded: COUNT,
        });
        expect(await states(run)).toEqual(Array(COUNT).fill("APPROVED"));
      }
    }, 60_000);
  },
);

describe("a task that is promised to a batch", () => {
  /** The coordinator dies after the promises, before it decides. */
  async function promised(): Promise<Run> {
    const people = await cast();
    stopClock();
    const run = await underReview(people);
    const { prepareBatch } = TaskActor.prototype;
    const death = vi.spyOn(TaskActor.prototype, "prepareBatch").mockImplementation(async function (
      this: TaskActor,
      ...given
    ) {
      const vote = await prepareBatch.apply(this, given);
      await run.stage.abort("inbox:bob");
      return vote;
    });
    expect((await send(run))?.status ?? 503).toBeGreaterThanOrEqual(500);
    death.mockRestore();
    return run;
  }

  it("answers other decisions, edits and cancellations with 409 BATCH_IN_PROGRESS, and takes comments", async () => {
    const run = await promised();
    const { alice, bob, carol, stage } = run;
    const [task] = run.tasks;
    if (task === undefined) throw new Error("no task");
    const held = [409, "BATCH_IN_PROGRESS"];
    for (const body of [
      { action: "approve" },
      { action: "reject", reason: "no" },
      { action: "request_changes", reason: "no" },
    ]) {
      expect(refusal(await carol.post(`/approvals/${requestOf(carol, task).id}/respond`, body))).toEqual(held);
      expect(refusal(await bob.post(`/approvals/${requestOf(bob, task).id}/respond`, body))).toEqual(held);
    }
    expect(refusal(await alice.patch(`/tasks/${task.id}`, { config: { priority: 1 } }))).toEqual(held);
    expect(refusal(await alice.post(`/tasks/${task.id}/cancel`))).toEqual(held);
    expect(refusal(await alice.post(`/tasks/${task.id}/submit`))).toEqual([409, "INVALID_STATE"]);
    ok(await alice.post(`/tasks/${task.id}/comments`, { body: "still?" }), 201);
    const mine = { approval_ids: [requestOf(carol, task).id], action: "approve" };
    const other = await carol.post("/approvals/batch", mine);
    expect(refusal(other)).toEqual([409, "BATCH_FAILED"]);
    expect(JSON.stringify(other.body)).toContain("BATCH_IN_PROGRESS");
    expect((await stage.task(task.id)).state).toBe("REVIEWING");
    expect(await decided(run)).toBe(false);
  });

  it("asks after ten seconds, is told that the batch is off, and goes on", async () => {
    const run = await promised();
    const [task] = run.tasks;
    if (task === undefined) throw new Error("no task");
    await aWhile(run, 9_000);
    expect(refusal(await nudge(run, task))).toEqual([409, "BATCH_IN_PROGRESS"]);
    await aWhile(run, 1_000);
    // On a busy machine the answer may come after the alarm that asked for it.
    await vi.waitFor(async () => expect((await nudge(run, task)).status).toBe(200), { timeout: 10_000 });
  });

  it("stays promised while the inbox does not answer, asks again, and is told then", async () => {
    const run = await promised();
    const [task] = run.tasks;
    if (task === undefined) throw new Error("no task");
    const silent = vi.spyOn(InboxActor.prototype, "batchOutcome").mockRejectedValue(new Error("no answer, for a test"));
    for (let turn = 0; turn < 5; turn += 1) await aWhile(run, 60_000);
    expect(silent.mock.calls.length).toBeGreaterThan(run.tasks.length);
    expect(refusal(await nudge(run, task))).toEqual([409, "BATCH_IN_PROGRESS"]);
    silent.mockRestore();
    await aWhile(run, 60_000);
    expect((await nudge(run, task)).status).toBe(200);
  });

  it("is told by asking when the word of a commit does not reach it", async () => {
    const people = await cast();
    stopClock();
    const run = await underReview(people);
    const { deliver } = TaskActor.prototype;
    const deaf = vi.spyOn(TaskActor.prototype, "deliver").mockImplementation(async function (
      this: TaskActor,
      ...given
    ) {
      if (given[1] === "inbox:bob") throw new Error("lost, for a test");
      return deliver.apply(this, given);
    });
    const answer = await send(run);
    expect(answer && ok<BatchAnswer>(answer)).toMatchObject({ success: true });
    expect(await states(run)).toEqual(Array(COUNT).fill("REVIEWING"));
    const [task] = run.tasks;
    if (task === undefined) throw new Error("no task");
    expect(refusal(await nudge(run, task))).toEqual([409, "BATCH_IN_PROGRESS"]);
    await aWhile(run, 11_000);
    expect(await states(run)).toEqual(Array(COUNT).fill("APPROVED"));
    deaf.mockRestore();
    // The word itself comes late, and changes nothing.
    expect(await decided(run)).toBe(true);
  });

  it("keeps its promise though the time of its review runs out meanwhile", async () => {
    const people = await cast();
    ok(await people.stage.root.post("/policies", { id: "hasty", name: "Hasty", approval_timeout_seconds: 1 }), 201);
    stopClock();
    const run = await underReview(people);
    const deaf = vi.spyOn(TaskActor.prototype, "deliver").mockRejectedValue(new Error("lost, for a test"));
    const answer = await send(run);
    expect(answer && ok<BatchAnswer>(answer)).toMatchObject({ success: true });
    for (let turn = 0; turn < 4; turn += 1) await aWhile(run, 2_000);
    expect(await states(run)).toEqual(Array(COUNT).fill("REVIEWING"));
    deaf.mockRestore();
    await aWhile(run, 3_000);
    expect(await states(run)).toEqual(Array(COUNT).fill("APPROVED"));
  });

  it("asked while the batch still prepares: it is called off, and the batch fails", async () => {
    const people = await cast();
    stopClock();
    const run = await underReview(people);
    const { prepareBatch } = TaskActor.prototype;
    let last = COUNT;
    vi.spyOn(TaskActor.prototype, "prepareBatch").mockImplementation(async function (this: TaskActor, ...given) {
      const vote = await prepareBatch.apply(this, given);
      last -= 1;
      if (last === 0) await aWhile(run, 11_000);
      return vote;
    });
    const answer = await send(run);
    expect(answer && refusal(answer)).toEqual([409, "BATCH_FAILED"]);
    expect(await decided(run)).toBe(false);
  });

  it("survives the death of everybody", async () => {
    const run = await promised();
    await abortAllDurableObjects();
    expect(await decided(run)).toBe(false);
    await run.stage.expectVerified();
  });
});
