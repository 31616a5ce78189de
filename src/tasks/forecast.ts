/** What would happen to a change if it were submitted now: shared by dry runs and simulations. Reads, stores nothing. */
import { ok, type Result } from "../actor/result.ts";
import type { Assignment } from "../approvals/assignment.ts";
import type { ReviewerPolicy } from "../approvals/contract.ts";
import type { Env } from "../env.ts";
import { type Assessment, assess, assignReviewers, type Facts } from "./assess.ts";
import type { TaskConfig } from "./contract.ts";
import { allowedExecutor } from "./delivery.ts";
import { gatherFacts } from "./gather.ts";

export interface ForecastAbout {
  readonly config: TaskConfig;
  readonly author: { readonly id: string; readonly roles: readonly string[] };
  /** everybody who may not decide */
  readonly authors: readonly string[];
  readonly requested_reviewers: readonly string[];
  /** tried instead of the stored ones */
  readonly policies?: readonly ReviewerPolicy[];
  /** ms */
  readonly now: number;
}

export interface Forecast {
  readonly facts: Facts;
  readonly assessment: Assessment;
  /** empty when it would approve itself, or when nobody can be asked */
  readonly assignment: Assignment;
  /** why it would or would not approve itself, and why nobody can be asked */
  readonly reasons: readonly string[];
}

/** `REVIEWER_NOT_ELIGIBLE` for requested reviewers; a lack of reviewers is no error here but a reason. */
export async function forecast(env: Env, workspace: string, about: ForecastAbout): Promise<Result<Forecast>> {
  const executor = allowedExecutor(about.config, env);
  if (!executor.ok) return executor;
  const named = (about.policies ?? []).flatMap(({ required_reviewers }) => required_reviewers);
  const known = await gatherFacts(env, workspace, {
    config: about.config,
    author: about.author,
    people: [...about.requested_reviewers, ...named],
  });
  if (!known.ok) return known;
  const facts = about.policies === undefined ? known.value : { ...known.value, policies: about.policies };
  const assessment = assess(about.config, facts, about.now);
  const { reasons } = assessment.auto;
  const nobody: Assignment = { requirements: [], asked: [] };
  if (assessment.auto.approvable) return ok({ facts, assessment, assignment: nobody, reasons });
  const assigned = assignReviewers(assessment, facts, about.authors, about.requested_reviewers);
  if (assigned.ok) return ok({ facts, assessment, assignment: assigned.value, reasons });
  if (assigned.error.code !== "NOT_ENOUGH_REVIEWERS") return assigned;
  return ok({ facts, assessment, assignment: nobody, reasons: [...reasons, assigned.error.message] });
}
