/** Changes of agents (02-http-and-auth, "Agents"), as plans of the configuration journal. */
import type { Happening } from "../actor/journal.ts";
import { fail, ok, type Result } from "../actor/result.ts";
import type { Plan, Planner } from "../audit/plan.ts";
import type { AgentRow } from "../db/configuration.ts";
import { changed } from "../users/changed.ts";
import {
  freeId,
  holderOfId,
  keepsOneself,
  type PrincipalKind,
  type PrincipalRef,
  samePrincipal,
} from "../users/principal-ref.ts";
import { countTokens, type FirstToken, firstToken } from "../users/tokens.ts";
import type { AgentEffect } from "./agent-api.ts";
import { isAskedToDrain } from "./drain-label.ts";
import { agentView, findAgent, maskedConfig } from "./stored-agent.ts";

/** What an admin may change of an agent. */
export interface AgentPatch {
  readonly capabilities?: readonly string[] | undefined;
  readonly max_tasks?: number | undefined;
  readonly labels?: AgentRow["labels"] | undefined;
  readonly config?: AgentRow["config"] | undefined;
  readonly roles?: readonly string[] | undefined;
  readonly scopes?: readonly string[] | undefined;
  readonly active?: boolean | undefined;
}

export type AgentCommand =
  | {
      readonly do: "create";
      readonly agent: Omit<AgentRow, "active" | "created_at" | "updated_at">;
      readonly token: FirstToken;
    }
  | { readonly do: "update"; readonly id: string; readonly by: PrincipalRef; readonly set: AgentPatch }
  | { readonly do: "remove"; readonly id: string; readonly by: PrincipalRef; readonly forced: boolean };

/** What D1 knows that a command depends on. */
export interface AgentFacts {
  readonly agent: AgentRow | null;
  /** who has the id, user or agent */
  readonly holder: PrincipalKind | null;
  /** how many tokens the agent has */
  readonly tokens: number;
}

export const agentPlanner: Planner<AgentCommand, AgentFacts> = {
  async read(db, workspace, command) {
    const id = command.do === "create" ? command.agent.id : command.id;
    const [agent, holder, tokens] = await Promise.all([
      findAgent(db, workspace, id),
      holderOfId(db, workspace, id),
      countTokens(db, workspace, { kind: "agent", id }),
    ]);
    return { agent, holder, tokens };
  },

  plan(command, facts, now) {
    if (command.do === "create") return create(command, facts.holder, now);
    const { agent, tokens } = facts;
    if (agent === null) return fail("AGENT_NOT_FOUND", `there is no agent ${command.id}`);
    return command.do === "update" ? update(command, agent, tokens, now) : remove(command, tokens);
  },
};

function create(
  { agent, token }: AgentCommand & { do: "create" },
  holder: PrincipalKind | null,
  now: string,
): Result<Plan> {
  const free = freeId(agent.id, holder);
  if (!free.ok) return free;
  const row: AgentRow = { ...agent, active: true, created_at: now, updated_at: now };
  const first = firstToken({ kind: "agent", id: row.id }, token, now);
  return ok({
    changes: [{ put: "agents", row }, ...first.changes],
    happenings: [happened("agent.created", row.id, { ...agent }), ...first.happenings],
    answer: { agent: agentView(row, "masked"), token_id: token.token_id },
    effects: [tell(row.id, configured(row))],
  });
}

function update(
  { id, by, set }: AgentCommand & { do: "update" },
  agent: AgentRow,
  tokens: number,
  now: string,
): Result<Plan> {
  const fields = changed(agent, set);
  if (Object.keys(fields).length === 0) {
    return ok({ changes: [], happenings: [], answer: { agent: agentView(agent, "masked") } });
  }
  const row: AgentRow = { ...agent, ...fields, updated_at: now };
  const kept = keepsOneself(by, { kind: "agent", id }, agent, row);
  if (!kept.ok) return kept;
  const leaves = agent.active && !row.active;
  const details = {
    ...fields,
    ...(leaves && { tokens_revoked: tokens }),
  };
  return ok({
    changes: [{ put: "agents", row }, ...(leaves ? [tokensOf(id)] : [])],
    happenings: [happened("agent.updated", id, details)],
    answer: { agent: agentView(row, "masked") },
    effects: concernsActor(agent, row) ? [tell(id, configured(row))] : [],
  });
}

/** Whether it applies a task is asked of its actor before; the removal releases what it takes up until then. */
function remove({ id, by, forced }: AgentCommand & { do: "remove" }, tokens: number): Result<Plan> {
  if (samePrincipal(by, { kind: "agent", id })) {
    return fail("INVALID_STATE", "you cannot delete yourself", { state: "active", allowed: [] });
  }
  return ok({
    changes: [{ remove: "agents", id }, tokensOf(id)],
    happenings: [happened("agent.deleted", id, { tokens_revoked: tokens })],
    answer: {},
    effects: [tell(id, { do: "removed", forced })],
  });
}

function tokensOf(id: string) {
  return { remove: "tokens", principal_kind: "agent", principal_id: id } as const;
}

function concernsActor(before: AgentRow, after: AgentRow): boolean {
  return before.max_tasks !== after.max_tasks || isAskedToDrain(before.labels) !== isAskedToDrain(after.labels);
}

function configured({ max_tasks, heartbeat_interval_seconds, labels }: AgentRow): AgentEffect {
  return { do: "configured", max_tasks, heartbeat_interval_seconds, drain: isAskedToDrain(labels) };
}

function tell(id: string, body: AgentEffect) {
  return { target: `agent:${id}`, body };
}

function happened(action: string, id: string, details: Record<string, unknown>): Happening {
  // Labels and config are anybody's keys and values.
  return { action, subject_type: "agent", subject_id: id, details: maskedConfig(details) };
}
