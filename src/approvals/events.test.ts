import { describe, expect, it } from "vitest";
import { systemCaller } from "../actor/caller.ts";
import { type Entry, entryOf, type Happening } from "../actor/journal.ts";
import { approvalEventOf } from "./events.ts";

function entry(action: string, details: Happening["details"], why?: Happening["why"]): Entry {
  const happening = { action, subject_type: "approval", subject_id: "a-1", details: { task_id: "t", ...details }, why };
  const place = { workspace: "w", actor: "task:t", seq: 1, micros: 1 };
  return entryOf(happening, place, systemCaller("w", "test", "r"));
}

const one = { approval_id: "a-1", task_id: "t" };
const asked = {
  task_type: "db.resize",
  reviewer_id: "bob",
  requested_by: "alice",
  priority: "HIGH",
  due_at: "2026-01-01T00:00:00.000Z",
  risk_score: 61,
};

describe("the event of an approval's entry", () => {
  it.each<[string, Entry, string, object]>([
    ["a request", entry("approval.requested", { ...asked, revision: 2, policy_ids: ["p"] }), "requested", asked],
    [
      "a request in somebody's stead",
      entry("approval.requested", { ...asked, on_behalf_of: "ann" }),
      "requested",
      { ...asked, on_behalf_of: "ann" },
    ],
    [
      "an approval, by whoever gave it",
      entry("approval.approved", { reviewer_id: "bob", decided_by: "adm" }),
      "responded",
      { reviewer_id: "adm", action: "approve" },
    ],
    [
      "a rejection with its reason",
      entry("approval.rejected", { reviewer_id: "bob" }, { reason: "no" }),
      "responded",
      { reviewer_id: "bob", action: "reject", reason: "no" },
    ],
    [
      "a wish for changes",
      entry("approval.changes_requested", { reviewer_id: "bob" }, { reason: "smaller" }),
      "responded",
      { reviewer_id: "bob", action: "request_changes", reason: "smaller" },
    ],
    [
      "a delegation",
      entry("approval.delegated", { from: "bob", to: "carol" }),
      "reassigned",
      { from: "bob", to: "carol" },
    ],
    [
      "a reassignment",
      entry("approval.reassigned", { reviewer_id: "bob", to: "carol" }),
      "reassigned",
      { from: "bob", to: "carol" },
    ],
    ["an escalation", entry("approval.escalated", { from: "bob", to: "mo" }), "escalated", { from: "bob", to: "mo" }],
    [
      "a request that is not needed any more",
      entry("approval.superseded", { reviewer_id: "bob", outcome: "APPROVED" }),
      "resolved",
      { outcome: "APPROVED" },
    ],
    ["an escalation to nobody", entry("approval.escalated", { from: "bob" }), "escalated", { from: "bob" }],
    [
      "a reminder",
      entry("approval.reminded", { reviewer_id: "bob", priority: "HIGH", due_at: asked.due_at }),
      "reminded",
      { reviewer_id: "bob", priority: "HIGH", due_at: asked.due_at },
    ],
    ["a request that ran out", entry("approval.expired", { reviewer_id: "bob" }), "resolved", { outcome: "EXPIRED" }],
  ])("tells of %s field by field", (_, told, event, payload) => {
    expect(approvalEventOf(told)).toEqual({ event: `approval:${event}`, payload: { ...one, ...payload } });
  });

  it.each(["approval.none", "task.approved", "override.requested"])("is none for %s", (action) => {
    expect(approvalEventOf(entry(action, {}))).toBeNull();
  });
});
