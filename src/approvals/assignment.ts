import { type Failure, fail, ok, type Result } from "../actor/result.ts";
import type { RiskLevel } from "../tasks/contract.ts";
import { byId } from "./by-id.ts";
import type { Requirement, ReviewerPolicy } from "./contract.ts";
import { type Delegations, type Passage, passageOf, type SkippedLink } from "./delegation.ts";
import { type AnsweredRequest, isCandidate, type Person } from "./qualification.ts";
import { canBeMet } from "./quorum.ts";

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
  /** Those in force. */
  readonly delegations: Delegations;
}

/** One reviewer's part: its policies in id order, due after the shortest of their timeouts. */
export interface AskedReviewer {
  readonly reviewer: Reviewer;
  readonly policy_ids: readonly string[];
  readonly timeout_seconds: number;
  /** Who is asked in the reviewer's stead, past the people of `via`. */
  readonly delegated?: { readonly to: Reviewer; readonly via: readonly string[] };
  /** Whose approval meets this part too. */
  readonly follows?: readonly string[];
  /** Delegations that were not taken. */
  readonly skipped?: readonly SkippedLink[];
}

export interface Assignment {
  readonly requirements: Requirement[];
  readonly asked: AskedReviewer[];
}

/** An assignment as far as it gets: with what stands in its way, one failure for each requirement that cannot be met. */
export interface AssignmentOutlook extends Assignment {
  readonly shortages: readonly Failure[];
}

/** More people than this are asked for one policy only if they are named. */
export const MAX_ASKED = 10;

/** The part of a policy that becomes a requirement. */
type Demand = Pick<
  ReviewerPolicy,
  "id" | "name" | "min_approvers" | "required_roles" | "required_reviewers" | "approval_timeout_seconds"
>;

/** Whose part is wanted for one demand. */
interface Seating {
  readonly demand: Demand;
  readonly people: readonly Reviewer[];
}

type PassageOf = (owner: Reviewer) => Passage;

/**
 * Turns the matching policies into requirements, picks whom to ask and follows their delegations, the snapshot taken at
 * submit (03-tasks-and-approvals, "Assignment" 1 and 3 to 5). The result does not depend on the order of policies and people.
 *
 * Errors: `REVIEWER_NOT_ELIGIBLE` when a requested reviewer could not decide here, details `reviewers[] { id, why }`;
 * `NOT_ENOUGH_REVIEWERS` when a requirement cannot be met by distinct people, details `policy_id, policy_name, needed,
 * available, missing_reviewers[] { id, why }, delegated[]? { from, to }`.
 */
export function assign(input: AssignmentInput): Result<Assignment> {
  const outlook = foresee(input);
  if (!outlook.ok) return outlook;
  const { shortages, ...assignment } = outlook.value;
  const [short] = shortages;
  return short === undefined ? ok(assignment) : { ok: false, error: short };
}

/** As {@link assign}, but requirements that cannot be met are told beside what there is. Error: `REVIEWER_NOT_ELIGIBLE`. */
export function foresee(input: AssignmentInput): Result<AssignmentOutlook> {
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
  const passages = new Map<string, Passage>();
  const passage = ({ id }: Reviewer): Passage => {
    const known = passages.get(id) ?? passageOf(id, input.delegations, (other) => whyBarred(other, input));
    passages.set(id, known);
    return known;
  };
  const seatings = demands.map((demand) => seat(demand, people, input.requested_reviewers, passage));
  const asked = askedIn(seatings, people, passage);
  const requirements = demands.map(requirementOf);
  const parts = asked.map(partOf);
  const shortages = requirements
    .filter((requirement) => !canBeMet(requirement, parts))
    .map((requirement) => shortageOf(requirement, asked, input));
  return ok({ requirements, asked, shortages });
}

/** The request that an asked reviewer's part leads to. */
export function partOf({ reviewer, policy_ids, delegated }: AskedReviewer): AnsweredRequest {
  if (delegated === undefined) return { reviewer_id: reviewer.id, policy_ids };
  return { reviewer_id: delegated.to.id, policy_ids, on_behalf_of: reviewer.id };
}

function demandsOf(policies: readonly ReviewerPolicy[], risk_level: RiskLevel): Demand[] {
  return policies.length === 0 ? [builtIn(risk_level)] : [...policies].sort(byId);
}

/** The id of what is demanded when no policy matches: no policy may have it. */
export const BUILT_IN_POLICY = "builtin";

