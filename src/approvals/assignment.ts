import { fail, ok, type Result } from "../actor/result.ts";
import type { RiskLevel } from "../tasks/contract.ts";
import { byId } from "./by-id.ts";
import type { Requirement, ReviewerPolicy } from "./contract.ts";
import { isCandidate, type Person } from "./qualification.ts";

/** An active user, with the number of approval requests waiting in their inbox. */
export interface Reviewer extends Person {
  readonly name: string;
  readonly pending: number;
}

export interface AssignmentInput {
  /** The policies that matched, in any order. */
  readonly policies: readonly ReviewerPolicy[];
  readonly risk_level: RiskLevel;
  /** Every active user, in any order. */
  readonly reviewers: readonly Reviewer[];
  /** Ids that may not decide: the author, an admin who filed for them, everyone who edited. */
  readonly authors: readonly string[];
  readonly requested_reviewers: readonly string[];
}

/** One approval request to open: its policies in id order, due after the shortest of their timeouts. */
export interface AskedReviewer {
  readonly reviewer: Reviewer;
  readonly policy_ids: readonly string[];
  readonly timeout_seconds: number;
}

export interface Assignment {
  readonly requirements: Requirement[];
  readonly asked: AskedReviewer[];
}

/** More people than this are asked for one policy only if they are named. */
export const MAX_ASKED = 10;

/** The part of a policy that becomes a requirement. */
type Demand = Pick<
  ReviewerPolicy,
  "id" | "name" | "min_approvers" | "required_roles" | "required_reviewers" | "approval_timeout_seconds"
>;

/** Who is asked for one demand. */
interface Seating {
  readonly demand: Demand;
  readonly people: readonly Reviewer[];
}

/**
 * Turns the matching policies into requirements and picks whom to ask, the snapshot taken at submit (03-tasks-and-approvals,
 * "Assignment" 1, 3 and 5). The result does not depend on the order of the input.
 *
 * Errors: `REVIEWER_NOT_ELIGIBLE` when a requested reviewer could not decide here, details `reviewers[] { id, why }`;
 * `NOT_ENOUGH_REVIEWERS` when a requirement cannot be met by distinct people, details `policy_id, policy_name, needed,
 * available, missing_reviewers[] { id, why }`.
 */
export function assign(input: AssignmentInput): Result<Assignment> {
  const demands = demandsOf(input.policies, input.risk_level);
  const refused = [...new Set(input.requested_reviewers)]
    .map((id) => ({ id, why: whyNotEligible(id, demands, input) }))
    .filter(({ why }) => why !== undefined);
  if (refused.length > 0) {
    const reasons = refused.map(({ id, why }) => `${id} ${why}`).join("; ");
    return fail("REVIEWER_NOT_ELIGIBLE", `Some requested reviewers may not decide on this task: ${reasons}.`, {
      reviewers: refused,
    });
  }

  const people = input.reviewers.filter(({ id }) => !input.authors.includes(id)).sort(fewestPendingFirst);
  const seatings = demands.map((demand) => seat(demand, people, input.requested_reviewers));

  const short = seatings.find(cannotBeMet);
  if (short !== undefined) return notEnough(short, people, input);
  return ok({ requirements: demands.map(requirementOf), asked: askedIn(seatings, people) });
}

function demandsOf(policies: readonly ReviewerPolicy[], risk_level: RiskLevel): Demand[] {
  return policies.length === 0 ? [builtIn(risk_level)] : [...policies].sort(byId);
}

/** What is demanded when no policy matches; no match never means auto-approval. */
function builtIn(risk_level: RiskLevel): Demand {
  return {
    id: "builtin",
    name: "Built-in",
    min_approvers: risk_level === "LOW" || risk_level === "MEDIUM" ? 1 : 2,
    required_roles: [],
    required_reviewers: [],
    approval_timeout_seconds: 172_800,
  };
}

/** Those who are named, always; then whoever has the fewest pending, up to ten in all. */
function seat(demand: Demand, people: readonly Reviewer[], requested: readonly string[]): Seating {
  const candidates = people.filter((person) => isCandidate(demand, person));
  const isNamed = ({ id }: Reviewer) => demand.required_reviewers.includes(id) || requested.includes(id);
  const named = candidates.filter(isNamed);
  const others = candidates.filter((person) => !isNamed(person));
  return { demand, people: [...named, ...others.slice(0, Math.max(0, MAX_ASKED - named.length))] };
}

/** Distinct people are needed within one demand only: one approval counts toward every requirement its person qualifies for. */
function cannotBeMet({ demand, people }: Seating): boolean {
  return (
    people.length < demand.min_approvers || demand.required_reviewers.some((id) => people.every((one) => one.id !== id))
  );
}

function notEnough({ demand }: Seating, people: readonly Reviewer[], input: AssignmentInput) {
  const required = [...new Set(demand.required_reviewers)];
  const needed = Math.max(demand.min_approvers, required.length);
  const available = people.filter((person) => isCandidate(demand, person)).length;
  const missing_reviewers = required
    .filter((id) => people.every((person) => person.id !== id))
    .map((id) => ({ id, why: whyAbsent(id, input) }));
  const absent = missing_reviewers.map(({ id, why }) => `; required reviewer ${id} ${why}`).join("");
  return fail(
    "NOT_ENOUGH_REVIEWERS",
    `Policy ${demand.id} cannot be met: ${needed} needed, ${available} available${absent}.`,
    { policy_id: demand.id, policy_name: demand.name, needed, available, missing_reviewers },
  );
}

function requirementOf(demand: Demand): Requirement {
  return {
    policy_id: demand.id,
    policy_name: demand.name,
    min_approvers: demand.min_approvers,
    required_roles: [...demand.required_roles],
    required_reviewers: [...new Set(demand.required_reviewers)],
    approved_by: [],
    satisfied: false,
  };
}

function askedIn(seatings: readonly Seating[], people: readonly Reviewer[]): AskedReviewer[] {
  return people.flatMap((reviewer) => {
    const served = seatings.filter((seating) => seating.people.includes(reviewer)).map(({ demand }) => demand);
    if (served.length === 0) return [];
    const timeout_seconds = Math.min(...served.map((demand) => demand.approval_timeout_seconds));
    return [{ reviewer, policy_ids: served.map(({ id }) => id), timeout_seconds }];
  });
}

function whyAbsent(id: string, { authors }: AssignmentInput): string {
  return authors.includes(id) ? "wrote, filed or edited this change" : "is not an active user";
}

/** Why a requested reviewer could not decide on any of the demands, or undefined if they could. */
function whyNotEligible(id: string, demands: readonly Demand[], input: AssignmentInput): string | undefined {
  const person = input.reviewers.find((reviewer) => reviewer.id === id);
  if (person === undefined || input.authors.includes(id)) return whyAbsent(id, input);
  if (demands.some((demand) => isCandidate(demand, person))) return undefined;
  if (!person.roles.includes("reviewer")) return "does not have the role reviewer";
  const asking = demands.map((demand) => `${demand.id} (${demand.required_roles.join(" or ")})`).join(", ");
  return `holds none of the roles asked for by ${asking}`;
}

function fewestPendingFirst(a: Reviewer, b: Reviewer): number {
  return a.pending - b.pending || byId(a, b);
}
