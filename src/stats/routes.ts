/** `GET /stats`: the workspace at a glance (03, "Routes"). */
import { actorOf } from "../actor/remote.ts";
import { type Backlog, ledgerOf } from "../audit/ledger-api.ts";
import { allTotals, type CountedList, type Total } from "../db/totals.ts";
import type { Env } from "../env.ts";
import { endpoint } from "../http/endpoint.ts";
import type { App } from "../http/endpoint-spec.ts";
import { condition } from "../http/sql-fragment.ts";
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

const DECIDED = `
  SELECT (julianday(responded_at) - julianday(created_at)) * 86400 AS seconds FROM approvals
  WHERE workspace = ? AND responded_at IS NOT NULL AND status <> 'DELEGATED' ORDER BY responded_at DESC LIMIT ${MAX_DECISIONS}`;
const AGENTS = `
  SELECT coalesce(presence.status, 'offline') AS status, count(*) AS n
  FROM agents LEFT JOIN agent_presence AS presence ON presence.workspace = agents.workspace AND presence.id = agents.id
  WHERE agents.workspace = ? AND active = 1 GROUP BY 1`;

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
  const statements = [allTotals(workspace), condition(DECIDED, workspace), condition(AGENTS, workspace)].map(
    ({ text, binds }) => env.DB.prepare(text).bind(...binds),
  );
  const [answers, backlog] = await Promise.all([env.DB.batch(statements), ledgerOf(env, workspace).backlog()]);
  const rows = <Row>(at: number) => (answers[at]?.results ?? []) as Row[];
  const totals = rows<Total>(0);
  const total = (list: CountedList, ...values: readonly string[]) =>
    totals
      .filter((one) => one.list === list && (values.length === 0 || values.includes(one.value)))
      .reduce((sum, one) => sum + one.rows, 0);
  const ended = total("executions") - total("executions", "");
  const decided = rows<{ seconds: number }>(1).map(({ seconds }) => seconds);
  const agents = new Map(rows<{ status: string; n: number }>(2).map(({ status, n }) => [status, n]));
  return {
    tasks: {
      by_state: Object.fromEntries(TaskState.options.map((state) => [state, total("tasks", state)])) as Record<
        TaskState,
        number
      >,
      failure_rate: ended === 0 ? 0 : total("executions", "failure", "timeout") / ended,
    },
    approvals: {
      pending: total("approvals", "PENDING"),
      median_seconds: Math.round((medianOf(decided) ?? 0) * 1000) / 1000,
    },
    locks: { held: total("locks", "held"), queued: total("locks", "queued") },
    // One that was never seen is as far away as one that has gone.
    agents: {
      online: agents.get("online") ?? 0,
      stale: agents.get("stale") ?? 0,
      offline: agents.get("offline") ?? 0,
    },
    audit: { rows: total("audit_log"), ...waiting(backlog, Date.now()) },
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
