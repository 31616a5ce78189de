/** What becomes of an apply that finds the resources changed since its preview. */
import { describe, expect, test } from "vitest";
import { policy } from "../approvals/policy.fixture.ts";
import { assess } from "./assess.ts";
import { drifted, lapse } from "./executing.ts";
import {
  API,
  ann,
  answering,
  applying,
  approved,
  begun,
  bob,
  bot,
  codeOf,
  done,
  freed,
  gathering,
  ORDERS,
  orders,
  reviewer,
  reviewing,
  steps,
  T0,
  TASK_ID,
  told,
  turn,
  world,
} from "./task.fixture.ts";
import type { TaskRecord } from "./task.ts";
import type { Transition } from "./transition.ts";

const EVERYTHING = ["agent:bot", `task:${TASK_ID}`, `resource:${ORDERS}`, `resource:${API}`];

function must(transition: Transition | null): Transition {
  if (transition === null) throw new Error("nothing was decided");
  return transition;
}

/** After `count` lapses, each applied again by the same agent as soon as it may. */
function lapsed(task: TaskRecord, count: number): Transition {
  const next = must(lapse(task, "expired", T0, 0.5));
  if (count <= 1) return next;
  return lapsed(begun(next.task, "bot", (next.task.retry_at ?? 0) + 1).task, count - 1);
}

describe("drift", () => {
  const facts = world({ preview: orders({ size: 1 }, 4) });
  const drift = (from: TaskRecord, given = facts) => {
    const { task, saga } = gathering(from, "bot", T0 + 10_000);
    const now = T0 + 10_000;
    return drifted(task, saga, assess(task.config, given, now), given, turn(bot, now));
  };

  test("sends the task back to review as a new revision that nobody has approved yet", () => {
    const { task, happenings, effects } = done(drift(approved()));
    expect(task).toMatchObject({
      state: "REVIEWING",
      revision: 2,
      decisions: [],
      apply_immediately: false,
      attempts: 0,
    });
    expect(task.saga).toBeUndefined();
    expect(task.metadata.approved_at).toBeUndefined();
    expect(task.requirements).toMatchObject([{ approved_by: [], satisfied: false }]);
    expect(task.preview.changes).toMatchObject([{ before: { size: 1 }, after: { size: 2 } }]);
    expect(steps({ happenings })).toEqual(["task.drifted APPROVED>REVIEWING", ...Array(3).fill("approval.requested")]);
    expect(happenings[0]).toMatchObject({ who: { id: "system" }, why: { reason: "drift" }, details: { revision: 2 } });
    expect(freed(effects)).toEqual(EVERYTHING);
    expect(told(effects, "dispatch")).toEqual([{ do: "task.gone", task_id: TASK_ID }]);
    expect(told(effects, "inbox:ann")).toMatchObject([{ request: { revision: 2, status: "PENDING" } }]);
  });

  test("does so also to what approved itself, and authors stay out", () => {
    const auto = policy("small", { auto_approve_if: { risk_below: 100 } });
    const own = reviewing({ facts: { policies: [auto] } });
    const people = ["alice", "ann", "bob"].map((id) => reviewer(id));
    const { task } = done(drift(own, { ...facts, policies: [auto], reviewers: people }));
    expect(task).toMatchObject({ state: "REVIEWING", auto_approved: false });
    expect(task.requests.map(({ reviewer_id }) => reviewer_id)).toEqual(["ann", "bob"]);
  });

  test("after a lapse leaves no retry_at behind", () => {
    const { task } = done(drift(lapsed(applying(), 1).task));
    expect(task.retry_at).toBeUndefined();
    const again = done(answering(done(answering(task, ann)).task, bob)).task;
    expect(begun(again, "other", T0 + 10_001).task.execution?.attempt).toBe(2);
  });

  test("with nobody left to ask is NOT_ENOUGH_REVIEWERS", () => {
    expect(codeOf(drift(approved(), { ...facts, reviewers: [] }))).toBe("NOT_ENOUGH_REVIEWERS");
  });
});
