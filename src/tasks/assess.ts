/** Preview, risk and reviewers of a config as things stand: what create, edit, submit, dry runs and simulations share. Pure. */

import type { Result } from "../actor/result.ts";
import { type Assignment, assign, type Reviewer } from "../approvals/assignment.ts";
import { type AutoApproval, autoApproval } from "../approvals/auto-approval.ts";
import { liftedByBacklog } from "../approvals/backlog.ts";
import type { ReviewerPolicy } from "../approvals/contract.ts";
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

/** Who has to decide, or why nobody can. */
export function assignReviewers(
  assessment: Assessment,
  facts: Facts,
  authors: readonly string[],
  requested: readonly string[],
): Result<Assignment> {
  return assign({
    policies: assessment.matched,
    risk_level: assessment.risk.level,
    reviewers: facts.reviewers,
    authors,
    requested_reviewers: requested,
  });
}
