/** `POST /tasks/simulate`: preview, risk and reviewers of a change nobody filed, under the stored policies or others. */
import type { Caller } from "../actor/caller.ts";
import { ok, type Result } from "../actor/result.ts";
import { timestamp } from "../actor/timestamp.ts";
import { Requirement, type ReviewerPolicy, ReviewerPolicyInput } from "../approvals/contract.ts";
import { requiredApprovals } from "../approvals/quorum.ts";
import type { Env } from "../env.ts";
import { Slug } from "../wire.ts";
import { z } from "../zod.ts";
import { MetadataInput, Preview, Risk } from "./contract.ts";
import { askedView, forecast } from "./forecast.ts";
import { AskedView, DRAFT_EXAMPLE, FiledConfig } from "./task-contract.ts";

export const SimulateTask = z.lazy(() =>
  z
    .strictObject({
      config: FiledConfig,
      metadata: MetadataInput,
      requested_reviewers: z.array(Slug).max(20).default([]),
      policies: z.array(ReviewerPolicyInput.unwrap()).max(50).optional(),
    })
    .openapi("SimulateTask", { example: DRAFT_EXAMPLE }),
);
export type SimulateTask = z.infer<typeof SimulateTask>;

export const Simulation = z.lazy(() =>
  z
    .strictObject({
      preview: Preview,
      risk: Risk,
      requirements: z.array(Requirement),
      reviewers: z.array(AskedView),
      required_approvals: z.number().int(),
      auto_approvable: z.boolean(),
      reasons: z.array(z.string()),
    })
    .openapi("Simulation"),
);
export type Simulation = z.infer<typeof Simulation>;

export async function simulate(env: Env, caller: Caller, input: SimulateTask): Promise<Result<Simulation>> {
  const now = Date.now();
  const { author_id } = input.metadata;
  const outlook = await forecast(env, caller.workspace, {
    config: input.config,
    tags: input.metadata.tags,
    author: { id: author_id, roles: author_id === caller.who.id ? caller.who.roles : [] },
    authors: [author_id],
    requested_reviewers: input.requested_reviewers,
    ...(input.policies !== undefined && { policies: onTrial(input.policies, timestamp(now)) }),
    now,
  });
  if (!outlook.ok) return outlook;
  const { assessment, assignment, reasons } = outlook.value;
  const { approvable } = assessment.auto;
  return ok({
    preview: assessment.preview,
    risk: assessment.risk,
    requirements: assignment.requirements,
    reviewers: assignment.asked.map(askedView),
    required_approvals: approvable ? 0 : requiredApprovals(assignment.requirements),
    auto_approvable: approvable,
    reasons: [...reasons],
  });
}

/** Policies as if they were stored; those without an id get one that no other has. */
function onTrial(policies: readonly ReviewerPolicyInput[], at: string): ReviewerPolicy[] {
  const taken = new Set(policies.map(({ id }) => id));
  return policies.map((policy, n) => {
    let id = policy.id ?? `trial-${n + 1}`;
    while (policy.id === undefined && taken.has(id)) id = `${id}-x`;
    return { ...policy, id, created_at: at, updated_at: at };
  });
}
