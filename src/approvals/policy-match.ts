import { matches } from "../pattern.ts";
import type { ResourceRef } from "../tasks/contract.ts";
import { matchesResource } from "../tasks/resource-key.ts";
import { isActive } from "./active-hours.ts";
import { byId } from "./by-id.ts";
import type { ReviewerPolicy } from "./contract.ts";

/** What a policy looks at: `score` is the risk score, 0–100. */
export interface PolicySubject {
  readonly task_type: string;
  readonly resources: readonly ResourceRef[];
  readonly score: number;
}

/**
 * The policies that apply to a task at `now` (ms since epoch), ordered by id: enabled, inside their active hours, task type
 * and some resource matching (no patterns = all), score at or above the threshold (03-tasks-and-approvals, "Reviewer policies").
 */
export function matchingPolicies(
  policies: readonly ReviewerPolicy[],
  subject: PolicySubject,
  now: number,
): ReviewerPolicy[] {
  return policies.filter((policy) => applies(policy, subject, now)).sort(byId);
}

function applies(policy: ReviewerPolicy, { task_type, resources, score }: PolicySubject, now: number): boolean {
  const { task_types, resource_patterns } = policy;
  return (
    policy.enabled &&
    score >= policy.risk_threshold &&
    (task_types.length === 0 || task_types.some((pattern) => matches(pattern, task_type))) &&
    (resource_patterns.length === 0 ||
      resources.some((resource) => resource_patterns.some((pattern) => matchesResource(pattern, resource)))) &&
    (policy.active_hours === undefined || isActive(policy.active_hours, now))
  );
}
