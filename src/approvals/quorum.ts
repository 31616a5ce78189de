import type { Requirement } from "./contract.ts";
import {
  type AnsweredRequest,
  carriesEligibility,
  countsToward,
  type FollowingRequest,
  type Person,
} from "./qualification.ts";

/**
 * The requirements after `person`, with the roles held now, approved `request`: they are added to `approved_by` wherever they
 * count, and `satisfied` follows (03-tasks-and-approvals, "Assignment"). People are counted, not requests: counting somebody
 * twice changes nothing. Whether they may decide at all is for `mayDecide` to say beforehand.
 */
export function countApproval(
  requirements: readonly Requirement[],
  person: Person,
  request: AnsweredRequest,
): Requirement[] {
  return requirements.map((requirement) =>
    countsToward(requirement, person, request) ? withApproval(requirement, person.id, request) : requirement,
  );
}

function withApproval(requirement: Requirement, approver: string, request: AnsweredRequest): Requirement {
  const approved_by = [...new Set([...requirement.approved_by, approver])];
  const required_reviewers = requirement.required_reviewers.map((id) =>
    // A stand-in fills the part of the person they were asked for, so the seat is theirs from now on.
    request.reviewer_id === approver && id === request.on_behalf_of && carriesEligibility(requirement, request)
      ? approver
      : id,
  );
  return settled({ ...requirement, approved_by, required_reviewers: [...new Set(required_reviewers)] });
}

/**
 * The requirements after what `person` approved met the part of those who follow them as well: "if my manager approves, I do"
 * (03-tasks-and-approvals, "Delegation policy"). Role need and seat of the follower are met; the person is still one person.
 */
export function countFollowers(
  requirements: readonly Requirement[],
  person: Person,
  open: readonly FollowingRequest[],
): readonly Requirement[] {
  return open
    .filter(({ follows }) => follows?.includes(person.id))
    .reduce<readonly Requirement[]>(
      (now, { reviewer_id, policy_ids, on_behalf_of = reviewer_id }) =>
        countApproval(now, person, { reviewer_id: person.id, policy_ids, on_behalf_of }),
      requirements,
    );
}

/** Whether a requirement would be satisfied if everybody approved who is asked for it, each with the eligibility they had then. */
export function canBeMet(requirement: Requirement, open: readonly AnsweredRequest[]): boolean {
  return open
    .filter(({ policy_ids }) => policy_ids.includes(requirement.policy_id))
    .reduce((now, request) => withApproval(now, request.reviewer_id, request), settled(requirement)).satisfied;
}

/** Whether some requirement could be met by `others` only together with an approval of `request`. */
export function isNeeded(
  request: AnsweredRequest,
  requirements: readonly Requirement[],
  others: readonly AnsweredRequest[],
): boolean {
  return requirements.some((one) => !canBeMet(one, others) && canBeMet(one, [...others, request]));
}

/** Satisfied: enough distinct approvers, every required reviewer among them. */
function settled(requirement: Requirement): Requirement {
  const { approved_by, min_approvers, required_reviewers } = requirement;
  const satisfied =
    new Set(approved_by).size >= min_approvers && required_reviewers.every((id) => approved_by.includes(id));
  return { ...requirement, satisfied };
}

/** Whether every requirement is satisfied. Without requirements there is no quorum: auto-approval is decided elsewhere. */
export function quorumReached(requirements: readonly Requirement[]): boolean {
  return requirements.length > 0 && requirements.every(({ satisfied }) => satisfied);
}

/** `required_approvals` of a task, for information: the largest `min_approvers`; 1 before submit, when there are none yet. */
export function requiredApprovals(requirements: readonly Requirement[]): number {
  return Math.max(1, ...requirements.map(({ min_approvers }) => min_approvers));
}

/** `current_approvals` of a task, for information: the distinct people who approved. */
export function currentApprovals(requirements: readonly Requirement[]): number {
  return new Set(requirements.flatMap(({ approved_by }) => approved_by)).size;
}
