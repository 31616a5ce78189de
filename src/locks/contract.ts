/** Wire schemas of locks (04-locks-and-deadlocks, "Routes"). */
import { z } from "@hono/zod-openapi";
import { isUuidShaped } from "../actor/ids.ts";
import { Timestamp } from "../wire.ts";

export const LockKind = z.enum(["task", "resource", "agent"]);
export type LockKind = z.infer<typeof LockKind>;

export const LockModeName = z.enum(["shared", "exclusive"]);

const LockId = z
  .string()
  .refine(isUuidShaped, "must be a UUID")
  .transform((id) => id.toLowerCase())
  .openapi({ type: "string", format: "uuid" });

const ttl = z.number().int().min(5).max(300);

export const AcquireInput = z
  .strictObject({
    resource_type: LockKind,
    resource_id: z.string().min(1).max(512),
    mode: LockModeName.default("exclusive"),
    ttl_seconds: ttl.default(30),
    purpose: z.string().max(200).optional(),
    wait_for_available: z.boolean().default(true),
    max_wait_seconds: z.number().int().min(0).max(300).default(60),
    session_id: z
      .string()
      .min(1)
      .max(128)
      .refine((id) => !id.startsWith("task:"), "must not start with task:")
      .optional(),
    priority: z.number().int().min(0).max(100).default(50),
  })
  .openapi("AcquireLock");
export type AcquireInput = z.infer<typeof AcquireInput>;

export const HeartbeatInput = z
  .strictObject({
    lock_id: LockId.optional(),
    lock_ids: z.array(LockId).min(1).max(100).optional(),
    ttl_extension_seconds: ttl.default(30),
  })
  .refine((body) => (body.lock_id === undefined) !== (body.lock_ids === undefined), {
    message: "give either lock_id or lock_ids",
    path: ["lock_id"],
  })
  .openapi("HeartbeatLock");

export const ReleaseInput = z
  .strictObject({
    lock_id: LockId,
    force: z.boolean().default(false),
    reason: z.string().min(1).max(2000).optional(),
  })
  .refine((body) => !body.force || body.reason !== undefined, {
    message: "is required to release somebody else's lease",
    path: ["reason"],
  })
  .openapi("ReleaseLock");

export const LockHolder = z.strictObject({
  lock_id: z.uuid(),
  agent_id: z.string(),
  session_id: z.string(),
  acquired_at: Timestamp,
  expires_at: Timestamp,
  purpose: z.string().optional(),
});

export const Lock = z
  .strictObject({
    id: z.uuid(),
    acquired: z.boolean(),
    status: z.enum(["held", "queued"]),
    resource_type: LockKind,
    resource_id: z.string(),
    mode: LockModeName,
    fencing_token: z.number().int().optional(),
    expires_at: Timestamp.optional(),
    holder: LockHolder.optional(),
    holders: z.array(LockHolder),
    queue_position: z.number().int().optional(),
    estimated_wait_seconds: z.number().optional(),
    reentrant: z.literal(true).optional(),
    upgrade_pending: z.literal(true).optional(),
  })
  .openapi("Lock");
export type Lock = z.infer<typeof Lock>;

/** A lease as task work hands it out. */
export const Lease = z
  .strictObject({
    lock_id: z.uuid(),
    resource_type: LockKind,
    resource_id: z.string(),
    mode: LockModeName,
    fencing_token: z.number().int(),
    expires_at: Timestamp,
  })
  .openapi("Lease");
export type Lease = z.infer<typeof Lease>;
