import { expect, test } from "vitest";
import { verdictOf } from "./approval-verdict.ts";

type Reviewed = Parameters<typeof verdictOf>[0];

const by = (action: "approve" | "reject" | "request_changes", reviewer_id: string, reason?: string) => ({
  id: "a",
  reviewer_id,
  reviewer_name: reviewer_id,
  action,
  revision: 2,
  created_at: "",
  ...(reason !== undefined && { reason }),
});
const request = (status: "EXPIRED" | "SUPERSEDED") => ({
  id: "r",
  task_id: "t",
  reviewer_id: "bob",
  reviewer_name: "Bob",
  revision: 2,
  status,
  priority: "LOW" as const,
  due_at: "",
  escalation_level: 0,
  created_at: "",
});
const task = (state: Reviewed["state"], more: Partial<Reviewed> = {}): Reviewed => ({
  id: "t",
  state,
  revision: 2,
  approvals: [],
  approval_requests: [],
  ...more,
});
const about = { task_id: "t", revision: 2 };

test("it is open while it is a draft or under review", () => {
  expect(["DRAFT", "SUBMITTED", "REVIEWING"].map((state) => verdictOf(task(state as Reviewed["state"])))).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});

test("approved, being applied or over: approved, by each person once", () => {
  for (const state of ["APPROVED", "APPLYING", "COMPLETED"] as const) {
    const approvals = [by("approve", "bob"), by("approve", "carol"), by("approve", "bob")];
    const verdict = verdictOf(task(state, { approvals }));
    expect(verdict).toEqual({ ...about, status: "approved", approved_by: ["bob", "carol"] });
  }
});

test("a refusal says whose it was and why", () => {
  const approvals = [by("approve", "carol"), by("reject", "bob", "too risky")];
  expect(verdictOf(task("REJECTED", { approvals }))).toEqual({
    ...about,
    status: "rejected",
    by: "bob",
    reason: "too risky",
  });
  const asked = [by("request_changes", "bob", "smaller, please")];
  expect(verdictOf(task("DRAFT", { approvals: asked }))).toMatchObject({
    status: "changes_requested",
    reason: "smaller, please",
  });
});

test("a timeout is not a denial, and not a cancellation either", () => {
  expect(verdictOf(task("CANCELLED", { approval_requests: [request("EXPIRED")] }))?.status).toBe("expired");
  expect(verdictOf(task("CANCELLED", { approval_requests: [request("SUPERSEDED")] }))?.status).toBe("cancelled");
});
