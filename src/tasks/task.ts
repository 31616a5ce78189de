/** The task as its actor keeps it, the table of its states, and the Task of the API (03-tasks-and-approvals). Pure. */
import { fail, type Result } from "../actor/result.ts";
import { timestamp } from "../actor/timestamp.ts";
import type { Reservation } from "../approvals/batch-order.ts";
import type { ApprovalRequest, Requirement } from "../approvals/contract.ts";
import { type Override, openOverride } from "../approvals/overridden.ts";
import { currentApprovals, requiredApprovals } from "../approvals/quorum.ts";
import type { Lease } from "../locks/contract.ts";
import type { Preview, Risk, TaskConfig, TaskState } from "./contract.ts";
import type { Task } from "./task-contract.ts";

export type Decision = Task["approvals"][number];
export type Comment = Task["comments"][number];
export type Metadata = Task["metadata"];

/** An approval request with what only the rules need. */
export interface Request extends ApprovalRequest {
  /** whose requirements it serves */
  readonly policy_ids: readonly string[];
  /** how long everybody has who is asked, first and at every escalation */
  readonly timeout_seconds: number;
  /** of an escalated request: the one that nobody answered in time, and whose managers are climbed */
  readonly escalated_from?: { readonly request_id: string; readonly reviewer_id: string };
  /** whose approval meets its part too (approvals/delegation.ts) */
  readonly follows?: readonly string[];
  /** whose required reviewer the owner of this part is (approvals/qualification.ts) */
  readonly named_by?: readonly string[];
}

export interface Execution {
  readonly attempt: number;
  readonly agent_id: string;
  readonly session_id: string;
  /** ms */
  readonly started_at: number;
  readonly completed_at?: number;
  readonly result?: "success" | "failure" | "timeout" | "cancelled";
  readonly output?: unknown;
  readonly error?: unknown;
  readonly rollback?: {
    /** `manual`: the stash is kept for a person */
    readonly status: "requested" | "succeeded" | "failed" | "unavailable" | "manual";
    readonly error?: unknown;
  };
  /** How its webhook executor stands, if the task has one. */
  readonly delivery?: {
    readonly webhook_id: string;
    /** `accepted`: it will call back */
    readonly status: "pending" | "accepted";
    readonly attempts: number;
    /** ms */
    readonly next_at: number;
    readonly last_error?: string;
  };
  /** Every lease of the task as last heard of; empty once they are given back. */
  readonly leases: readonly Lease[];
}

/** An apply that gathers its locks (docs/design/apply-saga.md). While it exists the task is still APPROVED. */
export interface Saga {
  readonly agent_id: string;
  readonly attempt: number;
  readonly session_id: string;
  /** tells one try from the next: what an older one still hears counts for nothing */
  readonly nonce: string;
  /** ms; when this try gives up waiting */
  readonly deadline: number;
  /** Tries so far that gave up. */
  readonly tries: number;
  readonly waiting?: { readonly resource_type: string; readonly resource_id: string; readonly queue_position: number };
  /** ms; the pause after a try that gave up: nothing is held or awaited until then */
  readonly resting_until?: number;
  readonly skip_drift: boolean;
}

/** Requirements that the open requests can no longer meet. */
export interface Stuck {
  readonly revision: number;
  /** RFC 3339; since when something is stuck */
  readonly since: string;
  /** empty: all can be met again */
  readonly requirements: readonly { readonly policy_id: string; readonly why: string }[];
  /** What the review was like when this was found out. */
  readonly seen: string;
}

export interface TaskRecord {
  readonly id: string;
  readonly state: TaskState;
  readonly revision: number;
  readonly config: TaskConfig;
  readonly metadata: Metadata;
  /** Everybody who authored, filed or edited this change: none of them may decide on it. */
  readonly authors: readonly string[];
  readonly author_roles: readonly string[];
  /** Of an agent that filed its own change. */
  readonly author_kind?: "agent";
  readonly preview: Preview;
  readonly risk: Risk;
  readonly requirements: readonly Requirement[];
  readonly requests: readonly Request[];
  readonly decisions: readonly Decision[];
  readonly comments: readonly Comment[];
  readonly auto_approved: boolean;
  readonly apply_immediately: boolean;
  /** Promised to a batch: until that ends, nothing else decides on the task or changes it. */
  readonly reservation?: Reservation;
  /** The last override that was asked for; it counts for its own revision only (approvals/override.ts). */
  readonly override?: Override;
  /** Which requirements could not be met when that was last looked at; for its own revision only (approvals/stuck.ts). */
  readonly stuck?: Stuck;
  /** What resources were like before, by key, as the agent of this attempt kept it. */
  readonly stash?: Readonly<Record<string, unknown>>;
  /** Executions started so far. */
  readonly attempts: number;
  readonly execution?: Execution;
  readonly saga?: Saga;
  /** ms; after a lapse: not before then */
  readonly retry_at?: number;
  /** Agents that lost a lease of this task: what they still send is TASK_LEASE_LOST. */
  readonly lost_by?: readonly string[];
  readonly resubmitted_from?: string;
  readonly resubmitted_to?: readonly string[];
  readonly deleted?: true;
}

