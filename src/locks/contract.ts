/** Wire schemas of locks (04-locks-and-deadlocks, "Routes"). */
import { isUuidShaped } from "../actor/ids.ts";
import { Pagination } from "../http/validation.ts";
import { Timestamp } from "../wire.ts";
import { z } from "../zod.ts";

export const LockKind = z.enum(["task", "resource", "agent"]);
export type LockKind = z.infer<typeof LockKind>;

export const LockModeName = z.enum(["shared", "exclusive"]);

const LockId = z
  .string()
  .refine(isUuidShaped, "must be a UUID")
  .transform((id) => id.toLowerCase())
  .openapi({ type: "string", format: "uuid" });

const ttl = z.number().int().min(5).max(300);
/** What is locked, within its kind: resources by any string, be it a resource key or not. */
export const LockedId = z.string().min(1).max(512);
const purpose = z.string().max(200);
const sessionId = z
  .string()
  .min(1)
  .max(128)
  .refine((id) => !id.startsWith("task:"), "must not start with task:");

export const AcquireInput = z.lazy(() =>
  z
    .strictObject({
      resource_type: LockKind,
      resource_id: LockedId,
      mode: LockModeName.default("exclusive"),
      ttl_seconds: ttl.default(30),
      purpose: purpose.optional(),
      wait_for_available: z.boolean().default(true),
      max_wait_seconds: z.number().int().min(0).max(300).default(60),
      session_id: sessionId.optional(),
      priority: z.number().int().min(0).max(100).default(50),
    })
    .openapi("AcquireLock", {
      example: {
        resource_type: "resource",
        resource_id: "database:prod/orders",
        ttl_seconds: 60,
        purpose: "migration 42",
      },
    }),
);
export type AcquireInput = z.infer<typeof AcquireInput>;

/** One of the locks of POST /locks/acquire-all. */
const WantedLock = z.strictObject({
  resource_type: LockKind,
  resource_id: LockedId,
  mode: LockModeName.default("exclusive"),
});
export type WantedLock = z.infer<typeof WantedLock>;

export const AcquireAllInput = z.lazy(() =>
  z
    .strictObject({
      locks: z.array(WantedLock).min(1).max(50),
      ttl_seconds: ttl.default(30),
      session_id: sessionId.optional(),
      purpose: purpose.optional(),
    })
    .openapi("AcquireAllLocks", {
      example: {
        locks: [
          { resource_type: "resource", resource_id: "database:prod/orders" },
          { resource_type: "resource", resource_id: "service:prod/shop", mode: "shared" },
        ],
      },
    }),
);

export const HeartbeatInput = z.lazy(() =>
  z
    .strictObject({
      lock_id: LockId.optional(),
      lock_ids: z.array(LockId).min(1).max(100).optional(),
      ttl_extension_seconds: ttl.default(30),
    })
    .refine((body) => (body.lock_id === undefined) !== (body.lock_ids === undefined), {
      message: "give either lock_id or lock_ids",
      path: ["lock_id"],
    })
    .openapi("HeartbeatLock", {
      example: { lock_id: "2c6e3b3f-97e9-82a7-981e-803f00000001", ttl_extension_seconds: 60 },
    }),
);

export const ReleaseInput = z.lazy(() =>
  z
    .strictObject({
      lock_id: LockId,
      force: z.boolean().default(false),
      reason: z.string().min(1).max(2000).optional(),
    })
    .refine((body) => !body.force || body.reason !== undefined, {
      message: "is required to release somebody else's lease",
      path: ["reason"],
    })
    .openapi("ReleaseLock", { example: { lock_id: "2c6e3b3f-97e9-82a7-981e-803f00000001" } }),
);

export const DowngradeInput = z.lazy(() =>
  z
    .strictObject({ lock_id: LockId })
    .openapi("DowngradeLock", { example: { lock_id: "2c6e3b3f-97e9-82a7-981e-803f00000001" } }),
);

export const VerifyInput = z.lazy(() =>
  z
    .strictObject({
      resource_type: LockKind,
      resource_id: LockedId,
      /** 0 was handed out to nobody: a storage system that saw no write yet may ask with it. */
      fencing_token: z.number().int().min(0),
    })
    .openapi("VerifyToken", {
      example: { resource_type: "resource", resource_id: "database:prod/orders", fencing_token: 7 },
    }),
);

/** `current`: a lease held now has the token. `highest`: the highest that was handed out, 0 before the first. */
export const Verification = z.lazy(() =>
  z.strictObject({ current: z.boolean(), highest: z.number().int() }).openapi("TokenVerification"),
);
export type Verification = z.infer<typeof Verification>;

export const LockHolder = z.lazy(() =>
  z.strictObject({
    lock_id: z.uuid(),
    agent_id: z.string(),
    session_id: z.string(),
    acquired_at: Timestamp,
    expires_at: Timestamp,
    purpose: z.string().optional(),
  }),
);

export const Lock = z.lazy(() =>
  z
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
      holders: z.array(LockHolder).openapi({ description: "the earliest first, at most 1,000" }),
      queue_position: z.number().int().optional(),
      estimated_wait_seconds: z.number().optional(),
      reentrant: z.literal(true).optional(),
      upgrade_pending: z.literal(true).optional(),
    })
    .openapi("Lock"),
);
export type Lock = z.infer<typeof Lock>;

/** A lease as task work hands it out. */
export const Lease = z.lazy(() =>
  z
    .strictObject({
      lock_id: z.uuid(),
      resource_type: LockKind,
      resource_id: z.string(),
      mode: LockModeName,
      fencing_token: z.number().int(),
      expires_at: Timestamp,
    })
    .openapi("Lease"),
);
export type Lease = z.infer<typeof Lease>;

/** A held lease as lists show it, with those who wait for its lock; an upgrade waits under the id of its lease. */
export const LockInfo = z.lazy(() =>
  z
    .strictObject({
      ...Lock.unwrap().shape,
      queue: z.array(
        z.strictObject({
          lock_id: z.uuid(),
          agent_id: z.string(),
          session_id: z.string(),
          mode: LockModeName,
          requested_at: Timestamp,
          priority: z.number().int(),
        }),
      ),
    })
    .openapi("LockInfo"),
);
export type LockInfo = z.infer<typeof LockInfo>;

/** A page of GET /locks. */
export const Locks = z.lazy(() =>
  z.strictObject({ locks: z.array(LockInfo), pagination: Pagination }).openapi("Locks"),
);

/** What POST /locks/acquire-all took. */
export const Leases = z.lazy(() => z.strictObject({ leases: z.array(Lease) }).openapi("Leases"));

/** What became of each of `lock_ids`, in their order: a heartbeat of many never fails as a whole. */
export const LockHeartbeats = z.lazy(() =>
  z
    .strictObject({
      results: z.array(
        z.strictObject({
          lock_id: z.string(),
          ok: z.boolean(),
          expires_at: z.string().optional(),
          error: z.strictObject({ code: z.string(), message: z.string() }).optional(),
        }),
      ),
    })
    .openapi("LockHeartbeats"),
);
