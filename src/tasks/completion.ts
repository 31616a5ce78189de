/** What the agent says of the end: completion, the state to go back to, the rollback it was asked for (03, "Execution"). Pure. */
import type { Caller } from "../actor/caller.ts";
import { fail, invalid, ok, type Result } from "../actor/result.ts";
import { rollbackDelivery } from "./delivery.ts";
import { isTheirs, working } from "./executing.ts";
import { finish, mutated } from "./finish.ts";
import { type Execution, invalidState, type TaskRecord } from "./task.ts";
import { type CompleteTask, jsonBytes, type RollbackReport, type StashInput } from "./task-contract.ts";
import { happened, type Transition } from "./transition.ts";

/** What all stashes of a task may take together; the actor keeps them, and hands them back in one answer. */
export const MAX_STASH_BYTES = 8 * 1024 * 1024;

/** Keeps what a resource was like before, for a rollback. The last one of a resource counts. */
export function stash(before: TaskRecord, input: StashInput, caller: Caller): Result<Transition> {
  const work = working(before, caller, "stash");
  if (!work.ok) return work;
  if (!mutated(before).includes(input.resource)) return notChanged("resource", input.resource);
  const kept = { ...before.stash, [input.resource]: input.data };
  if (jsonBytes(kept) > MAX_STASH_BYTES) {
    return fail("PAYLOAD_TOO_LARGE", `the stashes of a task may take ${MAX_STASH_BYTES} bytes of JSON together`);
  }
  return ok({ task: { ...before, stash: kept }, happenings: [], effects: [] });
}

/** The agent's word on how it ended. The same word twice gets the same answer (transition null). */
export function complete(
  before: TaskRecord,
  input: CompleteTask,
  caller: Caller,
  now: number,
): Result<Transition | null> {
  const said = before.execution?.result === input.result && (before.state === "COMPLETED" || isRollingBack(before));
  if (said && wasTheirs(before, caller)) return ok(null);
  const work = working(before, caller, "complete");
  if (!work.ok) return work;
  if (isRollingBack(before)) return invalidState(before, "this attempt failed; report its rollback");
  const unknown = Object.keys(input.resources ?? {}).find((key) => !mutated(before).includes(key));
  if (unknown !== undefined) return notChanged(`resources.${unknown}`, unknown);
  const execution: Execution = {
    ...work.value,
    ...(input.output !== undefined && { output: input.output }),
    ...(input.error !== undefined && { error: input.error }),
  };
  if (input.result === "failure") return ok(failed(before, execution, now));
  return ok(finish(before, execution, input.result, { action: "task.completed", now, reported: input.resources }));
}

/** After a failure: the agent is asked to roll back, or a person will, or nobody can. */
function failed(before: TaskRecord, execution: Execution, now: number): Transition {
  const { rollback_strategy } = before.config;
  const ending = { action: "task.completed", now } as const;
  const hasStash = before.stash !== undefined;
  if (rollback_strategy === "none") return finish(before, execution, "failure", ending);
  if (rollback_strategy === "manual") {
    return finish(before, hasStash ? { ...execution, rollback: { status: "manual" } } : execution, "failure", ending);
  }
  if (!hasStash) return finish(before, { ...execution, rollback: { status: "unavailable" } }, "failure", ending);
  const task: TaskRecord = {
    ...before,
    execution: {
      ...execution,
      result: "failure",
      rollback: { status: "requested" },
      ...(execution.delivery !== undefined && { delivery: rollbackDelivery(before.id, execution, now) }),
    },
  };
  const details = { attempt: execution.attempt, resources: Object.keys(before.stash ?? {}).sort() };
  return { task, happenings: [happened(task, "task.rollback_requested", { details })], effects: [] };
}

/** The agent's word on the rollback that it was asked for: the task is over, its result stays failure. */
export function reportRollback(
  before: TaskRecord,
  input: RollbackReport,
  caller: Caller,
  now: number,
): Result<Transition | null> {
  const status = input.result === "success" ? "succeeded" : "failed";
  const { result, rollback: last } = before.execution ?? {};
  const said = before.state === "COMPLETED" && result === "failure" && last?.status === status;
  if (said && wasTheirs(before, caller)) return ok(null);
  const work = working(before, caller, "rollback");
  if (!work.ok) return work;
  if (!isRollingBack(before)) return invalidState(before, "no rollback was asked for");
  const rollback = { status, ...(input.error !== undefined && { error: input.error }) } as const;
  return ok(finish(before, { ...work.value, rollback }, "failure", { action: "task.completed", now }));
}

/** Whether the last attempt was the caller's, and was not taken away from them: only then may they have ended it. */
function wasTheirs({ execution, lost_by = [] }: TaskRecord, { who }: Caller): boolean {
  if (execution === undefined || lost_by.includes(who.id)) return false;
  const same = who.session_id === undefined || who.session_id === execution.session_id;
  return same && isTheirs(execution, who);
}

/** Whether a failure waits for word of its rollback. */
export function isRollingBack({ state, execution }: TaskRecord): boolean {
  return state === "APPLYING" && execution?.rollback?.status === "requested";
}

function notChanged(field: string, key: string): Result<never> {
  return invalid({ field, issue: "is no resource that this task changes", value: key });
}
