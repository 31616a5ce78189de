/** Wire schemas of deadlocks (04-locks-and-deadlocks, "Deadlocks" and the routes /locks/deadlocks and /locks/graph). */
import { LockKind } from "../locks/contract.ts";
import { Timestamp } from "../wire.ts";
import { z } from "../zod.ts";
import { DEADLOCK_STRATEGIES } from "./victim.ts";

export const DeadlockInfo = z.lazy(() =>
  z
    .strictObject({
      detected_at: Timestamp,
      cycle: z.array(
        z.strictObject({
          agent_id: z.string(),
          session_id: z.string(),
          /** The lease that the session before it in the cycle waits for, or its claim ahead of that session in a queue. */
          holds_lock: z.uuid(),
          waits_for: z.uuid(),
        }),
      ),
      resolution: z.strictObject({
        victim_agent_id: z.string(),
        victim_session_id: z.string(),
        strategy: z.enum(DEADLOCK_STRATEGIES),
        released_locks: z.array(z.uuid()),
      }),
    })
    .openapi("DeadlockInfo"),
);
export type DeadlockInfo = z.infer<typeof DeadlockInfo>;

const GraphSession = z.lazy(() => z.strictObject({ session_id: z.string(), agent_id: z.string() }));

export const GraphView = z.lazy(() =>
  z
    .strictObject({
      nodes: z.array(GraphSession),
      edges: z.array(
        z.strictObject({
          from: GraphSession,
          to: GraphSession,
          resource_type: LockKind,
          resource_id: z.string(),
          since: Timestamp,
        }),
      ),
      truncated: z.literal(true).optional().openapi({ description: "there are more edges than are told here" }),
    })
    .openapi("WaitForGraph"),
);
export type GraphView = z.infer<typeof GraphView>;
