/** Preview, risk and reviewers of a config as things stand: what create, edit, submit, dry runs and simulations share. Pure. */

import type { Result } from "../actor/result.ts";
import {
  type Assignment,
  type AssignmentInput,
  type AssignmentOutlook,
  assign,
  foresee,
  type Reviewer,
} from "../approvals/assignment.ts";
import { type AutoApproval, autoApproval } from "../approvals/auto-approval.ts";
import { liftedByBacklog } from "../approvals/backlog.ts";
import type { ReviewerPolicy } from "../approvals/contract.ts";
import { delegationsInForce } from "../approvals/delegation.ts";
import type { DelegationPolicy } from "../approvals/delegation-contract.ts";
import { matchingPolicies } from "../approvals/policy-match.ts";
import type { Preview, Risk, TaskConfig } from "./contract.ts";
import { computePreview, type PreviewFacts } from "./preview.ts";
import { assessRisk } from "./risk.ts";

/** What is known of the world when a task is looked at: from D1 and from the resources' actors. */
export interface Facts {
  readonly preview: PreviewFacts;
  readonly criticality: Readonly<Record<string, number>>;
  readonly history: { readonly failed: number; readonly total: number };
  readonly policies: readonly ReviewerPolicy[];
  /** every active user who could be asked */
  readonly reviewers: readonly Reviewer[];
  /** The active ones; whether they hold for a task is for assignment to say. */
  readonly delegations: readonly DelegationPolicy[];
  readonly author_roles: readonly string[];
  readonly author_id: string;
  /** pending requests in one inbox above which it has a backlog (var `APPROVAL_BACKLOG`) */
  readonly backlog_limit: number;
}

export interface Assessment {
  readonly preview: Preview;
  readonly risk: Risk;
  readonly matched: readonly ReviewerPolicy[];
  readonly auto: AutoApproval;
}

/** What a config would do, how risky that is, which policies it meets, and whether they let it pass by itself. `now` in ms. */
export function assess(config: TaskConfig, facts: Facts, now: number): Assessment {
  const preview = computePreview(config, facts.preview);
  const risk = assessRisk(config, {
    criticality: facts.criticality,
    affected_services: preview.affected_services.length,
    history: facts.history,
  });
  const subject = { task_type: config.type, resources: config.resources, score: risk.score };
  const matched = matchingPolicies(facts.policies, subject, now);
  const auto = autoApproval(matched, {
    score: risk.score,
    author_roles: facts.author_roles,
    resources: config.resources,
    lifted: liftedByBacklog(matched, {
      level: risk.level,
      reviewers: facts.reviewers,
      authorId: facts.author_id,
      limit: facts.backlog_limit,
    }),
  });
  return { preview, risk: { ...risk, auto_approvable: auto.approvable }, matched, auto };
}

/** What has to be known of a task to pick its reviewers. */
export interface Assignable {
  readonly config: TaskConfig;
  readonly tags: readonly string[];
  readonly authors: readonly string[];
  readonly requested_reviewers: readonly string[];
}

/** Who has to decide, or why nobody can; `now` in ms. */
export function assignReviewers(
  assessment: Assessment,
  facts: Facts,
  task: Assignable,
  now: number,
): Result<Assignment> {
  return assign(assignmentOf(assessment, facts, task, now));
}

/** As {@link assignReviewers}, with what stands in the way beside what there is. */
export function foreseeReviewers(
  assessment: Assessment,
  facts: Facts,
  task: Assignable,
  now: number,
): Result<AssignmentOutlook> {
  return foresee(assignmentOf(assessment, facts, task, now));
}

function assignmentOf(
  { matched, risk }: Assessment,
  { reviewers, delegations }: Facts,
  { config, tags, authors, requested_reviewers }: Assignable,
  now: number,
): AssignmentInput {
  const subject = { task_type: config.type, resources: config.resources, tags, score: risk.score };
  return {
    policies: matched,
    risk_level: risk.level,
    reviewers,
    authors,
    requested_reviewers,
    delegations: delegationsInForce(delegations, subject, now),
  };
}
