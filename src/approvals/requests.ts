/** Opening and closing a task's approval requests. Pure; the task's actor owns them, inboxes and the trail are told. */
import type { Who } from "../actor/caller.ts";
import type { Happening } from "../actor/journal.ts";
import { fail, ok, type Result } from "../actor/result.ts";
import { timestamp } from "../actor/timestamp.ts";
import type { RiskLevel } from "../tasks/contract.ts";
import { type Request, requestView, type TaskRecord } from "../tasks/task.ts";
import { jsonBytes } from "../tasks/task-contract.ts";
import type { Effect } from "../tasks/transition.ts";
import type { AskedReviewer, Reviewer } from "./assignment.ts";
import { isBacklogged, raised } from "./backlog.ts";
import type { ApprovalPriority, ApprovalStatus } from "./contract.ts";
import type { InboxEffect } from "./inbox-api.ts";

const PRIORITY: Readonly<Record<RiskLevel, ApprovalPriority>> = {
  LOW: "LOW",
  MEDIUM: "NORMAL",
  HIGH: "HIGH",
  CRITICAL: "URGENT",
};

/** What all requests of a task may take together, open and closed, of every revision: some ten thousand. Each step writes them anew. */
export const MAX_REQUESTS_BYTES = 4 * 1024 * 1024;

/** Whether a task may have these requests: what asks for one more is refused, what ends them never is. */
export function mayHave(requests: readonly Request[]): Result<null> {
  if (jsonBytes(requests) <= MAX_REQUESTS_BYTES) return ok(null);
  return fail(
    "PAYLOAD_TOO_LARGE",
    `the approval requests of a task may take ${MAX_REQUESTS_BYTES} bytes of JSON together; cancel it and file it anew`,
  );
}

export interface RequestChange {
  readonly requests: readonly Request[];
  readonly happenings: readonly Happening[];
  readonly effects: readonly Effect[];
}

/**
 * One request per part: open with its reviewer, or, where they delegate, DELEGATED and an open one with the last delegate.
 * Where more than `backlog` wait it is more urgent. `mint` gives ids of this task's actor; `now` in ms.
 */
export function openRequests(
  task: TaskRecord,
  asked: readonly AskedReviewer[],
  mint: () => string,
  now: number,
  backlog = Number.POSITIVE_INFINITY,
): RequestChange {
  const usual = PRIORITY[task.risk.level];
  const opened = asked.map((part) => {
    const { reviewer, policy_ids, timeout_seconds, delegated, follows, skipped } = part;
    const naming = task.requirements.filter(({ required_reviewers }) => required_reviewers.includes(reviewer.id));
    const named_by = naming.map(({ policy_id }) => policy_id);
    const request = (person: Reviewer): Request => ({
      id: mint(),
      task_id: task.id,
      reviewer_id: person.id,
      reviewer_name: person.name,
      revision: task.revision,
      status: "PENDING",
      priority: isBacklogged(person, backlog) ? raised(usual) : usual,
      due_at: timestamp(now + timeout_seconds * 1000),
      escalation_level: 0,
      created_at: timestamp(now),
      policy_ids,
      timeout_seconds,
      ...(named_by.length > 0 && { named_by }),
    });
    const noted = skipped === undefined ? {} : { skipped_delegations: skipped };
    if (delegated === undefined) {
      const own = { ...request(reviewer), ...(follows !== undefined && { follows }) };
      return { requests: [own], happenings: [requested(own, noted)] };
    }
    const { to, via } = delegated;
    const own: Request = { ...request(reviewer), status: "DELEGATED", delegated_to: to.id, via: [...via] };
    const theirs: Request = { ...request(to), on_behalf_of: reviewer.id };
    const passed = about(own, "approval.reassigned", { from: reviewer.id, to: to.id, via, ...noted });
    return { requests: [own, theirs], happenings: [passed, requested(theirs)] };
  });
  const requests = opened.flatMap((one) => one.requests);
  return {
    requests: [...task.requests, ...requests],
    happenings: opened.flatMap((one) => one.happenings),
    effects: requests.map((request) => inbox(request, task)),
  };
}

/** The audit row of a request that opened. */
export function requested(request: Request, details: Record<string, unknown> = {}): Happening {
  return about(request, "approval.requested", { priority: request.priority, ...details });
}

/** Closes one request with its outcome. */
export function closeRequest(task: TaskRecord, id: string, status: ApprovalStatus, now: number): RequestChange {
  const responded_at = timestamp(now);
  const closed = task.requests.filter((request) => request.id === id).map((one) => ({ ...one, status, responded_at }));
  return {
    requests: task.requests.map((request) => closed.find(({ id: other }) => other === request.id) ?? request),
    happenings: [],
    effects: closed.map((request) => inbox(request, task)),
  };
}

/** How a review ended for those who did not answer; SUPERSEDED: it began anew, with another revision. */
export type ReviewOutcome = "APPROVED" | "REJECTED" | "CHANGES_REQUESTED" | "CANCELLED" | "SUPERSEDED";

/** Closes whatever is still open: the task left REVIEWING, or its revision is over. */
export function supersedeOpen(task: TaskRecord, outcome: ReviewOutcome): RequestChange {
  const open = task.requests.filter(({ status }) => status === "PENDING");
  const closed = open.map((request): Request => ({ ...request, status: "SUPERSEDED" }));
  return {
    requests: task.requests.map((request) => closed.find(({ id }) => id === request.id) ?? request),
    happenings: closed.map((request) => about(request, "approval.superseded", { outcome })),
    effects: closed.map((request) => inbox(request, task)),
  };
}

/** Who was asked in somebody's stead acts for them; an admin who answers somebody else's request acts for nobody. */
export function actingOn({ reviewer_id, on_behalf_of }: Request, { id }: Who): Pick<Who, "on_behalf_of"> {
  return on_behalf_of !== undefined && reviewer_id === id ? { on_behalf_of } : {};
}

/** An audit row about a request; it belongs to its task's chain. */
export function about(request: Request, action: string, details: Record<string, unknown> = {}): Happening {
  return {
    action,
    subject_type: "approval",
    subject_id: request.id,
    details: {
      task_id: request.task_id,
      reviewer_id: request.reviewer_id,
      revision: request.revision,
      policy_ids: request.policy_ids,
      ...(request.on_behalf_of !== undefined && { on_behalf_of: request.on_behalf_of }),
      ...details,
    },
  };
}

/** Tells a request's reviewer how it stands now. */
export function inbox(request: Request, task: TaskRecord): Effect {
  const body: InboxEffect = {
    do: "request.changed",
    request: requestView(request),
    task: {
      id: task.id,
      type: task.config.type,
      description: task.config.description.slice(0, 200),
      author_id: task.metadata.author_id,
      risk_score: task.risk.score,
      risk_level: task.risk.level,
    },
  };
  return { target: `inbox:${request.reviewer_id}`, body };
}
