/** Wire schemas of tasks (03-tasks-and-approvals, "Wire shapes"). Pure rules import the types only. */
import { AnyObject, JsonObject, Slug, Timestamp } from "../wire.ts";
import { z } from "../zod.ts";

export const ResourceType = z.enum([
  "database",
  "service",
  "infrastructure",
  "configuration",
  "secret",
  "network",
  "storage",
]);
export type ResourceType = z.infer<typeof ResourceType>;

export const ResourceAction = z.enum(["read", "write", "delete", "execute"]);
export type ResourceAction = z.infer<typeof ResourceAction>;

export const ResourceRef = z
  .strictObject({
    type: ResourceType,
    id: z.string().min(1).max(256),
    name: z.string().max(200).optional(),
    scope: z.enum(["global", "namespace", "cluster", "instance"]).default("namespace"),
    namespace: z
      .string()
      .min(1)
      .max(128)
      .regex(/^[^/:]+$/, "must hold no / and no :")
      .optional(),
    actions: z.array(ResourceAction).min(1).max(4).default(["read"]),
  })
  .openapi("ResourceRef");
export type ResourceRef = z.infer<typeof ResourceRef>;

export const MAX_CONFIG_BYTES = 256 * 1024;

/** Who applies the change if no agent does: a service that is called, signed, once the change is approved and locked. */
export const Executor = z
  .strictObject({ kind: z.literal("webhook"), url: z.string().min(1).max(2048) })
  .openapi("Executor");

const taskConfigShape = {
  type: z.string().min(1).max(100),
  version: z.string().min(1).max(50).default("1.0.0"),
  description: z.string().min(1).max(5000),
  resources: z.array(ResourceRef).min(1).max(100),
  parameters: JsonObject.default({}),
  secrets: z.array(z.string().min(1).max(512)).max(100).default([]),
  rollback_strategy: z.enum(["automatic", "manual", "none"]).default("automatic"),
  timeout_seconds: z.number().int().min(1).max(3600).default(300),
  priority: z.number().int().min(0).max(100).default(50),
  max_attempts: z.number().int().min(1).max(10).default(3),
  executor: Executor.optional(),
};

export const TaskConfig = z.strictObject(taskConfigShape).openapi("TaskConfig");
export type TaskConfig = z.infer<typeof TaskConfig>;

export const MetadataInput = z
  .strictObject({
    author_id: Slug,
    author_name: z.string().min(1).max(200),
    team: z.string().max(100).optional(),
    ticket_ref: z.string().max(200).optional(),
    tags: z.array(z.string().min(1).max(64)).max(50).default([]),
  })
  .openapi("TaskMetadataInput");
export type MetadataInput = z.infer<typeof MetadataInput>;

export const TaskMetadata = z.lazy(() =>
  z
    .strictObject({
      ...MetadataInput.shape,
      created_at: Timestamp,
      updated_at: Timestamp,
      submitted_at: Timestamp.optional(),
      approved_at: Timestamp.optional(),
      completed_at: Timestamp.optional(),
    })
    .openapi("TaskMetadata"),
);

export const TaskState = z.enum([
  "DRAFT",
  "SUBMITTED",
  "REVIEWING",
  "APPROVED",
  "APPLYING",
  "COMPLETED",
  "REJECTED",
  "CANCELLED",
]);
export type TaskState = z.infer<typeof TaskState>;

export const RiskLevel = z.enum(["LOW", "MEDIUM", "HIGH", "CRITICAL"]);
export type RiskLevel = z.infer<typeof RiskLevel>;

export const RiskFactor = z.lazy(() =>
  z.strictObject({
    name: z.enum(["resource_criticality", "change_magnitude", "blast_radius", "historical_failure_rate"]),
    weight: z.number(),
    value: z.number(),
    contribution: z.number(),
  }),
);

export const Risk = z.lazy(() =>
  z
    .strictObject({
      score: z.number().int().min(0).max(100),
      level: RiskLevel,
      factors: z.array(RiskFactor),
      auto_approvable: z.boolean(),
    })
    .openapi("Risk"),
);
export type Risk = z.infer<typeof Risk>;

export const Change = z.lazy(() =>
  z
    .strictObject({
      resource: z.strictObject({ ...ResourceRef.shape, key: z.string() }),
      action: ResourceAction,
      before: AnyObject.nullable().optional(),
      after: AnyObject.nullable().optional(),
      diff: z.string().optional(),
    })
    .openapi("Change"),
);
export type Change = z.infer<typeof Change>;

export const PreviewIssue = z.lazy(() =>
  z
    .strictObject({
      code: z.string(),
      message: z.string(),
      resource: z.string().optional(),
      path: z.string().optional(),
    })
    .openapi("PreviewIssue"),
);
export type PreviewIssue = z.infer<typeof PreviewIssue>;

export const Preview = z.lazy(() =>
  z
    .strictObject({
      valid: z.boolean(),
      changes: z.array(Change),
      warnings: z.array(PreviewIssue),
      errors: z.array(PreviewIssue),
      estimated_duration_seconds: z.number().optional(),
      affected_services: z.array(z.string()),
      resource_revisions: z.record(z.string(), z.number().int()),
    })
    .openapi("Preview"),
);
export type Preview = z.infer<typeof Preview>;
