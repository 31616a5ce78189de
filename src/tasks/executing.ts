/** The rules of an execution: APPLYING, heartbeat, lapse, timeout, completion, drift (03, "State machine", "Execution"). Pure. */
import { type Caller, hasRole } from "../actor/caller.ts";
import { fail, ok, type Result } from "../actor/result.ts";
import type { Lease } from "../locks/contract.ts";
import type { ReleaseEffect } from "../locks/lock-actor.ts";
import type { AppliedEffect } from "../locks/resource-actor.ts";
import type { Assessment, Facts } from "./assess.ts";
import type { JsonObject } from "./contract.ts";
import { goneEffect, grantedEffect, readyEffect } from "./dispatch-api.ts";
import { startReview, type Turn } from "./drafting.ts";
import { releaseSaga, stepsOf } from "./saga.ts";
import { own } from "./stable-json.ts";
import { allows, type Execution, type Saga, type TaskRecord, timestamp } from "./task.ts";
import type { CompleteTask } from "./task-contract.ts";
import { type Effect, happened, type Transition } from "./transition.ts";

const SYSTEM = { id: "system", kind: "system", roles: ["system"] } as const;
const LAST_RETRY_S = 60;

/** All locks are held and nothing drifted: the attempt begins. */
export function beginExecution(before: TaskRecord, saga: Saga, leases: readonly Lease[], now: number): Transition {
  const { saga: _s, retry_at: _r, lost_by = [], ...rest } = before;
  const execution: Execution = {
    attempt: saga.attempt,
    agent_id: saga.agent_id,
    session_id: saga.session_id,
    started_at: now,
    leases,
  };
  const task: TaskRecord = {
    ...rest,
    state: "APPLYING",
    attempts: saga.attempt,
    execution,
    // Whoever lost an earlier attempt and begins anew is heard again.
    lost_by: lost_by.filter((agent) => agent !== saga.agent_id),
    metadata: { ...before.metadata, updated_at: timestamp(now) },
  };
  const applying = happened(task, "task.applying", {
    from_state: "APPROVED",
    to_state: "APPLYING",
    who: { id: saga.agent_id, kind: "agent", roles: ["system"] },
    details: {
      revision: task.revision,
      attempt: saga.attempt,
      leases: leases.map(({ lock_id, resource_type, resource_id, fencing_token }) => ({
        lock_id,
        resource_type,
        resource_id,
        fencing_token,
      })),
    },
  });
  // Whoever waited no longer has an open request: the next claim hands the task over.
  const waited = saga.waiting !== undefined || saga.tries > 0;
  const told = waited ? grantedEffect(task.id, saga.agent_id) : goneEffect(task.id);
  return { task, happenings: [applying], effects: [told] };
}

/** What was approved is not what would happen now: back to review as a new revision. */
export function drifted(
  before: TaskRecord,
  saga: Saga,
  assessment: Assessment,
  facts: Facts,
  turn: Turn,
): Result<Transition> {
  const { saga: _s, retry_at: _r, ...rest } = before;
  const from: TaskRecord = {
    ...rest,
    revision: before.revision + 1,
    preview: assessment.preview,
    risk: assessment.risk,
    metadata: { ...before.metadata, updated_at: timestamp(turn.now) },
  };
  const review = startReview(from, assessment, facts, [], turn);
  if (!review.ok) return review;
  const { task, happenings, effects } = review.value;
  const noted = happened(task, "task.drifted", {
    from_state: "APPROVED",
    to_state: "REVIEWING",
    who: SYSTEM,
    why: { reason: "drift" },
    details: { revision: task.revision },
  });
  return ok({
    task,
    happenings: [noted, ...happenings],
    effects: [...releaseSaga(before, saga), goneEffect(task.id), ...effects],
  });
}

/** Whether the caller works on this task now: its agent, or an admin. */
export function working(task: TaskRecord, { who }: Caller, command: "heartbeat" | "complete"): Result<Execution> {
  const { execution } = task;
  if (task.state === "APPLYING" && execution !== undefined && isTheirs(execution, who)) return ok(execution);
  if (task.lost_by?.includes(who.id)) {
    return fail("TASK_LEASE_LOST", "a lease of this task lapsed; the attempt was taken away", { state: task.state });
  }
  const allowed = allows(task, command);
  return allowed.ok ? fail("FORBIDDEN", "another agent applies this task") : allowed;
}

function isTheirs(execution: Execution, who: Caller["who"]): boolean {
  return execution.agent_id === who.id || hasRole(who, "admin");
}

/** The earliest end of a lease of this execution (ms). */
export function leasesEndAt(execution: Execution): number {
  return Math.min(...execution.leases.map((lease) => Date.parse(lease.expires_at)));
}

