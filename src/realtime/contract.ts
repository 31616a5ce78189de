/** Wire schemas of realtime events (05-realtime-and-audit, "Channels"). */
import { Timestamp } from "../wire.ts";
import { z } from "../zod.ts";

export const EventName = z.enum([
  "lock:acquired",
  "lock:queued",
  "lock:released",
  "lock:expired",
  "lock:reordered",
  "lock:queue_full",
  "lock:deadlock_detected",
  "approval:requested",
  "approval:responded",
  "approval:escalated",
  "approval:reassigned",
  "approval:resolved",
  "approval:approved",
  "task:state_changed",
  "task:approved",
  "task:updated",
  "task:commented",
  "task:progress",
  "task:ready",
  "task:apply",
  "task:completed",
  "agent:online",
  "agent:stale",
  "agent:offline",
]);
export type EventName = z.infer<typeof EventName>;

/**
 * One event of a channel. `seq` rises; `prev` is the seq of the channel's event before (0 for the first). On `system` every
 * audited entry is an event, named by its action where the table of events has no name for it (`user.created`).
 */
export const Event = z.lazy(() =>
  z
    .strictObject({
      event: z.string(),
      timestamp: Timestamp,
      channel: z.string(),
      seq: z.number().int().min(1),
      prev: z.number().int().min(0),
      payload: z.record(z.string(), z.unknown()),
    })
    .openapi("Event"),
);
export type Event = z.infer<typeof Event>;
