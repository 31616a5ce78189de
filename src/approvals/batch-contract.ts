/** Wire schemas of POST /approvals/batch (03-tasks-and-approvals, "Batch"). */
import { TaskState } from "../tasks/contract.ts";
import { Id } from "../wire.ts";
import { z } from "../zod.ts";

const flag = z.boolean().default(false);

export const BatchInput = z.lazy(() =>
  z
    .strictObject({
      approval_ids: z
        .array(Id)
        .min(1)
        .max(100)
        .refine((ids) => new Set(ids).size === ids.length, "must not name one twice"),
      action: z.enum(["approve", "reject"]),
      reason: z.string().max(2000).optional(),
      options: z
        .strictObject({ skip_validation: flag, apply_immediately: flag, continue_on_error: flag })
        .default({ skip_validation: false, apply_immediately: false, continue_on_error: false }),
    })
    .refine((body) => body.action === "approve" || (body.reason ?? "").trim() !== "", {
      message: "is required to reject",
      path: ["reason"],
    })
    .openapi("DecideBatch", { example: { approval_ids: ["101a1fdc-7351-8fcf-83fe-92e300000008"], action: "approve" } }),
);
export type BatchInput = z.infer<typeof BatchInput>;

export const BatchItem = z.lazy(() =>
  z.strictObject({
    approval_id: z.uuid(),
    success: z.boolean(),
    error: z.strictObject({ code: z.string(), message: z.string() }).optional(),
  }),
);
export type BatchItem = z.infer<typeof BatchItem>;

export const BatchAnswer = z.lazy(() =>
  z
    .strictObject({
      /** nothing failed */
      success: z.boolean(),
      processed: z.number().int(),
      succeeded: z.number().int(),
      failed: z.number().int(),
      results: z.array(BatchItem),
      /** the tasks that were decided on, as they are now */
      task_updates: z.array(z.strictObject({ task_id: z.uuid(), new_state: TaskState.optional() })),
    })
    .openapi("BatchAnswer"),
);
export type BatchAnswer = z.infer<typeof BatchAnswer>;
