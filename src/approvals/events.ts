/** What becomes of a task's approval requests, as events (05-realtime-and-audit, "Channels"). Pure. */
import type { Entry } from "../actor/journal.ts";
import type { EventBody } from "../realtime/channel-api.ts";
import { picked, reasonOf } from "../realtime/payload.ts";

const RESPONDED: Readonly<Record<string, string>> = {
  "approval.approved": "approve",
  "approval.rejected": "reject",
  "approval.changes_requested": "request_changes",
};

/** How the task ended without an answer of theirs: for the person who was asked, not for the task's channel. */
export const RESOLVED = "approval:resolved";

/** The event of an entry about a request; null for any other entry. */
export function approvalEventOf(entry: Entry): EventBody | null {
  const { details = {} } = entry;
  const one = { approval_id: entry.subject_id, ...picked(entry, ["task_id"]) };
  switch (entry.action) {
    case "approval.requested": {
      const who = ["task_type", "reviewer_id", "requested_by"];
      const more = ["priority", "due_at", "risk_score", "on_behalf_of"];
      return { event: "approval:requested", payload: { ...one, ...picked(entry, [...who, ...more]) } };
    }
    case "approval.approved":
    case "approval.rejected":
    case "approval.changes_requested": {
      const reviewer_id = details.decided_by ?? details.reviewer_id;
      const payload = { ...one, reviewer_id, action: RESPONDED[entry.action], ...reasonOf(entry) };
      return { event: "approval:responded", payload };
    }
    case "approval.delegated":
    case "approval.reassigned":
    case "approval.escalated": {
      const event = entry.action === "approval.escalated" ? "approval:escalated" : "approval:reassigned";
      return { event, payload: { ...one, from: details.from ?? details.reviewer_id, ...picked(entry, ["to"]) } };
    }
    case "approval.superseded":
    case "approval.expired":
      return {
        event: RESOLVED,
        payload: { ...one, outcome: details.outcome ?? "EXPIRED" },
      };
    case "approval.reminded":
      return {
        event: "approval:reminded",
        payload: { ...one, ...picked(entry, ["reviewer_id", "priority", "due_at"]) },
      };
    default:
      return null;
  }
}
