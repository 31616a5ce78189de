/** The rules of an execution under way: APPLYING, heartbeat, lapse, timeout, drift (03, "State machine", "Execution"). Pure. */
import { type Caller, hasRole, SYSTEM } from "../actor/caller.ts";
import { fail, ok, type Result } from "../actor/result.ts";
import { timestamp } from "../actor/timestamp.ts";
import type { CommandEffect } from "../agents/agent-api.ts";
import type { Lease } from "../locks/contract.ts";
import type { Assessment, Facts } from "./assess.ts";
import { firstDelivery } from "./delivery.ts";
import { goneEffects, grantedEffects, readyEffects } from "./dispatch-api.ts";
import { startReview } from "./drafting.ts";
import { finish } from "./finish.ts";
import { releaseSaga } from "./saga.ts";
import { allows, type Execution, type Saga, type TaskRecord } from "./task.ts";
import type { HeartbeatTask } from "./task-contract.ts";
import { type Effect, happened, type Transition, type Turn } from "./transition.ts";

const LAST_RETRY_S = 60;

/** All locks are held and nothing drifted: the attempt begins. */
export function beginExecution(before: TaskRecord, saga: Saga, leases: readonly Lease[], now: number): Transition {
  const { saga: _s, retry_at: _r, stash: _k, lost_by = [], ...rest } = before;
  const execution: Execution = {
    attempt: saga.attempt,
    agent_id: saga.agent_id,
    session_id: saga.session_id,
    started_at: now,
    ...(before.config.executor !== undefined && { delivery: firstDelivery(before.id, saga.attempt, now) }),
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
      ...(saga.skip_drift && { drift_check: "skipped" }),
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
  const told = waited ? [...grantedEffects(task, saga.agent_id), ...applyEffects(task, leases)] : goneEffects(task);
  return { task, happenings: [applying], effects: told };
}

/** The agent is told to go on: by its channel, and by its heartbeats until it works on the task. */
function applyEffects({ id, config, execution }: TaskRecord, leases: readonly Lease[]): Effect[] {
  if (execution === undefined || config.executor !== undefined) return [];
  const { agent_id, session_id } = execution;
  const body: CommandEffect = {
    do: "command",
    session_id,
    command: { command: "task:apply", task_id: id, leases: [...leases] },
    notes: [{ event: "task:apply", payload: { task_id: id, priority: config.priority, type: config.type, leases } }],
  };
  return [{ target: `agent:${agent_id}`, body }];
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
    effects: [...releaseSaga(before, saga), ...goneEffects(task), ...effects],
  });
}

/** Whether the caller works on this task now: its agent, or an admin. */
export function working(
  task: TaskRecord,
  { who }: Caller,
  command: "heartbeat" | "stash" | "complete" | "rollback",
): Result<Execution> {
  const { execution } = task;
  if (who.session_id !== undefined && execution?.session_id !== who.session_id) {
    return fail("TASK_LEASE_LOST", "the attempt that this token was for is over", { state: task.state });
  }
  if (task.state === "APPLYING" && execution !== undefined && isTheirs(execution, who)) return ok(execution);
  if (task.lost_by?.includes(who.id)) {
    return fail("TASK_LEASE_LOST", "a lease of this task lapsed; the attempt was taken away", { state: task.state });
  }
  const allowed = allows(task, command);
  return allowed.ok ? fail("FORBIDDEN", "another agent applies this task") : allowed;
}

/** Whether this is an attempt of theirs: its agent, or an admin. */
export function isTheirs(execution: Execution, who: Caller["who"]): boolean {
  return execution.agent_id === who.id || hasRole(who, "admin");
}

/** The earliest end of a lease of this execution (ms). */
export function leasesEndAt(execution: Execution): number {
  return Math.min(...execution.leases.map((lease) => Date.parse(lease.expires_at)));
}

/** The leases as their locks know them now; how far the work is, if that was said, is for the task's channel alone. */
export function renewed(
  before: TaskRecord,
  leases: readonly Lease[],
  { progress, message }: Pick<HeartbeatTask, "progress" | "message"> = {},
): Transition | null {
  const { execution } = before;
  if (before.state !== "APPLYING" || execution === undefined) return null;
  const details = { ...(progress !== undefined && { progress }), ...(message !== undefined && { message }) };
  const said = Object.keys(details).length > 0;
  return {
    task: { ...before, execution: { ...execution, leases } },
    happenings: said ? [happened(before, "task.progress", { details, audit: false })] : [],
    effects: [],
  };
}

/** A lease lapsed: another attempt after a pause, or the end. `random` in [0, 1). */
export function lapse(before: TaskRecord, cause: string, now: number, random: number): Transition | null {
  const { execution } = before;
  if (before.state !== "APPLYING" || execution === undefined) return null;
  const lost_by = [...new Set([...(before.lost_by ?? []), execution.agent_id])];
  const error = `a lease lapsed: ${cause}`;
  const left = before.config.max_attempts - execution.attempt;
  if (left <= 0 || execution.rollback !== undefined) {
    const last = execution.rollback === undefined ? { ...execution, error } : rollbackFailed(execution, error);
    return finish({ ...before, lost_by }, last, "failure", { action: "task.completed", now, who: SYSTEM });
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
  return {
    task,
    happenings: [retrying],
    effects: [...releaseSaga(before, execution), ...readyEffects(task, retry_at)],
  };
}

function rollbackFailed(execution: Execution, why: string): Execution {
  return { ...execution, rollback: { status: "failed", error: why } };
}

/** timeout_seconds are over. */
export function timeOut(before: TaskRecord, now: number): Transition | null {
  const { execution } = before;
  if (before.state !== "APPLYING" || execution === undefined || now < timeoutAt(before, execution)) return null;
  const last = execution.rollback === undefined ? execution : rollbackFailed(execution, "timeout_seconds are over");
  return finish(before, last, "timeout", { action: "task.timed_out", now, who: SYSTEM });
}

export function timeoutAt(task: TaskRecord, execution: Execution): number {
  return execution.started_at + task.config.timeout_seconds * 1000;
}
