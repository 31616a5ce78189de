/** What a task would be, without making it: `dry_run` of POST /tasks. Nothing is stored; its id names nothing. */
import type { Caller } from "../actor/caller.ts";
import { freshTaskAddress, idOf } from "../actor/ids.ts";
import { ok, type Result } from "../actor/result.ts";
import { requiredApprovals } from "../approvals/quorum.ts";
import type { Env } from "../env.ts";
import { assess, assignReviewers } from "./assess.ts";
import { create, mayFile } from "./drafting.ts";
import { gatherFacts } from "./gather.ts";
import { taskView } from "./task.ts";
import type { CreateTask, DryRun } from "./task-contract.ts";

export async function dryRun(env: Env, caller: Caller, input: CreateTask): Promise<Result<DryRun>> {
  const filed = mayFile(caller, input.metadata.author_id);
  if (!filed.ok) return filed;
  const { author_id } = input.metadata;
  const author = { id: author_id, roles: author_id === caller.who.id ? caller.who.roles : [] };
  const facts = await gatherFacts(env, caller.workspace, { config: input.config, author });
  if (!facts.ok) return facts;
  const now = Date.now();
  const assessment = assess(input.config, facts.value, now);
  const id = idOf(freshTaskAddress(now));
  const { task } = create(id, input, assessment, facts.value, { caller, now, mint: () => id });
  if (assessment.auto.approvable) {
    return ok({ ...taskView({ ...task, auto_approved: true }), reviewers: [], reasons: assessment.auto.reasons });
  }
  const assigned = assignReviewers(assessment, facts.value, task.authors, []);
  if (!assigned.ok) return ok({ ...taskView(task), reviewers: [], reasons: [assigned.error.message] });
  const { requirements, asked } = assigned.value;
  return ok({
    ...taskView({ ...task, requirements }),
    required_approvals: requiredApprovals(requirements),
    reviewers: asked.map(({ reviewer, policy_ids }) => ({
      id: reviewer.id,
      name: reviewer.name,
      policy_ids: [...policy_ids],
    })),
    reasons: [...assessment.auto.reasons],
  });
}
