/** Wire schemas of delegation policies (03-tasks-and-approvals, "Delegation policy"). */
import { isTime } from "../http/validation.ts";
import { Slug, Timestamp } from "../wire.ts";
import { z } from "../zod.ts";
import { Pattern } from "./contract.ts";

const several = <T extends z.ZodType>(one: T) => z.array(one).min(1).max(50);

/** An empty list would hold for nothing and look as if it held for everything: it is refused. */
export const DelegationConditions = z
  .strictObject({
    task_types: several(Pattern).optional(),
    resource_patterns: several(Pattern).optional(),
    risk_above: z.number().int().min(0).max(100).optional(),
    namespaces: several(Pattern).optional(),
    tags: several(z.string().min(1).max(64)).optional(),
  })
  .openapi("DelegationConditions", { description: "all that are given must hold; of each list any one does" });
export type DelegationConditions = z.infer<typeof DelegationConditions>;

/** RFC 3339 with any offset, kept in UTC. */
const Time = z.iso
  .datetime({ offset: true })
  .refine(isTime, "must be of a year from 0000 to 9999")
  .transform((text) => new Date(text).toISOString());

const mode = z.enum(["reassign", "follow"]);

export const DelegationPolicyInput = z.lazy(() =>
  z
    .strictObject({
      id: Slug.optional(),
      owner_id: Slug.optional().openapi({ description: "an admin may name somebody else than the caller" }),
      mode: mode.default("reassign"),
      conditions: DelegationConditions.default({}),
      delegate_to: Slug,
      cascade: z.boolean().default(true),
      expires_at: Time.optional(),
      active: z.boolean().default(true),
    })
    .openapi("DelegationPolicyInput", {
      example: { delegate_to: "bob", conditions: { task_types: ["infrastructure.*"], risk_above: 50 } },
    }),
);
export type DelegationPolicyInput = z.infer<typeof DelegationPolicyInput>;

/** Conditions are replaced as a whole; null takes the end away. */
export const DelegationPolicyPatch = z.lazy(() =>
  z
    .strictObject({
      mode: mode.optional(),
      conditions: DelegationConditions.optional(),
      delegate_to: Slug.optional(),
      cascade: z.boolean().optional(),
      expires_at: Time.nullable().optional(),
      active: z.boolean().optional(),
    })
    .openapi("DelegationPolicyPatch", { example: { active: false } }),
);
export type DelegationPolicyPatch = z.infer<typeof DelegationPolicyPatch>;

export const DelegationPolicy = z.lazy(() =>
  z
    .strictObject({
      id: Slug,
      owner_id: Slug,
      mode,
      conditions: DelegationConditions,
      delegate_to: Slug,
      cascade: z.boolean(),
      expires_at: Timestamp.optional(),
      active: z.boolean(),
      created_at: Timestamp,
      updated_at: Timestamp,
    })
    .openapi("DelegationPolicy"),
);
export type DelegationPolicy = z.infer<typeof DelegationPolicy>;
