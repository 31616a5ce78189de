/** The end of an execution: what stands on the task, what the resources take, what is given back (03, "Execution"). Pure. */
import type { Who } from "../actor/caller.ts";
import { timestamp } from "../actor/timestamp.ts";
import type { ReleaseEffect } from "../locks/lock-shell.ts";
import type { AppliedEffect } from "../locks/resource-actor.ts";
import type { JsonObject } from "../wire.ts";
import { releaseSaga, stepsOf } from "./saga.ts";
import { own } from "./stable-json.ts";
import type { Execution, TaskRecord } from "./task.ts";
import { type Effect, happened, type Transition } from "./transition.ts";

export interface Ending {
  readonly action: "task.completed" | "task.timed_out";
  /** ms */
  readonly now: number;
  /** who ended it, if not the caller */
  readonly who?: Who;
  /** attributes by resource key that replace what the preview promised */
  readonly reported?: Readonly<Record<string, JsonObject>> | undefined;
}

/** The task COMPLETED with this result, everything that it held given back. */
export function finish(
  before: TaskRecord,
  execution: Execution,
  result: NonNullable<Execution["result"]>,
  { action, now, who, reported = {} }: Ending,
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
function applyAndRelease(
  task: TaskRecord,
  execution: Execution,
  reported: Readonly<Record<string, JsonObject>>,
): Effect[] {
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

/** Keys of the resources that the task changes. */
export function mutated(task: TaskRecord): string[] {
  return [...new Set(task.preview.changes.map(({ resource }) => resource.key))];
}

/** What the last change of a resource leaves behind; undefined if it is as before (only executed). */
function afterOf(task: TaskRecord, key: string): JsonObject | undefined {
  const change = task.preview.changes.findLast(({ resource, after }) => resource.key === key && after !== undefined);
  return change === undefined ? undefined : (change.after ?? {});
}