/** What is demanded when no policy matches; no match never means auto-approval. */
function builtIn(risk_level: RiskLevel): Demand {
  return {
    id: BUILT_IN_POLICY,
    name: "Built-in",
    min_approvers: risk_level === "LOW" || risk_level === "MEDIUM" ? 1 : 2,
    required_roles: [],
    required_reviewers: [],
    approval_timeout_seconds: 172_800,
  };
}

/**
 * Those who are named, always; then whoever has the fewest pending, up to ten in all. Where delegations end at too few people,
 * further candidates make up for it.
 */
function seat(demand: Demand, people: readonly Reviewer[], requested: readonly string[], passage: PassageOf): Seating {
  const candidates = people.filter((person) => isCandidate(demand, person));
  const isNamed = ({ id }: Reviewer) => demand.required_reviewers.includes(id) || requested.includes(id);
  const named = candidates.filter(isNamed);
  const others = candidates.filter((person) => !isNamed(person));
  const room = Math.max(0, MAX_ASKED - named.length);
  const seated = [...named, ...others.slice(0, room)];
  const holders = new Set(seated.map((person) => passage(person).to));
  for (const person of others.slice(room)) {
    if (holders.size >= demand.min_approvers) break;
    const { to } = passage(person);
    if (!holders.has(to)) seated.push(person);
    holders.add(to);
  }
  return { demand, people: seated };
}

function shortageOf(
  { policy_id, policy_name, min_approvers, required_reviewers }: Requirement,
  asked: readonly AskedReviewer[],
  input: AssignmentInput,
): Failure {
  const needed = Math.max(min_approvers, required_reviewers.length);
  const serving = asked.filter(({ policy_ids }) => policy_ids.includes(policy_id));
  const available = new Set(serving.map((one) => partOf(one).reviewer_id)).size;
  const missing_reviewers = required_reviewers
    .map((id) => ({ id, why: whyBarred(id, input) }))
    .filter(({ why }) => why !== undefined);
  const delegated = serving.flatMap((one) =>
    one.delegated === undefined ? [] : [{ from: one.reviewer.id, to: one.delegated.to.id }],
  );
  const absent = missing_reviewers.map(({ id, why }) => `; required reviewer ${id} ${why}`).join("");
  const passed = delegated.map(({ from, to }) => `; ${from} delegates to ${to}`).join("");
  const message = `Policy ${policy_id} cannot be met: ${needed} needed, ${available} available${absent}${passed}.`;
  const details = {
    policy_id,
    policy_name,
    needed,
    available,
    missing_reviewers,
    ...(delegated.length > 0 && { delegated }),
  };
  return fail("NOT_ENOUGH_REVIEWERS", message, details).error;
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

function askedIn(seatings: readonly Seating[], people: readonly Reviewer[], passage: PassageOf): AskedReviewer[] {
  return people.flatMap((reviewer) => {
    const served = seatings.filter((seating) => seating.people.includes(reviewer)).map(({ demand }) => demand);
    if (served.length === 0) return [];
    const timeout_seconds = Math.min(...served.map((demand) => demand.approval_timeout_seconds));
    const { to: holder, via, follows, skipped } = passage(reviewer);
    const to = holder === reviewer.id ? undefined : people.find(({ id }) => id === holder);
    return [
      {
        reviewer,
        policy_ids: served.map(({ id }) => id),
        timeout_seconds,
        ...(to !== undefined && { delegated: { to, via } }),
        ...(follows.length > 0 && { follows }),
        ...(skipped.length > 0 && { skipped }),
      },
    ];
  });
}

/** Why somebody is not among those who may be asked, or undefined if they are. */
function whyBarred(id: string, { authors, reviewers }: AssignmentInput): string | undefined {
  if (authors.includes(id)) return "wrote, filed or edited this change";
  return reviewers.some((person) => person.id === id) ? undefined : "is not an active user";
}

/** Why a requested reviewer could not decide on any of the demands, or undefined if they could. */
function whyNotEligible(id: string, demands: readonly Demand[], input: AssignmentInput): string | undefined {
  const person = input.reviewers.find((reviewer) => reviewer.id === id);
  const barred = whyBarred(id, input);
  if (barred !== undefined || person === undefined) return barred;
  if (demands.some((demand) => isCandidate(demand, person))) return undefined;
  if (!person.roles.includes("reviewer")) return "does not have the role reviewer";
  const asking = demands.map((demand) => `${demand.id} (${demand.required_roles.join(" or ")})`).join(", ");
  return `holds none of the roles asked for by ${asking}`;
}

function fewestPendingFirst(a: Reviewer, b: Reviewer): number {
  return a.pending - b.pending || byId(a, b);
}
