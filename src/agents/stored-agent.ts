/** Agents as D1 holds them and as the API shows them. */
import type { AgentRow } from "../db/configuration.ts";
import { maskSecrets } from "../tasks/secrets.ts";
import { isJsonObject } from "../tasks/stable-json.ts";
import type { Agent } from "./contract.ts";

export const AGENT_COLUMNS = `id, name, description, roles, scopes, capabilities, max_tasks, heartbeat_interval_seconds, labels,
  config, active, created_at, updated_at`;

type JsonColumn = "roles" | "scopes" | "capabilities" | "labels" | "config";

/** A row of {@link AGENT_COLUMNS}. */
export type StoredAgent = Omit<AgentRow, JsonColumn | "active"> &
  Readonly<Record<JsonColumn, string>> & { readonly active: number };

export function agentOfRow(stored: StoredAgent): AgentRow {
  return {
    ...stored,
    roles: JSON.parse(stored.roles) as string[],
    scopes: JSON.parse(stored.scopes) as string[],
    capabilities: JSON.parse(stored.capabilities) as string[],
    labels: JSON.parse(stored.labels) as Record<string, string>,
    config: JSON.parse(stored.config) as Record<string, unknown>,
    active: stored.active === 1,
  };
}

export async function findAgent(db: D1Database, workspace: string, id: string): Promise<AgentRow | null> {
  const stored = await db
    .prepare(`SELECT ${AGENT_COLUMNS} FROM agents WHERE workspace = ?1 AND id = ?2`)
    .bind(workspace, id)
    .first<StoredAgent>();
  return stored === null ? null : agentOfRow(stored);
}

/** Who may be given work, with the task types that they take (none: every type). */
export async function activeAgents(
  db: D1Database,
  workspace: string,
): Promise<{ readonly id: string; readonly capabilities: readonly string[] }[]> {
  const { results } = await db
    .prepare("SELECT id, capabilities FROM agents WHERE workspace = ?1 AND active = 1")
    .bind(workspace)
    .all<{ id: string; capabilities: string }>();
  return results.map(({ id, capabilities }) => ({ id, capabilities: JSON.parse(capabilities) as string[] }));
}

/** An agent as served. Its config is masked wherever the answer is kept or shown to others than admins and itself. */
export function agentView(agent: AgentRow, config: "masked" | "whole"): Agent {
  return {
    ...agent,
    roles: [...agent.roles],
    scopes: [...agent.scopes],
    capabilities: [...agent.capabilities],
    labels: { ...agent.labels },
    config: config === "masked" ? maskedConfig(agent.config) : { ...agent.config },
  };
}

export function maskedConfig(config: AgentRow["config"]): Record<string, unknown> {
  const masked = maskSecrets(config);
  if (!isJsonObject(masked)) throw new Error("a masked object is no object");
  return masked;
}
