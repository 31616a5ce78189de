/** An approval that asks for more of them (03, "Approval requests": require_additional_approvals). Pure. */
import type { Caller } from "../actor/caller.ts";
import { timestamp } from "../actor/timestamp.ts";
import type { Request, TaskRecord } from "../tasks/task.ts";
import type { Transition, Turn } from "../tasks/transition.ts";
import type { Requirement } from "./contract.ts";
import type { Nominee } from "./nominees.ts";
import { openRequestsOf, tellInboxes, withRequests } from "./open-requests.ts";
import { requested } from "./requests.ts";

/**
 * The task with a requirement for each of these people, asked for with the approval of `request`. Whoever has an open request
 * of their own answers for it there, whoever approved this revision has answered; anybody else is asked, with as much time as
 * `request` gave. Somebody who is required in this way already is not required twice.
 */
export function requireApprovals(
  before: TaskRecord,
  people: readonly Nominee[],
  request: Request,
  { caller, now, mint }: Turn,
): Transition {
  let task = before;
  const opened: Request[] = [];
  for (const person of people) {
    const policy_id = `additional:${person.id}`;
    if (task.requirements.some((one) => one.policy_id === policy_id)) continue;
    const answered = task.decisions.some((one) => one.action === "approve" && one.reviewer_id === person.id);
    task = { ...task, requirements: [...task.requirements, requirementFor(person, policy_id, answered, caller)] };
    if (answered) continue;
    const due_at = timestamp(now + request.timeout_seconds * 1000);
    const own = openRequestsOf(task).find((one) => one.reviewer_id === person.id && one.on_behalf_of === undefined);
    if (own !== undefined) {
      const earlier = own.due_at < due_at ? own.due_at : due_at;
      task = withRequests(task, { ...own, policy_ids: [...own.policy_ids, policy_id], due_at: earlier });
      continue;
    }
    const asked: Request = {
      id: mint(),
      task_id: task.id,
      reviewer_id: person.id,
      reviewer_name: person.name,
      revision: task.revision,
      status: "PENDING",
      priority: request.priority,
      due_at,
      escalation_level: 0,
      created_at: timestamp(now),
      policy_ids: [policy_id],
      timeout_seconds: request.timeout_seconds,
    };
    opened.push(asked);
    task = withRequests(task, asked);
  }
  const happenings = opened.map((one) => requested(one, { required_by: caller.who.id }));
  return { task, happenings, effects: tellInboxes(before, task) };
}

/** The id is no slug, so it is no policy's. */
function requirementFor({ id, name }: Nominee, policy_id: string, answered: boolean, caller: Caller): Requirement {
  return {
    policy_id,
    policy_name: `Approval of ${name}, required by ${caller.name}`,
    min_approvers: 1,
    required_roles: [],
    required_reviewers: [id],
    approved_by: answered ? [id] : [],
    satisfied: answered,
  };
}
