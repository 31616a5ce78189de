import type { Who } from "../actor/caller.ts";
import { fail, ok, type Result } from "../actor/result.ts";
import type { ApprovalStatus, Requirement } from "./contract.ts";
import { type AnsweredRequest, countsToward } from "./qualification.ts";

/** Somebody about to answer an approval request. */
export interface DecisionAttempt {
  readonly who: Pick<Who, "id" | "kind" | "roles">;
  readonly action: "approve" | "reject" | "request_changes" | "delegate";
  readonly request: AnsweredRequest;
  /** Ids that may not decide: the author, an admin who filed for them, everyone who edited. */
  readonly authors: readonly string[];
  readonly requirements: readonly Requirement[];
}

/** By what right somebody answers: the request is theirs, or they are an admin answering as themselves. */
export type Capacity = "assigned" | "admin";

/** `eligibility` of GET /approvals/:id. */
export interface Eligibility {
  readonly can_decide: boolean;
  readonly why_not?: string;
}

/**
 * Whether a person may answer an approval request (02-http-and-auth, "Roles and permissions"; 03-tasks-and-approvals, "Approval
 * requests"). Asks nothing about the request's status or revision.
 *
 * Errors: `SELF_APPROVAL`, before any other right, for whoever wrote or edited the change; `FORBIDDEN` for root, for agents,
 * for whoever is neither assigned nor admin, for an admin whose own roles qualify for no requirement, and for an assigned
 * reviewer who would approve without qualifying any more (they may still reject, request changes or delegate).
 */
export function mayDecide({ who, action, request, authors, requirements }: DecisionAttempt): Result<Capacity> {
  if (authors.includes(who.id)) {
    return fail("SELF_APPROVAL", "You wrote, filed or edited this change: somebody else has to decide on it.");
  }
  if (who.id === "root") return forbidden("The root token never decides on an approval: use a person's token.");
  if (who.kind !== "user") return forbidden(`Only people decide on approvals, and ${who.id} is not a person.`);

  const assigned = request.reviewer_id === who.id;
  if (!assigned && !who.roles.includes("admin")) {
    return forbidden(`This request is for ${request.reviewer_id}: only they or an admin may answer it.`);
  }
  const capacity = assigned ? "assigned" : "admin";
  if (requirements.some((requirement) => countsToward(requirement, who, request))) return ok(capacity);

  const needs = `would count toward none of the requirements: ${requirements.map(describe).join("; ")}`;
  if (!assigned) return forbidden(`As an admin you answer under your own roles, and your approval ${needs}.`);
  if (action === "approve") {
    return forbidden(`With your present roles your approval ${needs}. You may still reject or request changes.`);
  }
  return ok(capacity);
}

/** What GET /approvals/:id tells a caller before they try: whether they could approve now, and if not, why. */
export function eligibility(attempt: Omit<DecisionAttempt, "action">, status: ApprovalStatus): Eligibility {
  const verdict = mayDecide({ ...attempt, action: "approve" });
  const barred = !verdict.ok && verdict.error.code === "SELF_APPROVAL";
  if (status !== "PENDING" && !barred) {
    return { can_decide: false, why_not: `This request is no longer open: it is ${status}.` };
  }
  return verdict.ok ? { can_decide: true } : { can_decide: false, why_not: verdict.error.message };
}

function forbidden(message: string) {
  return fail("FORBIDDEN", message);
}

function describe({ policy_id, required_roles, required_reviewers }: Requirement): string {
  const role = required_roles.length === 0 ? "role reviewer" : `role reviewer and ${required_roles.join(" or ")}`;
  const named = required_reviewers.length === 0 ? "" : `, or to be ${required_reviewers.join(" or ")}`;
  return `${policy_id} asks for ${role}${named}`;
}
