import type { ResourceRef } from "../tasks/contract.ts";
import { matchesResource, resourceKey } from "../tasks/resource-key.ts";
import { byId } from "./by-id.ts";
import type { ReviewerPolicy } from "./contract.ts";

/** What auto-approval looks at: the risk score (0–100), the roles of the author, what the task touches. */
export interface AutoApprovalSubject {
  readonly score: number;
  readonly author_roles: readonly string[];
  readonly resources: readonly ResourceRef[];
  /** Ids of the policies whose demand a backlog lifts (backlog.ts). */
  readonly lifted?: readonly string[];
}

/** `reasons`: every condition that held when approvable, else every one that stands in the way, as sentences for people. */
export interface AutoApproval {
  readonly approvable: boolean;
  readonly reasons: string[];
}

interface Check {
  readonly holds: boolean;
  readonly reason: string;
}

const LIFTED: Check = { holds: true, reason: "the risk is LOW, and all its reviewers have a backlog" };

/**
 * Whether a task needs no person: at least one policy matched, and every matched one has `auto_approve_if` with all the
 * conditions it gives true (03-tasks-and-approvals, "Assignment" 2), or is lifted by a backlog ("Backlog"). Fails closed: an `auto_approve_if` without conditions,
 * and a condition with an empty list, approve nothing.
 */
export function autoApproval(matched: readonly ReviewerPolicy[], subject: AutoApprovalSubject): AutoApproval {
  if (matched.length === 0) return { approvable: false, reasons: ["no policy matched"] };
  const checks = [...matched].sort(byId).flatMap((policy) => checksOf(policy, subject));
  const approvable = checks.every(({ holds }) => holds);
  return { approvable, reasons: checks.filter(({ holds }) => holds === approvable).map(({ reason }) => reason) };
}

function checksOf(policy: ReviewerPolicy, subject: AutoApprovalSubject): Check[] {
  const lifted = subject.lifted?.includes(policy.id) === true;
  const checks = lifted ? [LIFTED] : conditionsOf(policy.auto_approve_if, subject);
  return checks.map(({ holds, reason }) => ({ holds, reason: `policy ${policy.id}: ${reason}` }));
}

function conditionsOf(conditions: ReviewerPolicy["auto_approve_if"], subject: AutoApprovalSubject): Check[] {
  if (conditions === undefined) return [{ holds: false, reason: "has no auto-approval" }];
  const { risk_below, author_has_role, resources_in_scope } = conditions;
  const checks: Check[] = [];
  if (risk_below !== undefined) checks.push(riskIsBelow(risk_below, subject.score));
  if (author_has_role !== undefined) checks.push(authorHasRole(author_has_role, subject.author_roles));
  if (resources_in_scope !== undefined) checks.push(allInScope(resources_in_scope, subject.resources));
  return checks.length > 0 ? checks : [{ holds: false, reason: "its auto-approval gives no condition" }];
}

function riskIsBelow(limit: number, score: number): Check {
  const holds = score < limit;
  return { holds, reason: `risk ${score} is ${holds ? "below" : "not below"} ${limit}` };
}

function authorHasRole(wanted: readonly string[], held: readonly string[]): Check {
  if (wanted.length === 0) return { holds: false, reason: "no author role is named that would do" };
  const role = wanted.find((name) => held.includes(name));
  if (role !== undefined) return { holds: true, reason: `author has role ${role}` };
  return { holds: false, reason: `author has none of the roles ${wanted.join(", ")}` };
}

function allInScope(scope: readonly string[], resources: readonly ResourceRef[]): Check {
  if (resources.length === 0) return { holds: false, reason: "there is no resource to be in scope" };
  const outside = resources.filter(({ type, namespace, id }) => {
    // Without the name: authors choose it freely, and could name a resource into the scope.
    return !scope.some((pattern) => matchesResource(pattern, { type, namespace, id }));
  });
  if (outside.length === 0) return { holds: true, reason: "every resource is in scope" };
  return { holds: false, reason: `out of scope: ${outside.map(resourceKey).join(", ")}` };
}
