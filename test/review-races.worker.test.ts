/** Two who act on one review at the same time, a hundred rounds each: the actor takes them one after the other. */
import { describe, expect, it } from "vitest";
import type { Task } from "../src/tasks/task-contract.ts";
import type { Answer } from "./support/api.ts";
import { approve, ok, orders, type Person, refusal, requestOf, Stage, web } from "./support/stage.ts";

const ROUNDS = 100;
/** Races under way at once. */
const TOGETHER = 10;

async function race(round: (n: number) => Promise<void>): Promise<void> {
  for (let n = 0; n < ROUNDS; n += TOGETHER) {
    await Promise.all(Array.from({ length: TOGETHER }, (_, at) => round(n + at)));
  }
}

/** Both at once, in either order of arrival. */
async function together<A, B>(round: number, a: () => Promise<A>, b: () => Promise<B>): Promise<[A, B]> {
  if (round % 2 === 0) return Promise.all([a(), b()]);
  const [second, first] = await Promise.all([b(), a()]);
  return [first, second];
}

function respond(who: Person, task: Task, body: object): Promise<Answer<unknown>> {
  return who.post(`/approvals/${requestOf(who, task).id}/respond`, body);
}

function statuses(...answers: readonly Answer<unknown>[]): number[] {
  return answers.map(({ status }) => status).sort();
}

/** What holds of any review, however it went. */
function expectSound(task: Task): void {
  const open = task.approval_requests.filter(({ status }) => status === "PENDING");
  if (task.state !== "REVIEWING") expect(open).toEqual([]);
  for (const one of open) expect(one.revision).toBe(task.revision);
}

describe("a hundred rounds of", () => {
  it("two approvals: of two needed both count, of one the later learns that it came too late", async () => {
    const stage = new Stage();
    const { alice, bob, carol } = await stage.cast();
    await race(async (round) => {
      const both = round % 4 < 2;
      const task = await stage.submitted(alice, { resources: [both ? orders : web] });
      const answers = await together(
        round,
        () => approve(bob, task),
        () => approve(carol, task),
      );
      const { state, approvals, current_approvals } = await stage.task(task.id);
      expect(state).toBe("APPROVED");
      expect(statuses(...answers)).toEqual(both ? [200, 200] : [200, 409]);
      expect([approvals.length, current_approvals]).toEqual(both ? [2, 2] : [1, 1]);
      if (both) expect(answers.map(({ body }) => body.task_state).sort()).toEqual(["APPROVED", "REVIEWING"]);
      for (const late of answers.filter(({ status }) => status === 409)) {
        expect(refusal(late)).toEqual([409, "APPROVAL_ALREADY_RESOLVED"]);
      }
    });
  });

  it("an approval and a rejection: one of them, and the other is told", async () => {
    const stage = new Stage();
    const { alice, bob, carol } = await stage.cast();
    await race(async (round) => {
      const task = await stage.submitted(alice);
      const [yes, no] = await together(
        round,
        () => approve(bob, task),
        () => respond(carol, task, { action: "reject", reason: "no" }),
      );
      expect(statuses(yes, no)).toEqual([200, 409]);
      const after = await stage.task(task.id);
      expect(after.state).toBe(yes.status === 200 ? "APPROVED" : "REJECTED");
      expectSound(after);
    });
  });

  it("an approval and an edit: approved as it stood, or under review as it stands, never approved as nobody saw it", async () => {
    const stage = new Stage();
    const { alice, bob } = await stage.cast();
    await race(async (round) => {
      const task = await stage.submitted(alice);
      const [yes, edit] = await together(
        round,
        () => approve(bob, task),
        () => alice.patch(`/tasks/${task.id}`, { config: { priority: round % 50 } }),
      );
      expect(statuses(yes, edit)).toEqual([200, 409]);
      const after = await stage.task(task.id);
      expect([after.state, after.revision]).toEqual(yes.status === 200 ? ["APPROVED", 1] : ["REVIEWING", 2]);
      if (after.state === "REVIEWING") expect([after.current_approvals, after.approvals]).toEqual([0, []]);
      expectSound(after);
    });
  });

  it("an approval and a cancellation: cancelled in the end, whether or not it was approved before", async () => {
    const stage = new Stage();
    const { alice, bob } = await stage.cast();
    await race(async (round) => {
      const task = await stage.submitted(alice);
      const [yes, no] = await together(
        round,
        () => approve(bob, task),
        () => alice.post(`/tasks/${task.id}/cancel`),
      );
      expect(no.status).toBe(200);
      const after = await stage.task(task.id);
      expect([after.state, after.approvals.length]).toEqual(["CANCELLED", yes.status === 200 ? 1 : 0]);
      expectSound(after);
    });
  });

  it("a delegation and an approval of one request: one of them, and the part is filled once", async () => {
    const stage = new Stage();
    const [{ alice, bob, carol }, dan, ada] = await Promise.all([
      stage.cast(),
      stage.user("dan"),
      stage.user("ada", "admin"),
    ]);
    await race(async (round) => {
      const task = await stage.submitted(alice, { resources: [orders] });
      const { id } = requestOf(bob, task);
      const [passed, yes] = await together(
        round,
        () => bob.post(`/approvals/${id}/respond`, { action: "delegate", delegate_to: "dan" }),
        () => ada.post(`/approvals/${id}/respond`, { action: "approve" }),
      );
      expect(statuses(passed, yes)).toEqual([200, 409]);
      const between = await stage.task(task.id);
      expect(between.approval_requests.some(({ reviewer_id }) => reviewer_id === "dan")).toBe(passed.status === 200);
      expectSound(between);
      if (passed.status === 200) ok(await respond(dan, between, { action: "approve" }));
      ok(await approve(carol, between));
      const after = await stage.task(task.id);
      expect([after.state, after.current_approvals]).toEqual(["APPROVED", 2]);
    });
  });

  it("two delegations of the last two people to each other's delegate: never both, or nobody could approve", async () => {
    const stage = new Stage();
    const [{ alice, bob, carol }, dan] = await Promise.all([stage.cast(), stage.user("dan")]);
    await race(async (round) => {
      const task = await stage.submitted(alice, { resources: [orders] });
      const toDan = { action: "delegate", delegate_to: "dan" };
      const answers = await together(
        round,
        () => respond(bob, task, toDan),
        () => respond(carol, task, toDan),
      );
      expect(statuses(...answers)).toEqual([200, 409]);
      for (const late of answers.filter(({ status }) => status === 409)) {
        expect(refusal(late)).toEqual([409, "QUORUM_IMPOSSIBLE"]);
      }
      const after = await stage.task(task.id);
      ok(await respond(dan, after, { action: "approve" }));
      const left = answers[0].status === 200 ? carol : bob;
      expect(ok<{ task_state: string }>(await approve(left, after)).task_state).toBe("APPROVED");
    });
  });
});
