/** `GET /stats`: the workspace at a glance (03, "Routes"). */
import { actorOf } from "../actor/remote.ts";
import { type Backlog, ledgerOf } from "../audit/ledger-api.ts";
import type { Env } from "../env.ts";
import { endpoint } from "../http/endpoint.ts";
import type { App } from "../http/endpoint-spec.ts";
import { causeOf, log } from "../log.ts";
import type { HubDoor } from "../realtime/hub-api.ts";
import { TaskState } from "../tasks/contract.ts";
import { medianOf } from "../tasks/facts.ts";
import { Timestamp } from "../wire.ts";
import { z } from "../zod.ts";

/** Decisions that the median looks back on. */
const MAX_DECISIONS = 1_000;

const count = z.number().int().min(0);

export const Stats = z.lazy(() =>
  z
    .strictObject({
      tasks: z.strictObject({ by_state: z.record(TaskState, count), failure_rate: z.number().min(0).max(1) }),
      approvals: z.strictObject({ pending: count, median_seconds: z.number() }),
      locks: z.strictObject({ held: count, queued: count }),
      agents: z.strictObject({ online: count, stale: count, offline: count }),
      audit: z.strictObject({
        rows: count,
        unshipped: count
          .optional()
          .openapi({ description: "rows that the ledger has accepted and D1 does not hold yet" }),
        oldest_unshipped_at: Timestamp.optional(),
        lag_ms: z.number().min(0).optional().openapi({ description: "age of the oldest of them; 0 without any" }),
      }),
      effects: z
        .strictObject({ parked: count })
        .optional()
        .openapi({ description: "messages between actors that were refused for good and wait for a newer version" }),
      sockets: count.optional().openapi({ description: "open WebSockets" }),
    })
    .openapi("Stats"),
);

const BY_STATE = "SELECT state, count(*) AS n FROM tasks WHERE workspace = ?1 GROUP BY state";
const ENDED = `
  SELECT count(*) AS total, coalesce(sum(result IN ('failure', 'timeout')), 0) AS failed
  FROM executions WHERE workspace = ?1 AND result IS NOT NULL`;
const PENDING = "SELECT count(*) AS n FROM approvals WHERE workspace = ?1 AND status = 'PENDING'";
const DECIDED = `
  SELECT (julianday(responded_at) - julianday(created_at)) * 86400 AS seconds FROM approvals
  WHERE workspace = ?1 AND responded_at IS NOT NULL AND status <> 'DELEGATED' ORDER BY responded_at DESC LIMIT ${MAX_DECISIONS}`;
const LOCKS = "SELECT status, count(*) AS n FROM locks WHERE workspace = ?1 GROUP BY status";
const AGENTS = `
  SELECT coalesce(presence.status, 'offline') AS status, count(*) AS n
  FROM agents LEFT JOIN agent_presence AS presence ON presence.workspace = agents.workspace AND presence.id = agents.id
  WHERE agents.workspace = ?1 AND active = 1 GROUP BY 1`;
const ROWS = "SELECT count(*) AS n FROM audit_log WHERE workspace = ?1";

export function statsRoutes(app: App): void {
  endpoint(
    app,
    {
      method: "get",
      path: "/stats",
      tag: "Stats",
      summary: "The workspace at a glance",
      access: { roles: "any", scope: "tasks:read" },
      answers: { 200: Stats },
    },
    async ({ env, caller }) => ({ status: 200, body: await readStats(env, caller.workspace) }),
  );
}

async function readStats(env: Env, workspace: string): Promise<z.infer<typeof Stats>> {
  const statements = [BY_STATE, ENDED, PENDING, DECIDED, LOCKS, AGENTS, ROWS].map((query) =>
    env.DB.prepare(query).bind(workspace),
  );
  const [answers, backlog] = await Promise.all([env.DB.batch(statements), ledgerOf(env, workspace).backlog()]);
  const rows = <Row>(at: number) => (answers[at]?.results ?? []) as Row[];
  const total = (at: number) => rows<{ n: number }>(at)[0]?.n ?? 0;
  const ended = rows<{ total: number; failed: number }>(1)[0] ?? { total: 0, failed: 0 };
  const decided = rows<{ seconds: number }>(3).map(({ seconds }) => seconds);
  const locks = new Map(rows<{ status: string; n: number }>(4).map(({ status, n }) => [status, n]));
  const states = new Map(rows<{ state: string; n: number }>(0).map(({ state, n }) => [state, n]));
  const agents = new Map(rows<{ status: string; n: number }>(5).map(({ status, n }) => [status, n]));
  return {
    tasks: {
      by_state: Object.fromEntries(TaskState.options.map((state) => [state, states.get(state) ?? 0])) as Record<
        TaskState,
        number
      >,
      failure_rate: ended.total === 0 ? 0 : ended.failed / ended.total,
    },
    approvals: { pending: total(2), median_seconds: Math.round((medianOf(decided) ?? 0) * 1000) / 1000 },
    locks: { held: locks.get("held") ?? 0, queued: locks.get("queued") ?? 0 },
    // One that was never seen is as far away as one that has gone.
    agents: {
      online: agents.get("online") ?? 0,
      stale: agents.get("stale") ?? 0,
      offline: agents.get("offline") ?? 0,
    },
    audit: { rows: total(6), ...waiting(backlog, Date.now()) },
    effects: { parked: backlog.parked },
    ...(await openSockets(env, workspace, backlog.hubs)),
  };
}

/** Left out while a hub does not answer: a number that is too low would say that people went away. */
async function openSockets(env: Env, workspace: string, hubs: Backlog["hubs"]): Promise<{ sockets?: number }> {
  try {
    const counts = await Promise.all(hubs.map((hub) => actorOf<HubDoor>(env, workspace, hub).openSockets(hub)));
    return { sockets: counts.reduce((sum, n) => sum + n, 0) };
  } catch (thrown) {
    log("warn", "stats.hub_silent", { cause: causeOf(thrown) });
    return {};
  }
}

function waiting({ unshipped, oldest }: Backlog, now: number): Omit<z.infer<typeof Stats>["audit"], "rows"> {
  if (oldest === undefined) return { unshipped, lag_ms: 0 };
  const at = new Date(oldest);
  return { unshipped, oldest_unshipped_at: at.toISOString(), lag_ms: Math.max(0, now - at.getTime()) };
}
