/** When a reviewer is reminded of a request (01, `InboxActor`: due reminders). Pure. */
import type { Happening } from "../actor/journal.ts";
import type { ApprovalRequest } from "./contract.ts";

/** Half of the time that the reviewer has (ms since the epoch). */
export function remindAt({ created_at, due_at }: Pick<ApprovalRequest, "created_at" | "due_at">): number {
  const [created, due] = [Date.parse(created_at), Date.parse(due_at)];
  return created + Math.floor((due - created) / 2);
}

/** What the reviewer's channel says then. It stands in no trail: nothing changed. */
export function reminded({ id, task_id, reviewer_id, priority, due_at }: ApprovalRequest): Happening {
  return {
    action: "approval.reminded",
    subject_type: "approval",
    subject_id: id,
    details: { approval_id: id, task_id, reviewer_id, priority, due_at },
    audit: false,
  };
}
