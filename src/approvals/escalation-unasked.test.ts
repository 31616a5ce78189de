import { describe, expect, it } from "vitest";
import { ann, answering, done, editing, person, reviewing, steps, T0, turn } from "../tasks/task.fixture.ts";
import type { TaskRecord } from "../tasks/task.ts";
import { colleague, firm } from "./colleague.fixture.ts";
import { reassignDeparted } from "./departure.ts";
import { expire, nextEscalationAt } from "./escalation.ts";
import { lookAfterAt } from "./look-after.ts";
import { openRequestsOf } from "./open-requests.ts";
import { policy } from "./policy.fixture.ts";
import { noteStuck } from "./stuck.ts";

const MINUTE = 60_000;
const people = firm(colleague("bob", { active: false, manager_id: "ann" }));
const two = [policy("two", { min_approvers: 2, approval_timeout_seconds: 60 })];
const pair = ["ann", "bob"].map((id) => ({ id, name: id, roles: ["reviewer"], pending: 0 }));

/** ann approved, bob left, and ann, who manages him, approved in his stead as well: one person, where two are needed. */
function twiceByAnn(facts = {}): TaskRecord {
  const task = reviewing({ facts: { policies: two, reviewers: pair, ...facts } });
  const half = done(answering(task, ann, undefined, "ann", T0 + 1)).task;
  const moved = done({ ok: true, value: reassignDeparted(half, people, [], turn(person("system"), T0 + 2)) }).task;
  expect(openRequestsOf(moved).map(({ reviewer_id }) => reviewer_id)).toContain("ann");
  const both = done(answering(moved, ann, undefined, "ann", T0 + MINUTE)).task;
  return noteStuck(both, people, T0 + MINUTE)?.task ?? both;
}

describe("a review in which nobody is asked any more for what it lacks", () => {
  it("has as long as one that nobody answers, from the last answer on; then it is CANCELLED, approval_timeout", () => {
    const task = twiceByAnn();
    expect([task.state, openRequestsOf(task)]).toEqual(["REVIEWING", []]);
    expect(lookAfterAt(task, T0 + MINUTE)).toBe(T0 + 5 * MINUTE);
    expect(expire(task, T0 + 5 * MINUTE - 1)).toBeNull();
    const over = done({ ok: true, value: expire(task, T0 + 5 * MINUTE) });
    expect(steps(over)).toEqual(["task.cancelled REVIEWING>CANCELLED"]);
    expect(over.happenings).toMatchObject([{ why: { reason: "approval_timeout" } }]);
    expect([over.task.state, lookAfterAt(over.task, T0)]).toEqual(["CANCELLED", undefined]);
  });

  it("does not begin to while somebody is asked for something else: they may yet count for both", () => {
    const seat = policy("seat", {
      required_reviewers: ["cid"],
      required_roles: ["none"],
      approval_timeout_seconds: 3600,
    });
    const cid = { id: "cid", name: "cid", roles: [], pending: 0 };
    const task = twiceByAnn({ policies: [...two, seat], reviewers: [...pair, cid] });
    expect(openRequestsOf(task).map(({ reviewer_id }) => reviewer_id)).toEqual(["cid"]);
    expect([expire(task, T0 + 5 * MINUTE), nextEscalationAt(task)]).toEqual([null, T0 + 60 * MINUTE]);
    expect(done(answering(task, person("cid", "reviewer"))).task.state).toBe("APPROVED");
    const half = done(answering(task, person("cid"), undefined, "cid", T0 + 30 * MINUTE)).task;
    expect(nextEscalationAt(half)).toBe(T0 + 34 * MINUTE);
  });

  it("is another matter once it was edited: everybody is asked anew", () => {
    const facts = { policies: two, reviewers: pair };
    const edited = done(editing(twiceByAnn(), { config: { priority: 9 } }, { facts }, T0 + 2 * MINUTE)).task;
    expect(openRequestsOf(edited)).toHaveLength(2);
    expect(nextEscalationAt(edited)).toBe(T0 + 3 * MINUTE);
    expect(expire(edited, T0 + 5 * MINUTE)).toBeNull();
  });
});
