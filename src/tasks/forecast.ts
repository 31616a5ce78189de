/** What would happen to a change if it were submitted now: shared by dry runs and simulations. Reads, stores nothing. */
import { ok, type Result } from "../actor/result.ts";
import type { AskedReviewer, Assignment } from "../approvals/assignment.ts";
import type { ReviewerPolicy } from "../approvals/contract.ts";
import type { Env } from "../env.ts";
import { type Assessment, assess, type Facts, foreseeReviewers } from "./assess.ts";
import type { TaskConfig } from "./contract.ts";
import { allowedExecutor } from "./delivery.ts";
import { gatherFacts } from "./gather.ts";
import type { AskedView } from "./task-contract.ts";

export interface ForecastAbout {
  readonly config: TaskConfig;
  readonly tags: readonly string[];
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
  /** no requirements when it would approve itself; nobody asked when some requirement cannot be met */
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
  const foreseen = foreseeReviewers(assessment, facts, about, about.now);
  if (!foreseen.ok) return foreseen;
  const { requirements, asked, shortages } = foreseen.value;
  const assignment = { requirements, asked: shortages.length > 0 ? [] : asked };
  return ok({ facts, assessment, assignment, reasons: [...reasons, ...shortages.map(({ message }) => message)] });
}

/** Who would get the request of somebody's part. */
export function askedView({ reviewer, policy_ids, delegated }: AskedReviewer): AskedView {
  const { id, name } = delegated?.to ?? reviewer;
  return {
    id,
    name,
    policy_ids: [...policy_ids],
    ...(delegated !== undefined && { on_behalf_of: reviewer.id }),
    via: [...(delegated?.via ?? [])],
  };
}
