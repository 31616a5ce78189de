import type { Requirement } from "./contract.ts";

/** Somebody with the roles they hold at the moment of asking. */
export interface Person {
  readonly id: string;
  readonly roles: readonly string[];
}

/**
 * The approval request being answered. With `on_behalf_of` it came from that person by delegation or escalation and carries
 * their eligibility for the policies it serves.
 */
export interface AnsweredRequest {
  readonly reviewer_id: string;
  readonly policy_ids: readonly string[];
  readonly on_behalf_of?: string | undefined;
  /** policies that name the person whose part it is: they count there also after somebody else has filled their seat */
  readonly named_by?: readonly string[] | undefined;
}

/** A request whose reviewer lets an approval by any of `follows` meet their own part too. */
export interface FollowingRequest extends AnsweredRequest {
  readonly follows?: readonly string[] | undefined;
}

/** Whether somebody's roles fit a requirement: role `reviewer`, and any of `required_roles` if there are some. */
function qualifiesByRole(requirement: Pick<Requirement, "required_roles">, { roles }: Person): boolean {
  const { required_roles } = requirement;
  return (
    roles.includes("reviewer") && (required_roles.length === 0 || required_roles.some((role) => roles.includes(role)))
  );
}

/**
 * Whether somebody may answer in a reviewer's stead under their own roles. An admin needs no role `reviewer` for that (02: the
 * admin column approves and rejects), but must hold one of `required_roles` where there are some.
 */
function qualifiesForOthers(requirement: Pick<Requirement, "required_roles">, person: Person): boolean {
  if (!person.roles.includes("admin")) return qualifiesByRole(requirement, person);
  return qualifiesByRole(requirement, { ...person, roles: [...person.roles, "reviewer"] });
}

/** Whether somebody can be asked for a requirement: by role, or named in `required_reviewers`, for which no role is needed. */
export function isCandidate(
  requirement: Pick<Requirement, "required_roles" | "required_reviewers">,
  person: Person,
): boolean {
  return requirement.required_reviewers.includes(person.id) || qualifiesByRole(requirement, person);
}

/**
 * Whether `person`, by approving `request`, counts toward a requirement (03-tasks-and-approvals, "Assignment" and "Approval
 * requests"): always by their own roles; by being named or by carried eligibility only on a request of their own, so an admin
 * who answers for somebody else never takes a required reviewer's place.
 */
export function countsToward(requirement: Requirement, person: Person, request: AnsweredRequest): boolean {
  if (request.reviewer_id !== person.id) return qualifiesForOthers(requirement, person);
  const named = request.named_by?.includes(requirement.policy_id) === true;
  return named || isCandidate(requirement, person) || carriesEligibility(requirement, request);
}

/** Whether the request brings the eligibility of the person it came from to this requirement. */
export function carriesEligibility(requirement: Requirement, request: AnsweredRequest): boolean {
  return request.on_behalf_of !== undefined && request.policy_ids.includes(requirement.policy_id);
}
