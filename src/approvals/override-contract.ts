/** Wire schemas of an override (03, "Routes"). */
import { TaskState } from "../tasks/contract.ts";
import { Timestamp } from "../wire.ts";
import { z } from "../zod.ts";

const said = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .refine((text) => text.trim() !== "", "must not be blank");

export const OverrideInput = z.lazy(() =>
  z
    .strictObject({ reason: said(2000), incident_ticket: said(200), apply_immediately: z.boolean().default(false) })
    .openapi("OverrideInput", {
      example: { reason: "The shop is down", incident_ticket: "INC-7", apply_immediately: true },
    }),
);
export type OverrideInput = z.infer<typeof OverrideInput>;

const requested = {
  requested_by: z.string(),
  reason: z.string(),
  incident_ticket: z.string(),
  requested_at: Timestamp,
  revision: z.number().int(),
};

/** What the second admin has to know before they confirm. */
export const OpenOverride = z.lazy(() => z.strictObject({ ...requested, apply_immediately: z.boolean() }));

export const OverrideRequested = z.lazy(() =>
  z
    .strictObject({
      task_id: z.uuid(),
      state: TaskState,
      override: z.strictObject(requested),
    })
    .openapi("OverrideRequested"),
);
export type OverrideRequested = z.infer<typeof OverrideRequested>;