export type Command =
  | "edit"
  | "delete"
  | "submit"
  | "cancel"
  | "comment"
  | "respond"
  | "override"
  | "apply"
  | "heartbeat"
  | "stash"
  | "complete"
  | "rollback"
  | "resubmit";

/** Every command that a state takes; anything else is 409 INVALID_STATE (03, "State machine"). */
export const ALLOWED: Readonly<Record<TaskState, readonly Command[]>> = {
  DRAFT: ["edit", "delete", "submit", "cancel"],
  SUBMITTED: ["cancel", "comment"],
  REVIEWING: ["edit", "respond", "override", "cancel", "comment"],
  APPROVED: ["apply", "cancel", "comment"],
  APPLYING: ["heartbeat", "stash", "complete", "rollback", "comment"],
  COMPLETED: [],
  REJECTED: ["resubmit"],
  CANCELLED: [],
};

export function allows(task: TaskRecord, command: Command): Result<null> {
  if (task.deleted) return fail("TASK_NOT_FOUND", "this task was deleted");
  if (!ALLOWED[task.state].includes(command)) return invalidState(task, `a task in ${task.state} takes no ${command}`);
  // Words change nothing of what was promised.
  if (task.reservation === undefined || command === "comment") return { ok: true, value: null };
  return fail("BATCH_IN_PROGRESS", "a batch is deciding on this task, try again in a moment", {
    retry_after_seconds: 1,
  });
}

export function invalidState(task: TaskRecord, message: string, more: Record<string, unknown> = {}): Result<never> {
  return fail("INVALID_STATE", message, { state: task.state, allowed: ALLOWED[task.state], ...more });
}

/** The Task of the API. */
export function taskView(task: TaskRecord): Task {
  const lock = task.execution?.leases.find((lease) => lease.resource_type === "task");
  const before = task.requirements.length === 0 && !task.auto_approved;
  const override = openOverride(task);
  const waiting = task.saga?.waiting;
  return {
    id: task.id,
    state: task.state,
    revision: task.revision,
    config: task.config,
    metadata: task.metadata,
    risk: task.risk,
    preview: task.preview,
    requirements: [...task.requirements],
    approval_requests: task.requests.map(requestView),
    approvals: [...task.decisions],
    required_approvals: task.auto_approved ? 0 : before ? 1 : requiredApprovals(task.requirements),
    current_approvals: currentApprovals(task.requirements),
    comments: [...task.comments],
    ...(lock !== undefined &&
      task.execution !== undefined && {
        lock_info: {
          acquired_at: timestamp(task.execution.started_at),
          expires_at: lock.expires_at,
          agent_id: task.execution.agent_id,
        },
      }),
    ...(task.execution !== undefined && { execution: executionView(task.execution, task.stash) }),
    ...(override !== undefined && { override }),
    ...(waiting !== undefined && { queue: [waiting] }),
    ...(task.retry_at !== undefined && { retry_at: timestamp(task.retry_at) }),
    ...(task.resubmitted_from !== undefined && { resubmitted_from: task.resubmitted_from }),
  };
}

export function requestView({
  policy_ids: _p,
  timeout_seconds: _t,
  escalated_from: _e,
  follows: _f,
  named_by: _n,
  ...request
}: Request): ApprovalRequest {
  return request;
}

function executionView(execution: Execution, stash: TaskRecord["stash"]): NonNullable<Task["execution"]> {
  const { attempt, agent_id, started_at, completed_at, result, output, error, rollback } = execution;
  return {
    attempt,
    agent_id,
    started_at: timestamp(started_at),
    ...(completed_at !== undefined && { completed_at: timestamp(completed_at) }),
    ...(result !== undefined && { result }),
    ...(output !== undefined && { output }),
    ...(error !== undefined && { error }),
    ...(rollback !== undefined && { rollback: { ...rollback, ...(wantsStash(rollback.status) && { stash }) } }),
  };
}

/** Who rolls back, the agent or a person, is told what to roll back to. */
function wantsStash(status: NonNullable<Execution["rollback"]>["status"]): boolean {
  return status === "requested" || status === "manual";
}
