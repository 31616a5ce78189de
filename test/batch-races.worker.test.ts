/** Batches that race with everything else that decides on a task or changes it: all of a batch is decided, or nothing. */
import { expect, it } from "vitest";
import type { BatchAnswer } from "../src/approvals/batch-contract.ts";
import type { Task } from "../src/tasks/task-contract.ts";
import type { Answer } from "./support/api.ts";
import { approve, type Person, refusal, requestOf, Stage, web } from "./support/stage.ts";

type Race = (cast: Awaited<ReturnType<Stage["cast"]>>, tasks: readonly Task[], round: number) => Promise<void>;

function batch(who: Person, tasks: readonly Task[]): Promise<Answer<BatchAnswer>> {
  return who.post("/approvals/batch", {
    approval_ids: tasks.map((task) => requestOf(who, task).id),
    action: "approve",
  });
}

/** Side by side, so that turns interleave; now the one goes first, now the other. */
async function race<A, B>(round: number, a: () => Promise<A>, b: () => Promise<B>): Promise<[A, B]> {
  if (round % 2 === 0) return Promise.all([a(), b()]);
  const [second, first] = await Promise.all([b(), a()]);
  return [first, second];
}

/** Of each of the four kinds of race: a hundred in all. */
const ROUNDS = 25;

/** Five races at once, each over tasks of its own. */
async function rounds(count: number, run: (stage: Stage) => Race): Promise<void> {
  const stage = new Stage();
  const cast = await stage.cast();
  const one = async (round: number) => {
    const submit = (_: unknown, n: number) => stage.submitted(cast.alice, { resources: [{ ...web, id: `r-${n}` }] });
    await run(stage)(cast, await Promise.all(Array.from({ length: count }, submit)), round);
  };
  for (let round = 0; round < ROUNDS; round += 5) {
    await Promise.all(Array.from({ length: 5 }, (_, n) => one(round + n)));
  }
}

async function decisions(stage: Stage, tasks: readonly Task[]): Promise<string[]> {
  const now = await Promise.all(tasks.map(({ id }) => stage.task(id)));
  return now.map(({ approvals }) => approvals.map(({ reviewer_id }) => reviewer_id).join("+"));
}

function last(tasks: readonly Task[]): Task {
  const task = tasks.at(-1);
  if (task === undefined) throw new Error("a race without tasks");
  return task;
}

/** 200, or the codes of what failed. */
function outcome(answer: Answer<unknown>): string {
  if (answer.status === 200) return "decided";
  expect(refusal(answer)).toEqual([409, "BATCH_FAILED"]);
  const { results } = (answer.body as { error: { details: { results: { error?: { code: string } }[] } } }).error
    .details;
  return results.flatMap(({ error }) => error?.code ?? []).join();
}

it("a batch and a single answer: one of them is first", async () => {
  await rounds(2, (stage) => async ({ bob, carol }, tasks, round) => {
    const [all, one] = await race(
      round,
      () => batch(bob, tasks),
      () => approve(carol, last(tasks)),
    );
    if (outcome(all) === "decided") {
      expect(["BATCH_IN_PROGRESS", "APPROVAL_ALREADY_RESOLVED"]).toContain(refusal(one)[1]);
      expect(await decisions(stage, tasks)).toEqual(["bob", "bob"]);
    } else {
      expect([outcome(all), one.status]).toEqual(["APPROVAL_ALREADY_RESOLVED", 200]);
      expect(await decisions(stage, tasks)).toEqual(["", "carol"]);
    }
  });
});

it("two batches that overlap: exactly one gets through", async () => {
  await rounds(3, (stage) => async ({ bob, carol }, tasks, round) => {
    const [one, two] = await race(
      round,
      () => batch(bob, tasks.slice(0, 2)),
      () => batch(carol, tasks.slice(1)),
    );
    expect([one, two].filter(({ status }) => status === 200)).toHaveLength(1);
    const lost = outcome(one) === "decided" ? outcome(two) : outcome(one);
    expect(["BATCH_IN_PROGRESS", "APPROVAL_ALREADY_RESOLVED"]).toContain(lost);
    const expected = one.status === 200 ? ["bob", "bob", ""] : ["", "carol", "carol"];
    expect(await decisions(stage, tasks)).toEqual(expected);
  });
});

it("a batch and an edit: decided as it stood, or not at all", async () => {
  await rounds(2, (stage) => async ({ alice, bob }, tasks, round) => {
    const edit = () => alice.patch(`/tasks/${last(tasks).id}`, { config: { priority: round % 40 } });
    const [all, edited] = await race(round, () => batch(bob, tasks), edit);
    const { state, revision } = await stage.task(last(tasks).id);
    if (outcome(all) === "decided") {
      expect(["BATCH_IN_PROGRESS", "INVALID_STATE"]).toContain(refusal(edited)[1]);
      expect([state, revision]).toEqual(["APPROVED", 1]);
      expect(await decisions(stage, tasks)).toEqual(["bob", "bob"]);
    } else {
      expect([edited.status, state, revision]).toEqual([200, "REVIEWING", 2]);
      expect(await decisions(stage, tasks)).toEqual(["", ""]);
    }
  });
});

it("a batch and a cancellation: cancelled after it was decided, or nothing decided", async () => {
  await rounds(2, (stage) => async ({ alice, bob }, tasks, round) => {
    const cancel = () => alice.post(`/tasks/${last(tasks).id}/cancel`);
    const [all, cancelled] = await race(round, () => batch(bob, tasks), cancel);
    const { state } = await stage.task(last(tasks).id);
    expect(state).toBe(cancelled.status === 200 ? "CANCELLED" : "APPROVED");
    const expected = outcome(all) === "decided" ? "bob" : "";
    expect(await decisions(stage, tasks)).toEqual([expected, expected]);
    if (expected === "") expect(cancelled.status).toBe(200);
  });
});