/** A lease lapsed: another attempt after a pause, or the end. `random` in [0, 1). */
export function lapse(before: TaskRecord, cause: string, now: number, random: number): Transition | null {
  const { execution } = before;
  if (before.state !== "APPLYING" || execution === undefined) return null;
  const lost_by = [...new Set([...(before.lost_by ?? []), execution.agent_id])];
  const error = `a lease lapsed: ${cause}`;
  const left = before.config.max_attempts - execution.attempt;
  if (left <= 0) {
    return finish({ ...before, lost_by }, { ...execution, error }, "failure", "task.completed", now, SYSTEM);
  }
  const ended: Execution = { ...execution, error, completed_at: now, leases: [] };
  const pause = Math.min(LAST_RETRY_S, 2 ** execution.attempt) * (0.8 + random * 0.4);
  const retry_at = now + Math.min(LAST_RETRY_S * 1000, Math.round(pause * 1000));
  const metadata = { ...before.metadata, updated_at: timestamp(now) };
  const task: TaskRecord = { ...before, state: "APPROVED", metadata, execution: ended, retry_at, lost_by };
  const retrying = happened(task, "task.retrying", {
    from_state: "APPLYING",
    to_state: "APPROVED",
    who: SYSTEM,
    why: { reason: error },
    details: { attempt: execution.attempt, attempts_left: left, retry_at: timestamp(retry_at) },
  });
  return { task, happenings: [retrying], effects: [...releaseSaga(before, execution), readyEffect(task, retry_at)] };
}

/** timeout_seconds are over. */
export function timeOut(before: TaskRecord, now: number): Transition | null {
  const { execution } = before;
  if (before.state !== "APPLYING" || execution === undefined || now < timeoutAt(before, execution)) return null;
  return finish(before, execution, "timeout", "task.timed_out", now, SYSTEM);
}

export function timeoutAt(task: TaskRecord, execution: Execution): number {
  return execution.started_at + task.config.timeout_seconds * 1000;
}

/** The agent's word on how it ended. The same word twice gets the same answer (transition null). */
export function complete(
  before: TaskRecord,
  input: CompleteTask,
  caller: Caller,
  now: number,
): Result<Transition | null> {
  const { execution: last, lost_by = [] } = before;
  const said = before.state === "COMPLETED" && last?.result === input.result;
  if (said && isTheirs(last, caller.who) && !lost_by.includes(caller.who.id)) return ok(null);
  const work = working(before, caller, "complete");
  if (!work.ok) return work;
  const unknown = Object.keys(input.resources ?? {}).find((key) => !mutated(before).includes(key));
  if (unknown !== undefined) {
    const issue = { field: `resources.${unknown}`, issue: "is no resource that this task changes" };
    return fail("VALIDATION_ERROR", `${issue.field} ${issue.issue}`, { ...issue, issues: [issue] });
  }
  const execution: Execution = {
    ...work.value,
    ...(input.output !== undefined && { output: input.output }),
    ...(input.error !== undefined && { error: input.error }),
    ...(input.result === "failure" &&
      before.config.rollback_strategy === "automatic" && { rollback: { status: "unavailable" as const } }),
  };
  return ok(finish(before, execution, input.result, "task.completed", now, undefined, input.resources));
}

function finish(
  before: TaskRecord,
  execution: Execution,
  result: NonNullable<Execution["result"]>,
  action: string,
  now: number,
  who?: typeof SYSTEM,
  reported: CompleteTask["resources"] = {},
): Transition {
  const at = timestamp(now);
  const task: TaskRecord = {
    ...before,
    state: "COMPLETED",
    execution: { ...execution, result, completed_at: now, leases: [] },
    metadata: { ...before.metadata, updated_at: at, completed_at: at },
  };
  const completed = happened(task, action, {
    from_state: "APPLYING",
    to_state: "COMPLETED",
    ...(who !== undefined && { who }),
    details: {
      result,
      attempt: execution.attempt,
      revision: task.revision,
      duration_seconds: Math.round((now - execution.started_at) / 10) / 100,
      ...(execution.rollback !== undefined && { rollback: execution.rollback.status }),
    },
  });
  const effects = result === "success" ? applyAndRelease(before, execution, reported) : releaseSaga(before, execution);
  return { task, happenings: [completed], effects };
}

/** One message per resource moves its state on and frees it; what was only read is freed. */
function applyAndRelease(task: TaskRecord, execution: Execution, reported: Record<string, JsonObject>): Effect[] {
  const { agent_id, session_id } = execution;
  const release: ReleaseEffect = { do: "lock.release", agent_id, session_id };
  const changed = mutated(task);
  return stepsOf(task.config, agent_id).map((step): Effect => {
    if (step.kind === "task") return { target: `task:${task.id}`, body: release };
    if (step.kind === "agent" || !changed.includes(step.key)) return { target: step.target, body: release };
    const lease = execution.leases.find(({ resource_type, resource_id }) => {
      return resource_type === "resource" && resource_id === step.key;
    });
    if (lease === undefined) throw new Error(`no lease of ${step.key} to apply under`);
    const attributes = own(reported, step.key) ?? afterOf(task, step.key);
    const body: AppliedEffect = {
      do: "resource.applied",
      agent_id,
      session_id,
      fencing_token: lease.fencing_token,
      ...(attributes !== undefined && { attributes }),
      task_id: task.id,
    };
    return { target: step.target, body };
  });
}

function mutated(task: TaskRecord): string[] {
  return [...new Set(task.preview.changes.map(({ resource }) => resource.key))];
}

/** What the last change of a resource leaves behind; undefined if it is as before (only executed). */
function afterOf(task: TaskRecord, key: string): JsonObject | undefined {
  const change = task.preview.changes.findLast(({ resource, after }) => resource.key === key && after !== undefined);
  return change === undefined ? undefined : (change.after ?? {});
}
