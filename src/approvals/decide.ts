/** A reviewer's decision on one revision of a task (03, "Approval requests"). Pure; serialised by the task's actor. */
import type { Happening } from "../actor/journal.ts";
import { fail, ok, type Result } from "../actor/result.ts";
import { readyEffects } from "../tasks/dispatch-api.ts";
import type { Turn } from "../tasks/drafting.ts";
import { allows, type Decision, type Request, type TaskRecord, timestamp } from "../tasks/task.ts";
import type { RespondInput } from "../tasks/task-contract.ts";
import { happened, type Transition } from "../tasks/transition.ts";
import { mayDecide } from "./eligibility.ts";
import { countApproval, quorumReached } from "./quorum.ts";
import { about, closeRequest, supersedeOpen } from "./requests.ts";

const OUTCOME = { approve: "APPROVED", reject: "REJECTED", request_changes: "CHANGES_REQUESTED" } as const;
const ACTION = {
  approve: "approval.approved",
  reject: "approval.rejected",
  request_changes: "approval.changes_requested",
} as const;

export function respond(before: TaskRecord, requestId: string, input: RespondInput, turn: Turn): Result<Transition> {
  const request = before.requests.find(({ id }) => id === requestId);
  if (request === undefined || before.deleted) return fail("APPROVAL_NOT_FOUND", "there is no such approval request");
  const { who } = turn.caller;
  const { authors, requirements } = before;
  // Of a request that is over everybody who was let near it learns just that, whether or not their approval would count now.
  const action = request.status === "PENDING" ? input.action : "reject";
  const may = mayDecide({ who, action, request, authors, requirements });
  if (!may.ok) return may;
  const open = isOpen(before, request, input);
  if (!open.ok) return open;
  return ok(decided(before, request, input, turn));
}

function isOpen(task: TaskRecord, request: Request, { revision }: RespondInput): Result<null> {
  if (request.status !== "PENDING") {
    return fail("APPROVAL_ALREADY_RESOLVED", `this request is ${request.status} already`, {
      status: request.status,
      outcome: request.status,
      ...(request.responded_at !== undefined && { responded_at: request.responded_at }),
    });
  }
  if (revision !== undefined && revision !== task.revision) {
    return fail("REVISION_CONFLICT", `this is revision ${task.revision} now, not ${revision}`, {
      revision: task.revision,
    });
  }
  return allows(task, "respond");
}

function decided(before: TaskRecord, request: Request, input: RespondInput, turn: Turn): Transition {
  const { who } = turn.caller;
  const closed = closeRequest(before, request.id, OUTCOME[input.action], turn.now);
  const decision: Decision = {
    id: request.id,
    reviewer_id: who.id,
    reviewer_name: turn.caller.name,
    action: input.action,
    ...(input.reason !== undefined && { reason: input.reason }),
    ...(request.on_behalf_of !== undefined && { on_behalf_of: request.on_behalf_of }),
    revision: before.revision,
    created_at: timestamp(turn.now),
  };
  const task: TaskRecord = {
    ...before,
    requests: closed.requests,
    decisions: [...before.decisions, decision],
    metadata: { ...before.metadata, updated_at: timestamp(turn.now) },
  };
  const noted = {
    ...about(request, ACTION[input.action], { decided_by: who.id }),
    ...(input.reason !== undefined && { why: { reason: input.reason } }),
  };
  const next = outcome(task, request, input, turn);
  return {
    task: next.task,
    happenings: [noted, ...next.happenings],
    effects: [...closed.effects, ...next.effects],
  };
}

function outcome(task: TaskRecord, request: Request, input: RespondInput, turn: Turn): Transition {
  if (input.action === "reject") return leaveReview(task, "REJECTED", "task.rejected", input, turn.now);
  if (input.action === "request_changes") {
    return leaveReview(task, "DRAFT", "task.changes_requested", input, turn.now);
  }
  const requirements = countApproval(task.requirements, turn.caller.who, request);
  const counted: TaskRecord = {
    ...task,
    requirements,
    apply_immediately: task.apply_immediately || input.options.apply_immediately,
  };
  if (!quorumReached(requirements)) return { task: counted, happenings: [], effects: [] };
  return leaveReview(counted, "APPROVED", "task.approved", {}, turn.now);
}

/** Ends a review: what is still open is closed, and an approved task may be claimed. `now` in ms. */
export function leaveReview(
  from: TaskRecord,
  to: "APPROVED" | "REJECTED" | "DRAFT",
  action: string,
  { reason, ticket_ref }: NonNullable<Happening["why"]>,
  now: number,
): Transition {
  const at = timestamp(now);
  const closed = supersedeOpen(from, to);
  const task: TaskRecord = {
    ...from,
    state: to,
    requests: closed.requests,
    metadata: {
      ...from.metadata,
      ...(to === "APPROVED" && { approved_at: at }),
      ...(to === "REJECTED" && { completed_at: at }),
    },
  };
  const moved = happened(task, action, {
    from_state: "REVIEWING",
    to_state: to,
    why: { ...(reason !== undefined && { reason }), ...(ticket_ref !== undefined && { ticket_ref }) },
    details: { revision: task.revision },
  });
  return {
    task,
    happenings: [...closed.happenings, moved],
    effects: [...closed.effects, ...(to === "APPROVED" ? readyEffects(task) : [])],
  };
}
