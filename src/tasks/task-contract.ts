/** Wire schemas of the task itself and of the bodies of its routes (03-tasks-and-approvals). */
import { Command } from "../agents/commands.ts";
import { ApprovalRequest, Requirement } from "../approvals/contract.ts";
import { OpenOverride } from "../approvals/override-contract.ts";
import { Lease } from "../locks/contract.ts";
import { JsonObject, Slug, Timestamp } from "../wire.ts";
import { z } from "../zod.ts";
import { MAX_CONFIG_BYTES, MetadataInput, Preview, Risk, TaskConfig, TaskMetadata, TaskState } from "./contract.ts";

export const DecisionAction = z.enum(["approve", "reject", "request_changes"]);
export type DecisionAction = z.infer<typeof DecisionAction>;

const WaitedFor = z.strictObject({
  resource_type: z.string(),
  resource_id: z.string(),
  queue_position: z.number().int(),
});

export const Task = z.lazy(() =>
  z
    .strictObject({
      id: z.uuid(),
      state: TaskState,
      revision: z.number().int(),
      config: TaskConfig,
      metadata: TaskMetadata,
      risk: Risk.optional(),
      preview: Preview.optional(),
      requirements: z.array(Requirement),
      approval_requests: z.array(ApprovalRequest),
      approvals: z.array(
        z.strictObject({
          id: z.uuid(),
          reviewer_id: z.string(),
          reviewer_name: z.string(),
          action: DecisionAction,
          reason: z.string().optional(),
          on_behalf_of: z.string().optional(),
          revision: z.number().int(),
          created_at: Timestamp,
        }),
      ),
      required_approvals: z.number().int(),
      current_approvals: z.number().int(),
      comments: z.array(
        z.strictObject({ id: z.uuid(), author_id: z.string(), body: z.string(), created_at: Timestamp }),
      ),
      lock_info: z.strictObject({ acquired_at: Timestamp, expires_at: Timestamp, agent_id: z.string() }).optional(),
      execution: z
        .strictObject({
          attempt: z.number().int(),
          agent_id: z.string(),
          started_at: Timestamp.optional(),
          completed_at: Timestamp.optional(),
          result: z.enum(["success", "failure", "timeout", "cancelled"]).optional(),
          output: z.unknown().optional(),
          error: z.unknown().optional(),
          rollback: z
            .strictObject({
              status: z.enum(["requested", "succeeded", "failed", "unavailable", "manual"]),
              /** what resources were like before, by key; while somebody has to go back to it */
              stash: JsonObject.optional(),
              error: z.unknown().optional(),
            })
            .optional(),
        })
        .optional(),
      /** asked for by one admin, and not yet confirmed by another */
      override: OpenOverride.optional(),
      /** the lock that an apply waits for */
      queue: z.array(WaitedFor).optional(),
      retry_at: Timestamp.optional(),
      resubmitted_from: z.uuid().optional(),
    })
    .openapi("Task"),
);
export type Task = z.infer<typeof Task>;

/** Somebody who would be asked, and whose part it is if not their own. */
export const AskedView = z.lazy(() =>
  z.strictObject({
    id: z.string(),
    name: z.string(),
    policy_ids: z.array(z.string()),
    on_behalf_of: z.string().optional(),
    /** between them and the one they would stand in for */
    via: z.array(z.string()),
  }),
);
export type AskedView = z.infer<typeof AskedView>;

export const DryRun = z.lazy(() =>
  z
    .strictObject({
      ...Task.unwrap().shape,
      /** who would be asked */
      reviewers: z.array(AskedView),
      /** why it would or would not approve itself, or why nobody can be asked */
      reasons: z.array(z.string()),
    })
    .openapi("DryRun"),
);
export type DryRun = z.infer<typeof DryRun>;

/** A JSON value's size on the wire in bytes. */
export function jsonBytes(value: unknown): number {
  return new TextEncoder().encode(JSON.stringify(value)).byteLength;
}

const fits = (config: unknown) => jsonBytes(config) <= MAX_CONFIG_BYTES;
const tooLarge = `must be at most ${MAX_CONFIG_BYTES} bytes of JSON`;

/** A config that is small enough to be filed. */
export const FiledConfig = TaskConfig.refine(fits, tooLarge);

/** As the document shows it: the change of the README's tour. */
export const DRAFT_EXAMPLE = {
  config: {
    type: "config.change",
    description: "Longer sessions",
    resources: [{ type: "configuration", id: "sessions", namespace: "web", actions: ["write"] }],
    parameters: { ttl_minutes: 60 },
  },
  metadata: { author_id: "alice", author_name: "Alice" },
} as const;

export const CreateTask = z.lazy(() =>
  z
    .strictObject({
      config: FiledConfig,
      metadata: MetadataInput,
      dry_run: z.boolean().default(false),
    })
    .openapi("CreateTask", { example: DRAFT_EXAMPLE }),
);
export type CreateTask = z.infer<typeof CreateTask>;

/** RFC 7396: members that are null are removed; what results has to be a valid config again. */
export const PatchTask = z.lazy(() =>
  z
    .strictObject({ config: JsonObject.optional(), metadata: JsonObject.optional() })
    .openapi("PatchTask", { example: { config: { parameters: { ttl_minutes: 30 } } } }),
);
export type PatchTask = z.infer<typeof PatchTask>;

