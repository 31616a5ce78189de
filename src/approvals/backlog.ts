/** What an overfull inbox changes (03, "Backlog"). Pure. */
import type { RiskLevel } from "../tasks/contract.ts";
import type { Reviewer } from "./assignment.ts";
import { type ApprovalPriority, ApprovalPriority as Priorities, type ReviewerPolicy } from "./contract.ts";
import { isCandidate } from "./qualification.ts";

/** Whether more than `limit` requests (var `APPROVAL_BACKLOG`) wait for somebody. */
export function isBacklogged({ pending }: Pick<Reviewer, "pending">, limit: number): boolean {
  return pending > limit;
}

/** One step up; URGENT stays. */
export function raised(priority: ApprovalPriority): ApprovalPriority {
  return Priorities.options[Priorities.options.indexOf(priority) + 1] ?? priority;
}

/**
 * The ids of the policies whose demand a backlog lifts: the risk is LOW, the policy says `auto_approve_on_backlog`, and
 * everybody who could be asked for it has an overfull inbox. `authorId` could not be asked.
 */
export function liftedByBacklog(
  policies: readonly ReviewerPolicy[],
  { level, reviewers, authorId, limit }: BacklogSubject,
): string[] {
  if (level !== "LOW") return [];
  return policies
    .filter((policy) => {
      const candidates = reviewers.filter((person) => person.id !== authorId && isCandidate(policy, person));
      const full = candidates.length > 0 && candidates.every((person) => isBacklogged(person, limit));
      return policy.auto_approve_on_backlog && full;
    })
    .map(({ id }) => id);
}

export interface BacklogSubject {
  readonly level: RiskLevel;
  readonly reviewers: readonly Reviewer[];
  readonly authorId: string;
  readonly limit: number;
}
