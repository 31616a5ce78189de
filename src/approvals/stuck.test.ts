import { describe, expect, it } from "vitest";
import { ann, answering, bob, done, editing, person, reviewing, T0, turn } from "../tasks/task.fixture.ts";
import type { Request, TaskRecord } from "../tasks/task.ts";
import { taskRows } from "../tasks/task-rows.ts";
import { colleague, firm } from "./colleague.fixture.ts";
import type { Colleague } from "./colleagues.ts";
import { reassignDeparted } from "./departure.ts";
import { policy } from "./policy.fixture.ts";
import { noteStuck, stuckNow, stuckRequirements, wantsLook } from "./stuck.ts";

const system = person("system");
const left = (id: string) => colleague(id, { active: false });
const two = { facts: { policies: [policy("two", { min_approvers: 2 })] } };

function noted(task: TaskRecord, ...changed: readonly Colleague[]) {
  return done({ ok: true, value: noteStuck(task, firm(...changed), T0 + 5) });
}

function rows(task: TaskRecord) {
  return taskRows(task, []).filter(({ table }) => table === "stuck_tasks");
}

describe("a requirement is stuck", () => {
  it("not while enough of those who are asked could still count", () => {
    expect(stuckRequirements(reviewing(two), firm())).toEqual([]);
    expect(stuckRequirements(reviewing(two), firm(left("cid")))).toEqual([]);
  });

  it("when too few are left, those who approved included", () => {
    const half = done(answering(reviewing(two), ann)).task;
    expect(stuckRequirements(half, firm(left("bob")))).toEqual([]);
    expect(stuckRequirements(half, firm(left("bob"), left("cid")))).toEqual([
      { policy_id: "two", why: expect.stringMatching(/^2 approvals are needed; 1 given, and 0 of those/) },
    ]);
  });

  it("when a role that it asks for was taken away, and only then", () => {
    const dba = (id: string, ...roles: string[]) => colleague(id, { roles: ["reviewer", ...roles] });
    const reviewers = ["ann", "bob"].map((id) => ({ id, name: id, roles: ["reviewer", "dba"], pending: 0 }));
    const task = reviewing({ facts: { policies: [policy("data", { required_roles: ["dba"] })], reviewers } });
    expect(stuckRequirements(task, firm(dba("ann", "dba"), dba("bob")))).toEqual([]);
    expect(stuckRequirements(task, firm(dba("ann"), dba("bob"))).map(({ policy_id }) => policy_id)).toEqual(["data"]);
  });

  it("when a required reviewer left and nobody stands in for them", () => {
    const task = reviewing({ facts: { policies: [policy("p", { required_reviewers: ["ann"] })] } });
    expect(stuckRequirements(task, firm(left("ann")))).toEqual([
      { policy_id: "p", why: expect.stringContaining("ann") },
    ]);
    const people = firm(colleague("ann", { active: false, manager_id: "mia" }));
    const moved = done({ ok: true, value: reassignDeparted(task, people, [], turn(system)) }).task;
    expect(stuckRequirements(moved, people)).toEqual([]);
  });

  it("when one person would have to be two", () => {
    const people = firm(colleague("ann", { active: false, manager_id: "bob" }), left("cid"), left("adm"), left("boss"));
    const moved = done({ ok: true, value: reassignDeparted(reviewing(two), people, [], turn(system)) }).task;
    expect(stuckRequirements(moved, people).map(({ policy_id }) => policy_id)).toEqual(["two"]);
  });
});

describe("what is stuck", () => {
  it("is noted on the trail once, and in the read model for as long as it lasts", () => {
    const { task, happenings } = noted(reviewing(two), left("bob"), left("cid"));
    expect(happenings).toMatchObject([
      { action: "task.stuck", details: { revision: 1, requirements: [{ policy_id: "two" }] } },
    ]);
    expect(rows(task)).toMatchObject([
      { row: { since: "2026-11-20T12:00:00.005Z", requirements: [{ policy_id: "two" }] } },
    ]);
    expect(noteStuck(task, firm(left("bob"), left("cid")), T0 + 9)).toBeNull();
    const again = noted(task, left("bob"));
    expect(again.happenings.map(({ action }) => action)).toEqual(["task.unstuck"]);
    expect([stuckNow(again.task), rows(again.task)]).toMatchObject([[], [{ row: null }]]);
    expect(noteStuck(again.task, firm(), T0 + 9)).toBeNull();
  });

  it("is over when the task leaves REVIEWING or is edited, and nobody has to say so", () => {
    const { task } = noted(reviewing(two), left("bob"), left("cid"));
    const rejected = done(answering(task, ann, { action: "reject", reason: "no" })).task;
    expect(stuckNow(rejected)).toEqual([]);
    expect(rows(rejected)).toMatchObject([{ row: null }]);
    const edited = done(editing(task, { config: { priority: 9 } }, two)).task;
    expect([stuckNow(edited), wantsLook(edited), rows(edited)]).toMatchObject([[], false, [{ row: null }]]);
  });

  it("says nothing of a task that never was", () => {
    expect(rows(reviewing(two))).toEqual([]);
  });

  it("is looked at again after each decision, and is not looked at for ever", () => {
    const { task } = noted(reviewing(two), left("bob"), left("cid"));
    expect(wantsLook(task)).toBe(false);
    const half = done(answering(task, ann)).task;
    expect(wantsLook(half)).toBe(true);
    const looked = noted(half, left("bob"), left("cid"));
    expect(wantsLook(looked.task)).toBe(false);
    expect(stuckNow(looked.task)[0]?.why).toContain("1 given");
  });

  it("is found out without news of people when requests are gone that were needed, whoever has the others", () => {
    const facts = { policies: [policy("p", { min_approvers: 2, required_reviewers: ["ann"] })] };
    const task = reviewing({ facts });
    expect(wantsLook(task)).toBe(false);
    const requests = task.requests.map(
      (one): Request => (one.reviewer_id === "ann" ? { ...one, status: "DELEGATED" } : one),
    );
    const used = { ...task, requests };
    expect(wantsLook(used)).toBe(true);
    expect(noted(used).happenings).toMatchObject([{ action: "task.stuck" }]);
    expect(done(answering(used, bob)).task.state).toBe("REVIEWING");
  });
});
