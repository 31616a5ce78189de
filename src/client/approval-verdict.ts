/** How the review of a task ended, read off the task itself. */
import type { Schema } from "./routes.ts";

type Task = Schema<"Task">;

interface Reviewed {
  readonly task_id: string;
  /** The revision that this is about. */
  readonly revision: number;
}

export type Verdict = Reviewed &
  (
    | { readonly status: "approved"; readonly approved_by: readonly string[] }
    | { readonly status: "rejected" | "changes_requested"; readonly by?: string; readonly reason?: string }
    /** nobody answered in time, which is not a denial */
    | { readonly status: "expired" }
    | { readonly status: "cancelled" }
  );

/** Undefined while it is open: a draft, or under review. */
export function verdictOf(
  task: Pick<Task, "id" | "state" | "revision" | "approvals" | "approval_requests">,
): Verdict | undefined {
  const reviewed = { task_id: task.id, revision: task.revision };
  switch (task.state) {
    case "APPROVED":
    case "APPLYING":
    case "COMPLETED": {
      const approved_by = task.approvals.filter(({ action }) => action === "approve").map((one) => one.reviewer_id);
      return { ...reviewed, status: "approved", approved_by: [...new Set(approved_by)] };
    }
    case "REJECTED":
      return { ...reviewed, status: "rejected", ...decision(task, "reject") };
    case "CANCELLED":
      return { ...reviewed, status: task.approval_requests.some(isExpired) ? "expired" : "cancelled" };
    case "DRAFT": {
      // An edit makes another revision, on which nobody decided yet.
      const asked = task.approvals.some(({ action }) => action === "request_changes");
      return asked ? { ...reviewed, status: "changes_requested", ...decision(task, "request_changes") } : undefined;
    }
    default:
      return undefined;
  }
}

function isExpired({ status }: Task["approval_requests"][number]): boolean {
  return status === "EXPIRED";
}

function decision({ approvals }: Pick<Task, "approvals">, wanted: string): { by?: string; reason?: string } {
  const last = approvals.findLast(({ action }) => action === wanted);
  return {
    ...(last !== undefined && { by: last.reviewer_id }),
    ...(last?.reason !== undefined && { reason: last.reason }),
  };
}
