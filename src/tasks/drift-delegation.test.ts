import { describe, expect, test } from "vitest";
import { delegation } from "../approvals/delegation.fixture.ts";
import { openRequestsOf } from "../approvals/open-requests.ts";
import { policy } from "../approvals/policy.fixture.ts";
import { assess, type Facts } from "./assess.ts";
import { drifted } from "./executing.ts";
import {
  ann,
  answering,
  approved,
  bob,
  bot,
  codeOf,
  done,
  gathering,
  orders,
  person,
  requestOf,
  reviewer,
  T0,
  turn,
  world,
} from "./task.fixture.ts";
import type { TaskRecord } from "./task.ts";

const dan = person("dan", "reviewer");
const NOW = T0 + 10_000;
const two = [policy("two", { min_approvers: 2 })];
const people = ["ann", "bob", "cid"].map((id) => reviewer(id));
/** dan reviews nothing of his own. */
const everybody = [...people, { id: "dan", name: "dan", roles: [], pending: 0 }];

/** The task after it drifted at apply, in a world with these delegations. */
function drift(from: TaskRecord, delegations: Facts["delegations"], more: Partial<Facts> = {}): TaskRecord {
  const facts = world({
    preview: orders({ size: 1 }, 4),
    policies: two,
    reviewers: everybody,
    delegations,
    ...more,
  });
  const { task, saga } = gathering(from, "bot", NOW);
  return done(drifted(task, saga, assess(task.config, facts, NOW), facts, turn(bot, NOW))).task;
}

function asked(task: TaskRecord): string[] {
  return openRequestsOf(task)
    .map(({ reviewer_id, on_behalf_of: owner }) => reviewer_id + (owner === undefined ? "" : ` for ${owner}`))
    .sort();
}

describe("a change that drifted while delegations are in force", () => {
  const before = approved({ facts: { policies: two, reviewers: people } });

  test("is asked of whom they name now, not of whom they named when it was approved", () => {
    expect(asked(drift(before, [delegation("ann", "dan")]))).toEqual(["bob", "cid", "dan for ann"]);
    const once = approved({ facts: { policies: two, reviewers: everybody, delegations: [delegation("cid", "dan")] } });
    expect(asked(drift(once, []))).toEqual(["ann", "bob", "cid"]);
  });

  test("counts whoever stands in for two people once", () => {
    const task = drift(before, [delegation("ann", "dan"), delegation("cid", "dan")]);
    expect(asked(task)).toEqual(["bob", "dan for ann", "dan for cid"]);
    const once = done(answering(task, dan)).task;
    const twice = answering(once, dan);
    expect(twice.ok ? done(twice).task.state : codeOf(twice)).not.toBe("APPROVED");
    const both = twice.ok ? done(twice).task : once;
    expect(both.requirements).toMatchObject([{ approved_by: ["dan"], satisfied: false }]);
    expect(done(answering(both, bob)).task.state).toBe("APPROVED");
  });

  test("leaves no request open: neither of the revision that was approved, nor when the new one is", () => {
    const task = drift(before, [delegation("ann", "dan")]);
    expect(openRequestsOf(task).every(({ revision }) => revision === task.revision)).toBe(true);
    expect(requestOf(task, "ann")).toMatchObject({ revision: 2, status: "DELEGATED", delegated_to: "dan" });
    const over = done(answering(done(answering(task, dan)).task, bob)).task;
    expect(over.state).toBe("APPROVED");
    expect(over.requests.filter(({ status }) => status === "PENDING")).toEqual([]);
    expect(codeOf(answering(over, ann))).toBe("APPROVAL_ALREADY_RESOLVED");
  });

  test("passes by a delegate who wrote the change", () => {
    expect(asked(drift(before, [delegation("ann", "alice")]))).toEqual(["ann", "bob", "cid"]);
  });
});
