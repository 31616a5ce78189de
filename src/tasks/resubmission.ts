/** A rejected change filed again (03, "Routes"): a new draft with a chain of its own; the old one notes it. Pure. */
import type { Caller } from "../actor/caller.ts";
import { ok, type Result } from "../actor/result.ts";
import { editable, mayAuthor } from "./drafting.ts";
import { allows, type TaskRecord } from "./task.ts";
import type { CreateTask } from "./task-contract.ts";
import { happened, type Transition } from "./transition.ts";

/** What the new draft begins with. */
export function resubmission(before: TaskRecord, caller: Caller): Result<Pick<CreateTask, "config" | "metadata">> {
  const may = mayAuthor(caller, before);
  if (!may.ok) return may;
  const allowed = allows(before, "resubmit");
  return allowed.ok ? ok({ config: before.config, metadata: editable(before.metadata) }) : allowed;
}

/** The old task's word about its new draft; null if it said so before. */
export function noteResubmitted(before: TaskRecord, newId: string, caller: Caller): Result<Transition | null> {
  const may = mayAuthor(caller, before);
  if (!may.ok) return may;
  const allowed = allows(before, "resubmit");
  if (!allowed.ok) return allowed;
  const { resubmitted_to = [] } = before;
  if (resubmitted_to.includes(newId)) return ok(null);
  const task: TaskRecord = { ...before, resubmitted_to: [...resubmitted_to, newId] };
  return ok({ task, happenings: [happened(task, "task.resubmitted", { details: { task_id: newId } })], effects: [] });
}
