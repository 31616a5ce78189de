/** What an edit does to a review that is under way, and when no review is needed. */
import { describe, expect, test } from "vitest";
import { policy } from "../approvals/policy.fixture.ts";
import {
  adm,
  ann,
  answering,
  bob,
  codeOf,
  done,
  draft,
  editing,
  person,
  reviewer,
  reviewing,
  steps,
  submitting,
  T0,
  TASK_ID,
  told,
} from "./task.fixture.ts";
import type { TaskRecord } from "./task.ts";

/** Parameters with an error: a key of a resource that the task does not name. */
const invalid = { config: { parameters: { "database:prod/other": { size: 1 } } } };

function statuses(task: TaskRecord): string[] {
  return task.requests.map(({ reviewer_id, revision, status }) => `${reviewer_id}@${revision} ${status}`);
}

describe("auto-approval", () => {
  const small = policy("small", { auto_approve_if: { risk_below: 60, author_has_role: ["author"] } });

  test("is by system, over SUBMITTED, with the reasons in the trail, and makes the task ready once", () => {
    const passed = done(submitting(draft(), { facts: { policies: [small] } }));
    expect(passed.task).toMatchObject({ state: "APPROVED", auto_approved: true, requirements: [], requests: [] });
    expect(passed.task.metadata.approved_at).toBe("2026-11-20T12:00:00.000Z");
    expect(steps(passed)).toEqual(["task.submitted DRAFT>SUBMITTED", "task.auto_approved SUBMITTED>APPROVED"]);
    expect(passed.happenings[1]).toMatchObject({
      who: { id: "system", kind: "system" },
      details: {
        policies: ["small"],
        reasons: ["policy small: risk 59 is below 60", "policy small: author has role author"],
      },
    });
    expect(passed.happenings[0]?.who).toBeUndefined();
    expect(told(passed.effects, "dispatch")).toMatchObject([{ do: "task.ready", task: { task_id: TASK_ID } }]);
    expect(passed.effects).toHaveLength(1);
  });

  test("needs every matching policy, and never comes of no match", () => {
    const strict = policy("strict");
    expect(reviewing({ facts: { policies: [small, strict] } }).state).toBe("REVIEWING");
    expect(reviewing({ facts: { policies: [] } }).state).toBe("REVIEWING");
  });

  test("does not excuse preview errors", () => {
    expect(codeOf(submitting(draft(invalid), { facts: { policies: [small] } }))).toBe("PREVIEW_INVALID");
  });

  test("does not inherit an earlier reviewer's wish to apply at once", () => {
    const hurried = done(answering(reviewing(), ann, { action: "approve", options: { apply_immediately: true } })).task;
    const back = done(answering(hurried, bob, { action: "request_changes", reason: "smaller" })).task;
    const again = done(submitting(back, { facts: { policies: [small] } }));
    expect(again.task).toMatchObject({ state: "APPROVED", apply_immediately: false, decisions: [] });
    expect(told(again.effects, "dispatch")).toMatchObject([{ task: { apply_immediately: false } }]);
  });
});

describe("an edit under review", () => {
  const once = done(answering(reviewing(), ann)).task;
  const edited = done(editing(once, { config: { parameters: { size: 1 } } }, { caller: adm }, T0 + 1_000));

  test("asks everybody anew about the new revision and counts no old decision", () => {
    expect(edited.task).toMatchObject({ state: "REVIEWING", revision: 2, decisions: [] });
    expect(edited.task.requirements).toMatchObject([{ approved_by: [], satisfied: false }]);
    expect(statuses(edited.task)).toEqual([
      "ann@1 APPROVED",
      "bob@1 SUPERSEDED",
      "cid@1 SUPERSEDED",
      "ann@2 PENDING",
      "bob@2 PENDING",
      "cid@2 PENDING",
    ]);
    const byBob = done(answering(edited.task, bob)).task;
    expect(byBob.state).toBe("REVIEWING");
    expect(done(answering(byBob, ann)).task.state).toBe("APPROVED");
  });

  test("is told in order: old requests end, the task changes, new requests open", () => {
    expect(steps(edited)).toEqual([
      "approval.superseded",
      "approval.superseded",
      "task.updated REVIEWING>REVIEWING",
      ...Array(3).fill("approval.requested"),
    ]);
    expect(edited.effects.map(({ target }) => target)).toEqual(
      ["bob", "cid", "ann", "bob", "cid"].map((id) => `inbox:${id}`),
    );
  });

  test("makes its editor an author, who is asked no longer even as a reviewer", () => {
    const facts = { reviewers: ["ann", "bob", "cid"].map((id) => reviewer(id, "admin")) };
    const helped = done(
      editing(reviewing(), { config: { priority: 1 } }, { facts, caller: person("ann", "reviewer", "admin") }),
    ).task;
    expect(helped.authors).toEqual(["alice", "ann"]);
    expect(statuses(helped).slice(3)).toEqual(["bob@2 PENDING", "cid@2 PENDING"]);
    expect(codeOf(answering(helped, ann))).toBe("SELF_APPROVAL");
  });

  test("takes the policies of now, and stays under review even if they would approve it", () => {
    const auto = policy("small", { auto_approve_if: { risk_below: 100 } });
    const relaxed = done(editing(once, { config: { priority: 1 } }, { facts: { policies: [auto] } })).task;
    expect(relaxed).toMatchObject({ state: "REVIEWING", auto_approved: false });
    expect(relaxed.requirements).toMatchObject([{ policy_id: "small" }]);
  });

  test("that breaks the preview or leaves nobody to ask is refused, and the review goes on", () => {
    expect(codeOf(editing(once, invalid))).toBe("PREVIEW_INVALID");
    const facts = { reviewers: [reviewer("ann")] };
    expect(codeOf(editing(once, { config: { priority: 1 } }, { facts }))).toBe("NOT_ENOUGH_REVIEWERS");
  });

  test("that changes nothing keeps revision, requests and decisions", () => {
    expect(editing(once, { config: { parameters: { size: 2 } } })).toEqual({ ok: true, value: null });
  });
});
