/** What a task would be, without making it: `dry_run` of POST /tasks. Nothing is stored; its id names nothing. */
import type { Caller } from "../actor/caller.ts";
import { freshTaskAddress, idOf } from "../actor/ids.ts";
import { ok, type Result } from "../actor/result.ts";
import type { Env } from "../env.ts";
import { create, distinct, mayFile } from "./drafting.ts";
import { askedView, forecast } from "./forecast.ts";
import { taskView } from "./task.ts";
import type { CreateTask, DryRun } from "./task-contract.ts";

export async function dryRun(env: Env, caller: Caller, input: CreateTask): Promise<Result<DryRun>> {
  const { author_id } = input.metadata;
  const filed = mayFile(caller, author_id);
  if (!filed.ok) return filed;
  const now = Date.now();
  const outlook = await forecast(env, caller.workspace, {
    config: input.config,
    tags: input.metadata.tags,
    author: { id: author_id, roles: author_id === caller.who.id ? caller.who.roles : [] },
    authors: distinct(author_id, caller.who.id),
    requested_reviewers: [],
    now,
  });
  if (!outlook.ok) return outlook;
  const { assessment, assignment, facts, reasons } = outlook.value;
  const id = idOf(freshTaskAddress(now));
  const { task } = create(id, input, assessment, facts, { caller, now, mint: () => id });
  const { requirements, asked } = assignment;
  return ok({
    ...taskView({ ...task, requirements, auto_approved: assessment.auto.approvable }),
    reviewers: asked.map(askedView),
    reasons: [...reasons],
  });
}
