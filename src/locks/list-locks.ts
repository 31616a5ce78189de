/** GET /locks: which leases there are says the read model, how each of them stands says its actor (04, "Routes"). */
import { type Caller, hasRole } from "../actor/caller.ts";
import { parseId } from "../actor/ids.ts";
import { actorAt } from "../actor/remote.ts";
import { keptTotal } from "../db/totals.ts";
import type { Env } from "../env.ts";
import { condition, type Page, paged, type SqlFragment } from "../http/pagination.ts";
import { PageQuery } from "../http/validation.ts";
import { z } from "../zod.ts";
import { type LockInfo, LockKind } from "./contract.ts";
import type { LockApi } from "./lock-api.ts";

export const ListLocks = z.lazy(() =>
  z.strictObject({
    ...PageQuery,
    resource_type: LockKind.optional(),
    resource_id: z.string().min(1).max(512).optional(),
    agent_id: z.string().min(1).max(128).optional().openapi({ description: "of the holder or of somebody who waits" }),
    session_id: z
      .string()
      .min(1)
      .max(128)
      .optional()
      .openapi({ description: "of the holder or of somebody who waits" }),
  }),
);
export type ListLocks = z.infer<typeof ListLocks>;

/**
 * Held leases, the newest first: all of them for an admin, else the caller's own. One that ended since the read model knew
 * of it is left out of its page, though `total` still counts it.
 */
export async function listLocks(
  env: Env,
  caller: Caller,
  query: ListLocks,
): Promise<{ readonly locks: LockInfo[]; readonly pagination: Page<object>["pagination"] }> {
  const where = filters(caller, query);
  const { rows, pagination } = await paged<{ id: string }>(
    env.DB,
    {
      select: "id",
      from: "locks",
      where,
      order: { column: "since", direction: "desc", tiebreaker: "id" },
      // All that are held in the workspace: nothing but that was asked for.
      total: where.length === 2 ? keptTotal(caller.workspace, "locks", ["held"]) : undefined,
    },
    query,
  );
  const ids = rows.map(({ id }) => id);
  const infos = await infosOf(env, caller.workspace, ids);
  return { locks: ids.flatMap((id) => infos.get(id) ?? []), pagination };
}

/** How many holders, and how many that wait, a page tells of: its leases may all be of one lock, and each tells them. */
const TOLD = 10_000;

/** Asks each lock once, however many of its leases are on the page. */
async function infosOf(env: Env, workspace: string, ids: readonly string[]): Promise<ReadonlyMap<string, LockInfo>> {
  const leases = ids.flatMap((id) => parseId(id) ?? []);
  const infos = await Promise.all(
    [...Map.groupBy(leases, ({ address }) => address)].map(([address, [first, ...others]]) => {
      if (first === undefined) return [];
      const members = [first, ...others].map(({ member }) => member);
      return actorAt<LockApi>(env, workspace, first.kind, address).infos(members, Math.floor(TOLD / ids.length));
    }),
  );
  return new Map(infos.flat().map((info) => [info.id, info]));
}

function filters({ workspace, who }: Caller, query: ListLocks): SqlFragment[] {
  const { resource_type, resource_id, agent_id, session_id } = query;
  const given = [
    condition("workspace = ?", workspace),
    condition("status = 'held'"),
    !hasRole(who, "admin") && condition("agent_id = ?", who.id),
    resource_type !== undefined && condition("resource_type = ?", resource_type),
    resource_id !== undefined && condition("resource_id = ?", resource_id),
    (agent_id !== undefined || session_id !== undefined) && concerning(agent_id, session_id),
  ];
  return given.filter((fragment) => fragment !== false);
}

/** Leases whose holder, or somebody who waits for the same lock, is of this agent and session. */
function concerning(agentId: string | undefined, sessionId: string | undefined): SqlFragment {
  const own = [
    ...(agentId === undefined ? [] : [condition("entry.agent_id = ?", agentId)]),
    ...(sessionId === undefined ? [] : [condition("entry.session_id = ?", sessionId)]),
  ];
  return condition(
    `EXISTS (SELECT 1 FROM locks AS entry WHERE entry.workspace = locks.workspace
       AND entry.resource_type = locks.resource_type AND entry.resource_id = locks.resource_id
       AND (entry.id = locks.id OR entry.status = 'queued') AND ${own.map(({ text }) => text).join(" AND ")})`,
    ...own.flatMap(({ binds }) => binds),
  );
}
