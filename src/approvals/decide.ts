/** A reviewer's decision on one revision of a task (03, "Approval requests"). Pure; serialised by the task's actor. */
import type { Happening } from "../actor/journal.ts";
import { fail, ok, type Result } from "../actor/result.ts";
import { timestamp } from "../actor/timestamp.ts";
import { readyEffects } from "../tasks/dispatch-api.ts";
import { sameJson } from "../tasks/stable-json.ts";
import { allows, type Decision, type Request, type TaskRecord } from "../tasks/task.ts";
import type { DecisionAction, RespondInput } from "../tasks/task-contract.ts";
import { followedBy, happened, type Transition, type Turn } from "../tasks/transition.ts";
import { requireApprovals } from "./additional-approvals.ts";
import { delegate } from "./delegate.ts";
import { mayDecide } from "./eligibility.ts";
import { eligibleNominees, type Nominee } from "./nominees.ts";
import { openRequestsOf } from "./open-requests.ts";
import { countApproval, countFollowers, isNeeded, quorumReached } from "./quorum.ts";
import { about, actingOn, closeRequest, supersedeOpen } from "./requests.ts";

const OUTCOME = { approve: "APPROVED", reject: "REJECTED", request_changes: "CHANGES_REQUESTED" } as const;
const ACTION = {
  approve: "approval.approved",
  reject: "approval.rejected",
  request_changes: "approval.changes_requested",
} as const;

/** `nominees`: the active users among those whom the answer names. */
export function respond(
  before: TaskRecord,
  requestId: string,
  input: RespondInput,
  turn: Turn,
  nominees: readonly Nominee[] = [],
): Result<Transition> {
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
  switch (input.action) {
    case "approve":
      return approve(before, request, input, turn, nominees);
    case "delegate":
      return delegate(before, request, input, nominees, turn);
    case "reject":
      return ok(returned(before, request, { ...input, action: "reject" }, turn));
    case "request_changes":
      return ok(returned(before, request, { ...input, action: "request_changes" }, turn));
  }
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

/**
 * The approval counts wherever its person qualifies. Its request closes with it, unless a requirement could not be met without
 * that reviewer any more: what somebody approved without filling the reviewer's part leaves them to be asked
 * (docs/design/decisions.md). `FORBIDDEN` when nothing at all would come of it.
 */
function approve(
  before: TaskRecord,
  request: Request,
  input: RespondInput,
  turn: Turn,
  nominees: readonly Nominee[],
): Result<Transition> {
  const { who } = turn.caller;
  const named = input.options.require_additional_approvals ?? [];
  const wanted = eligibleNominees(named, nominees, before.authors);
  if (!wanted.ok) return wanted;
  const others = openRequestsOf(before).filter(({ id }) => id !== request.id);
  const own = countApproval(before.requirements, who, request);
  const requirements = request.reviewer_id === who.id ? countFollowers(own, who, others) : own;
  const stays = isNeeded(request, requirements, others);
  if (stays && sameJson(requirements, before.requirements)) {
    const message =
      "Your approval is counted wherever you qualify; this request stays open for what it does not cover.";
    return fail("FORBIDDEN", message);
  }
  const details = { ...(stays && { still_open: true }), ...(named.length > 0 && { required_approvals: named }) };
  const decision = decided(before, request, { ...input, action: "approve" }, turn, { stays, details });
  const counted: TaskRecord = {
    ...decision.task,
    requirements,
    apply_immediately: before.apply_immediately || input.options.apply_immediately,
  };
  const widened = followedBy({ ...decision, task: counted }, requireApprovals(counted, wanted.value, request, turn));
  if (!quorumReached(widened.task.requirements)) return ok(widened);
  return ok(followedBy(widened, leaveReview(widened.task, "APPROVED", "task.approved", {}, turn.now)));
}

/** Rejected, or sent back for changes: one person is enough. */
function returned(before: TaskRecord, request: Request, input: DecisionInput, turn: Turn): Transition {
  const decision = decided(before, request, input, turn);
  const [to, action] =
    input.action === "reject"
      ? (["REJECTED", "task.rejected"] as const)
      : (["DRAFT", "task.changes_requested"] as const);
  return followedBy(decision, leaveReview(decision.task, to, action, input, turn.now));
}

type DecisionInput = RespondInput & { readonly action: DecisionAction };

/** The decision on record and in the journal, its request closed unless it `stays`. */
function decided(
  before: TaskRecord,
  request: Request,
  input: DecisionInput,
  turn: Turn,
  { stays = false, details = {} }: { readonly stays?: boolean; readonly details?: Record<string, unknown> } = {},
): Transition {
  const { who } = turn.caller;
  const at = timestamp(turn.now);
  const closed = stays ? null : closeRequest(before, request.id, OUTCOME[input.action], turn.now);
  const acting = actingOn(request, who);
  const decision: Decision = {
    // The request's own id is for the decision that closes it.
    id: stays ? turn.mint() : request.id,
    reviewer_id: who.id,
    reviewer_name: turn.caller.name,
    action: input.action,
    ...(input.reason !== undefined && { reason: input.reason }),
    ...acting,
    revision: before.revision,
    created_at: at,
  };
  const task: TaskRecord = {
    ...before,
    requests: closed?.requests ?? before.requests,
    decisions: [...before.decisions, decision],
    metadata: { ...before.metadata, updated_at: at },
  };
  const noted = {
    ...about(request, ACTION[input.action], { decided_by: who.id, ...details }),
    acting,
    ...(input.reason !== undefined && { why: { reason: input.reason } }),
  };
  return { task, happenings: [noted], effects: closed?.effects ?? [] };
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
  const closed = supersedeOpen(from, to === "DRAFT" ? "CHANGES_REQUESTED" : to);
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
