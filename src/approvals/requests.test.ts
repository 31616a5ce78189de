import { describe, expect, test } from "vitest";
import { draft, minter, reviewer, reviewing, T0, TASK_ID, told } from "../tasks/task.fixture.ts";
import { requestView } from "../tasks/task.ts";
import { ApprovalRequest } from "./contract.ts";
import { about, closeRequest, openRequests, supersedeOpen } from "./requests.ts";

const asked = [
  { reviewer: reviewer("ann"), policy_ids: ["a", "b"], timeout_seconds: 60 },
  { reviewer: reviewer("bob"), policy_ids: ["b"], timeout_seconds: 172_800 },
];

describe("opened requests", () => {
  const task = draft();
  const { requests, happenings, effects } = openRequests(task, asked, minter(), T0);

  test("are one per person, PENDING, about this revision, each due after its own timeout", () => {
    expect(requests).toMatchObject([
      { reviewer_id: "ann", reviewer_name: "Name of ann", status: "PENDING", due_at: "2026-11-20T12:01:00.000Z" },
      { reviewer_id: "bob", revision: 1, escalation_level: 0, due_at: "2026-11-22T12:00:00.000Z" },
    ]);
    expect(new Set(requests.map(({ id }) => id)).size).toBe(2);
    for (const request of requests) {
      expect(request.policy_ids.length).toBeGreaterThan(0);
      const wire = requestView(request);
      expect(ApprovalRequest.parse(wire)).toEqual(wire);
    }
  });

  test("are journalled on the task's chain and told to each inbox, without what only the rules need", () => {
    expect(happenings).toMatchObject([
      { action: "approval.requested", subject_type: "approval", details: { task_id: TASK_ID, policy_ids: ["a", "b"] } },
      { action: "approval.requested", subject_id: requests[1]?.id, details: { priority: "HIGH" } },
    ]);
    expect(effects.map(({ target }) => target)).toEqual(["inbox:ann", "inbox:bob"]);
    expect(effects[0]?.body).toMatchObject({
      do: "request.changed",
      request: { id: requests[0]?.id, status: "PENDING" },
      task: { id: TASK_ID, author_id: "alice", risk_level: "HIGH", description: "Make orders larger." },
    });
    expect(JSON.stringify(effects)).not.toContain("policy_ids");
  });

  test("come after those of earlier revisions, which stay as they are", () => {
    const again = openRequests({ ...task, requests, revision: 2 }, asked, minter(10), T0);
    expect(again.requests.slice(0, 2)).toEqual(requests);
    expect(again.requests.slice(2).map(({ revision }) => revision)).toEqual([2, 2]);
  });

  test("show an inbox no more than a glance of a long description", () => {
    const long = draft({ config: { description: "x".repeat(5_000) } });
    const [first] = openRequests(long, asked, minter(), T0).effects;
    expect(first?.body).toMatchObject({ task: { description: "x".repeat(200) } });
    const wide = draft({ config: { description: `${"x".repeat(199)}🎉 and more` } });
    const [glance] = openRequests(wide, asked, minter(), T0).effects;
    expect(JSON.stringify(glance)).not.toContain("\\ud");
  });

  test.each([
    ["LOW", "LOW"],
    ["MEDIUM", "NORMAL"],
    ["HIGH", "HIGH"],
    ["CRITICAL", "URGENT"],
  ] as const)("of risk %s have priority %s", (level, priority) => {
    const risky = { ...task, risk: { ...task.risk, level } };
    expect(openRequests(risky, asked, minter(), T0).requests.map((one) => one.priority)).toEqual([priority, priority]);
  });
});

describe("closing", () => {
  const task = reviewing();
  const [first, second, third] = task.requests;

  test("ends one request with its outcome and time, tells its inbox, and touches no other", () => {
    const closed = closeRequest(task, second?.id ?? "", "REJECTED", T0 + 1_000);
    expect(closed.requests).toEqual([
      first,
      { ...second, status: "REJECTED", responded_at: "2026-11-20T12:00:01.000Z" },
      third,
    ]);
    expect(closed.effects.map(({ target }) => target)).toEqual(["inbox:bob"]);
    expect(task.requests[1]?.status).toBe("PENDING");
  });

  test("of all that is open leaves what was answered as it was, and says why in the trail", () => {
    const one = { ...task, requests: closeRequest(task, first?.id ?? "", "APPROVED", T0).requests };
    const closed = supersedeOpen(one, "CANCELLED");
    expect(closed.requests.map(({ status }) => status)).toEqual(["APPROVED", "SUPERSEDED", "SUPERSEDED"]);
    expect(closed.requests[0]).toBe(one.requests[0]);
    expect(closed.happenings).toMatchObject([
      { action: "approval.superseded", details: { reviewer_id: "bob", outcome: "CANCELLED" } },
      { action: "approval.superseded", details: { reviewer_id: "cid", outcome: "CANCELLED" } },
    ]);
    expect(told(closed.effects, "inbox:cid")).toMatchObject([{ request: { status: "SUPERSEDED" } }]);
    expect(supersedeOpen({ ...one, requests: closed.requests }, "SUPERSEDED")).toMatchObject({
      happenings: [],
      effects: [],
    });
  });

  test("is told as an audit row about the request, which names its task", () => {
    if (first === undefined) throw new Error("nobody was asked");
    expect(about(first, "approval.approved", { decided_by: "adm" })).toEqual({
      action: "approval.approved",
      subject_type: "approval",
      subject_id: first.id,
      details: { task_id: TASK_ID, reviewer_id: "ann", revision: 1, policy_ids: ["builtin"], decided_by: "adm" },
    });
  });
});
