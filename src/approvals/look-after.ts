/** What a review needs done by itself, given who is still here: the one entry for its timer and for news of people. Pure. */

import type { TaskRecord } from "../tasks/task.ts";
import { followedBy, type Transition, type Turn } from "../tasks/transition.ts";
import type { Surroundings } from "./colleagues.ts";
import { reassignDeparted } from "./departure.ts";
import { escalate, expire, nextEscalationAt } from "./escalation.ts";
import { openRequestsOf, tellInboxes } from "./open-requests.ts";
import { noteStuck, wantsLook } from "./stuck.ts";

/** When a review has to be looked after (ms), without anybody saying so; undefined if it need not be. */
export function lookAfterAt(task: TaskRecord, now: number): number | undefined {
  return wantsLook(task) ? now : nextEscalationAt(task);
}

/** Whose standing and managers a review depends on. */
export function peopleAround(task: TaskRecord): string[] {
  return [
    ...new Set(
      openRequestsOf(task).flatMap(({ reviewer_id, escalated_from }) =>
        escalated_from === undefined ? [reviewer_id] : [reviewer_id, escalated_from.reviewer_id],
      ),
    ),
  ];
}

/**
 * Ends a review that is over; else moves the requests of those who left, takes what is due up to the next level, and notes
 * what can no longer be met. Null if all is as it should be.
 */
export function lookAfter(before: TaskRecord, { people, delegations }: Surroundings, turn: Turn): Transition | null {
  if (before.state !== "REVIEWING") return null;
  const over = expire(before, turn.now);
  if (over !== null) return over;
  const steps = [
    (task: TaskRecord) => reassignDeparted(task, people, delegations, turn),
    (task: TaskRecord) => escalate(task, people, turn),
    (task: TaskRecord) => noteStuck(task, people, turn.now),
  ];
  let done: Transition = { task: before, happenings: [], effects: [] };
  for (const step of steps) {
    const next = step(done.task);
    if (next !== null) done = followedBy(done, next);
  }
  return done.task === before ? null : { ...done, effects: tellInboxes(before, done.task) };
}
