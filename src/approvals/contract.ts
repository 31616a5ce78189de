/** Wire schemas of reviewer policies, requirements and approval requests (03-tasks-and-approvals). */
import { Slug, Timestamp } from "../wire.ts";
import { z } from "../zod.ts";

/** Of task types or resources (pattern.ts). */
export const Pattern = z.string().min(1).max(512);
/** Whatever is not reserved is an organisation's own (02, "Roles and permissions"), told apart by the letter. */
export const Role = z
  .string()
  .min(1)
  .max(64)
  .refine(
    (text) => text.trim() === text && !/\p{Cc}/u.test(text),
    "must hold no control character, nor space at its ends",
  );
const clock = z.string().regex(/^([01][0-9]|2[0-3]):[0-5][0-9]$/, "must be HH:MM");

export const ActiveHours = z.strictObject({
  timezone: z.string().min(1).max(64).refine(isTimeZone, "must be an IANA time zone"),
  days: z
    .array(z.enum(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]))
    .min(1)
    .max(7),
  from: clock,
  to: clock,
});
export type ActiveHours = z.infer<typeof ActiveHours>;

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

export const ReviewerPolicyInput = z.lazy(() =>
  z
    .strictObject({
      id: Slug.optional(),
      name: z.string().min(1).max(200),
      task_types: z.array(Pattern).max(100).default([]),
      resource_patterns: z.array(Pattern).max(100).default([]),
      min_approvers: z.number().int().min(1).max(10).default(1),
      required_roles: z.array(Role).max(20).default([]),
      required_reviewers: z.array(Slug).max(10).default([]),
      risk_threshold: z.number().int().min(0).max(100).default(0),
      auto_approve_if: z
        .strictObject({
          risk_below: z.number().min(0).max(101).optional(),
          author_has_role: z.array(Role).max(20).optional(),
          resources_in_scope: z.array(Pattern).max(100).optional(),
        })
        .optional(),
      approval_timeout_seconds: z.number().int().min(1).max(31_536_000).default(172_800),
      active_hours: ActiveHours.optional(),
      auto_approve_on_backlog: z.boolean().default(false),
      enabled: z.boolean().default(true),
    })
    .openapi("ReviewerPolicyInput", {
      example: { name: "Databases need a DBA", resource_patterns: ["database:**"], required_roles: ["dba"] },
    }),
);
export type ReviewerPolicyInput = z.infer<typeof ReviewerPolicyInput>;

export const ReviewerPolicy = z.lazy(() =>
  z
    .strictObject({ ...ReviewerPolicyInput.unwrap().shape, id: Slug, created_at: Timestamp, updated_at: Timestamp })
    .openapi("ReviewerPolicy"),
);
export type ReviewerPolicy = z.infer<typeof ReviewerPolicy>;

export const Requirement = z.lazy(() =>
  z
    .strictObject({
      policy_id: z.string(),
      policy_name: z.string(),
      min_approvers: z.number().int(),
      required_roles: z.array(z.string()),
      required_reviewers: z.array(z.string()),
      approved_by: z.array(z.string()),
      satisfied: z.boolean(),
    })
    .openapi("Requirement"),
);
export type Requirement = z.infer<typeof Requirement>;

export const ApprovalStatus = z.enum([
  "PENDING",
  "APPROVED",
  "REJECTED",
  "CHANGES_REQUESTED",
  "DELEGATED",
  "SUPERSEDED",
  "EXPIRED",
]);
export type ApprovalStatus = z.infer<typeof ApprovalStatus>;

export const ApprovalPriority = z.enum(["LOW", "NORMAL", "HIGH", "URGENT"]);
export type ApprovalPriority = z.infer<typeof ApprovalPriority>;

export const ApprovalRequest = z.lazy(() =>
  z
    .strictObject({
      id: z.uuid(),
      task_id: z.uuid(),
      reviewer_id: z.string(),
      reviewer_name: z.string(),
      on_behalf_of: z.string().optional(),
      revision: z.number().int(),
      status: ApprovalStatus,
      priority: ApprovalPriority,
      delegated_to: z.string().optional(),
      via: z.array(z.string()).optional(),
      due_at: Timestamp,
      escalation_level: z.number().int(),
      created_at: Timestamp,
      responded_at: Timestamp.optional(),
    })
    .openapi("ApprovalRequest"),
);
export type ApprovalRequest = z.infer<typeof ApprovalRequest>;