export const SubmitTask = z.lazy(() =>
  z
    .strictObject({
      force: z.boolean().default(false),
      skip_preview: z.boolean().default(false),
      requested_reviewers: z.array(Slug).max(20).default([]),
    })
    .openapi("SubmitTask", { example: { requested_reviewers: ["bob"] } }),
);
export type SubmitTask = z.infer<typeof SubmitTask>;

export const CancelTask = z.lazy(() =>
  z
    .strictObject({ reason: z.string().min(1).max(2000).optional() })
    .openapi("CancelTask", { example: { reason: "no longer needed" } }),
);

export const CommentInput = z.lazy(() =>
  z
    .strictObject({ body: z.string().min(1).max(5000) })
    .openapi("CommentInput", { example: { body: "It worked on staging." } }),
);

export const ClaimTask = z.lazy(() =>
  z
    .strictObject({
      capabilities: z.array(z.string().min(1).max(512)).max(100).optional(),
      wait_seconds: z.number().int().min(0).max(20).default(0),
    })
    .openapi("ClaimTask", { example: { capabilities: ["config.*"], wait_seconds: 20 } }),
);

export const ApplyTask = z.lazy(() =>
  z.strictObject({ agent_id: Slug.optional() }).openapi("ApplyTask", { example: { agent_id: "deployer-1" } }),
);

export const Applying = z.lazy(() => z.strictObject({ task: Task, leases: z.array(Lease) }).openapi("Applying"));

/** An apply that began: the task with its leases. */
export const Applied = z.lazy(() =>
  z.strictObject({ ...Task.unwrap().shape, leases: z.array(Lease) }).openapi("Applied"),
);

/** An apply that waits: the task, still APPROVED, with where it stands in which queue. */
export const Queued = z.lazy(() =>
  z
    .strictObject({
      ...Task.unwrap().shape,
      queue: z.array(WaitedFor),
    })
    .openapi("QueuedApply"),
);

export const TaskHeartbeat = z.lazy(() =>
  z
    .strictObject({
      task_id: z.uuid(),
      state: TaskState,
      leases: z.array(z.strictObject({ lock_id: z.uuid(), expires_at: Timestamp })),
      commands: z.array(Command),
    })
    .openapi("TaskHeartbeat"),
);

export const HeartbeatTask = z.lazy(() =>
  z
    .strictObject({
      ttl_extension_seconds: z.number().int().min(5).max(300).default(30),
      progress: z.number().min(0).max(100).optional(),
      message: z.string().max(2000).optional(),
    })
    .openapi("HeartbeatTask", { example: { progress: 50, message: "half of the rows are moved" } }),
);
export type HeartbeatTask = z.infer<typeof HeartbeatTask>;

export const CompleteTask = z.lazy(() =>
  z
    .strictObject({
      result: z.enum(["success", "failure", "cancelled"]),
      output: z.unknown().optional(),
      error: z.unknown().optional(),
      resources: z.record(z.string(), JsonObject).optional(),
    })
    .openapi("CompleteTask", { example: { result: "success", output: "moved 120 rows" } }),
);
export type CompleteTask = z.infer<typeof CompleteTask>;

export const StashInput = z.lazy(() =>
  z
    .strictObject({ resource: z.string().min(1).max(512), data: z.unknown() })
    .openapi("StashInput", { example: { resource: "configuration:web/sessions", data: { ttl_minutes: 20 } } }),
);
export type StashInput = z.infer<typeof StashInput>;

export const Stashed = z.lazy(() => z.strictObject({ task_id: z.uuid(), resource: z.string() }).openapi("Stashed"));

export const RollbackReport = z.lazy(() =>
  z
    .strictObject({ result: z.enum(["success", "failure"]), error: z.unknown().optional() })
    .openapi("RollbackReport", { example: { result: "success" } }),
);
export type RollbackReport = z.infer<typeof RollbackReport>;

export const RespondInput = z.lazy(() =>
  z
    .strictObject({
      action: z.enum([...DecisionAction.options, "delegate"]),
      reason: z.string().max(2000).optional(),
      /** whom to delegate to */
      delegate_to: Slug.optional(),
      revision: z.number().int().min(1).optional(),
      options: z
        .strictObject({
          apply_immediately: z.boolean().default(false),
          /** with an approval: these have to approve too */
          require_additional_approvals: z.array(Slug).max(10).optional(),
        })
        .default({ apply_immediately: false }),
    })
    .refine(({ action, reason = "" }) => action === "approve" || action === "delegate" || reason.trim() !== "", {
      message: "is required to reject or to request changes",
      path: ["reason"],
    })
    .refine(({ action, delegate_to }) => action !== "delegate" || delegate_to !== undefined, {
      message: "is required to delegate",
      path: ["delegate_to"],
    })
    .refine(({ action, delegate_to }) => action === "delegate" || delegate_to === undefined, {
      message: "goes with the action delegate only",
      path: ["delegate_to"],
    })
    .refine(({ action, options }) => action === "approve" || options.require_additional_approvals === undefined, {
      message: "goes with the action approve only",
      path: ["options", "require_additional_approvals"],
    })
    .openapi("RespondToApproval", { example: { action: "approve", revision: 1 } }),
);
export type RespondInput = z.infer<typeof RespondInput>;
