import type { ResourceRef } from "../tasks/contract.ts";
import type { Requirement, ReviewerPolicy } from "./contract.ts";

/** A policy that matches everything and asks for one reviewer, for tests. */
export function policy(id: string, given: Partial<ReviewerPolicy> = {}): ReviewerPolicy {
  return {
    id,
    name: `The ${id} policy`,
    task_types: [],
    resource_patterns: [],
    min_approvers: 1,
    required_roles: [],
    required_reviewers: [],
    risk_threshold: 0,
    approval_timeout_seconds: 172_800,
    auto_approve_on_backlog: false,
    enabled: true,
    created_at: "2026-11-20T00:00:00.000Z",
    updated_at: "2026-11-20T00:00:00.000Z",
    ...given,
  };
}

/** An open requirement for one reviewer, for tests. */
export function requirement(policy_id: string, given: Partial<Requirement> = {}): Requirement {
  return {
    policy_id,
    policy_name: `The ${policy_id} policy`,
    min_approvers: 1,
    required_roles: [],
    required_reviewers: [],
    approved_by: [],
    satisfied: false,
    ...given,
  };
}

/** A database in namespace prod, for tests. */
export function database(id: string, given: Partial<ResourceRef> = {}): ResourceRef {
  return { type: "database", id, scope: "namespace", namespace: "prod", actions: ["write"], ...given };
}
