/** What a rule decides: the task as it will be, what happened, and who has to be told. The actor commits all of it or nothing. */
import type { Caller } from "../actor/caller.ts";
import type { Happening } from "../actor/journal.ts";
import type { ActorKey } from "../actor/remote.ts";
import type { TaskRecord } from "./task.ts";

/** What a rule needs besides the task: who, when (ms), and ids of this task's members. */
export interface Turn {
  readonly caller: Caller;
  readonly now: number;
  readonly mint: () => string;
}

export interface Effect {
  readonly target: ActorKey;
  readonly body: unknown;
}

export interface Transition {
  readonly task: TaskRecord;
  readonly happenings: readonly Happening[];
  readonly effects: readonly Effect[];
}

/** Something that happened to this task. */
export function happened(
  task: Pick<TaskRecord, "id" | "metadata">,
  action: string,
  more: Partial<Happening> = {},
): Happening {
  const { ticket_ref } = task.metadata;
  return {
    action,
    subject_type: "task",
    subject_id: task.id,
    ...more,
    why: { ...(ticket_ref !== undefined && { ticket_ref }), ...more.why },
  };
}

/** One after the other. */
export function followedBy(first: Transition, second: Transition): Transition {
  return {
    task: second.task,
    happenings: [...first.happenings, ...second.happenings],
    effects: [...first.effects, ...second.effects],
  };
}
