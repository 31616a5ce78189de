import type { AgentRow } from "../db/configuration.ts";
import { condition, oneOf, type Page, type PageRequest, paged, type SqlFragment } from "../http/pagination.ts";
import { matches } from "../pattern.ts";
import type { AgentPresence } from "./agent-api.ts";
import { AGENT_COLUMNS, agentOfRow, type StoredAgent } from "./stored-agent.ts";

export interface AgentFilter extends PageRequest {
  readonly status?: AgentPresence["status"] | undefined;
  /** part of the name; case of ASCII letters aside */
  readonly name?: string | undefined;
  /** a task type that the agent takes */
  readonly capability?: string | undefined;
  /** a scope that the agent's tokens may have */
  readonly scope?: string | undefined;
}

const STATUS = `coalesce(
  (SELECT status FROM agent_presence WHERE agent_presence.workspace = agents.workspace AND agent_presence.id = agents.id),
  'never_seen')`;

/** Agents by id. An agent without capabilities takes every task type; one without scopes may have every scope. */
export async function listAgents(db: D1Database, workspace: string, filter: AgentFilter): Promise<Page<AgentRow>> {
  const where: SqlFragment[] = [condition("workspace = ?", workspace)];
  if (filter.name !== undefined) where.push(condition("instr(lower(name), lower(?)) > 0", filter.name));
  if (filter.status !== undefined) where.push(condition(`${STATUS} = ?`, filter.status));
  if (filter.scope !== undefined) where.push(noneOrOneOf("scopes", [filter.scope]));
  if (filter.capability !== undefined) {
    where.push(noneOrOneOf("capabilities", await capabilitiesFor(db, workspace, filter.capability)));
  }
  const { rows, pagination } = await paged<StoredAgent>(
    db,
    { select: AGENT_COLUMNS, from: "agents", where, order: { column: "id", direction: "asc" } },
    filter,
  );
  return { rows: rows.map(agentOfRow), pagination };
}

/** The patterns of this workspace's agents that take a task type. SQL cannot match patterns, but there are few. */
async function capabilitiesFor(db: D1Database, workspace: string, taskType: string): Promise<readonly string[]> {
  const { results } = await db
    .prepare(
      "SELECT DISTINCT pattern.value AS pattern FROM agents, json_each(capabilities) AS pattern WHERE workspace = ?1",
    )
    .bind(workspace)
    .all<{ pattern: string }>();
  return results.map(({ pattern }) => pattern).filter((pattern) => matches(pattern, taskType));
}

/** The JSON list in a column is empty or holds one of `values`. */
function noneOrOneOf(column: string, values: readonly string[]): SqlFragment {
  const held = oneOf("held.value", values);
  return condition(
    `${column} = '[]' OR EXISTS (SELECT 1 FROM json_each(${column}) AS held WHERE ${held.text})`,
    ...held.binds,
  );
}
