/** Agents: their records, presence, tokens and heartbeats (02-http-and-auth, "Agents"). */
import type { Caller } from "../actor/caller.ts";
import { fail, ok, type Result } from "../actor/result.ts";
import { ledgerOf } from "../audit/ledger-api.ts";
import type { AgentRow } from "../db/configuration.ts";
import type { Env } from "../env.ts";
import { freshSlug } from "../fresh-slug.ts";
import { ADMIN, mayCall, type Principal } from "../http/access.ts";
import { endpoint, reply, unwrap } from "../http/endpoint.ts";
import type { App } from "../http/endpoint-spec.ts";
import { queryBoolean } from "../http/validation.ts";
import { causeOf, log } from "../log.ts";
import { isPrincipalId, principalRef } from "../users/principal-ref.ts";
import { mintToken, shownOnce, tokenRoutes } from "../users/token-routes.ts";
import { z } from "../zod.ts";
import { agentOf } from "./agent-api.ts";
import {
  Agent,
  AgentBeat,
  AgentCreated,
  AgentHeartbeat,
  AgentList,
  AgentQuery,
  CreateAgent,
  PresentAgent,
  UpdateAgent,
} from "./contract.ts";
import { extendLeases, releaseLeases } from "./leases.ts";
import { listAgents } from "./list-agents.ts";
import { agentView, findAgent } from "./stored-agent.ts";

const tag = "Agents";
const params = z.strictObject({ id: z.string() });
const READ = { roles: "any", scope: "agents:read" } as const;

export function agentRoutes(app: App): void {
  endpoint(
    app,
    {
      method: "post",
      path: "/agents",
      tag,
      summary: "Add an agent, with a first token that is shown once",
      access: ADMIN,
      body: CreateAgent,
      answers: { 201: AgentCreated },
      errors: ["ALREADY_EXISTS"],
    },
    async ({ env, caller, body }) => {
      const token = mintToken();
      const result = await ledgerOf(env, caller.workspace).configure(caller, {
        of: "agent",
        command: {
          do: "create",
          agent: { ...body, id: body.id ?? freshSlug("agent"), description: body.description ?? null },
          token: token.kept,
        },
      });
      return reply(result, 201, (kept) => ({ ...kept, ...shownOnce(result, token.text) }));
    },
  );

  endpoint(
    app,
    {
      method: "get",
      path: "/agents",
      tag,
      summary: "Agents, by id, with their presence",
      description:
        "`name`: part of it, whatever the case. `capability`: a task type that the agent takes. `scope`: one that its " +
        "tokens may have. `status` and `total` are as the lists know them, normally well under a second behind; an agent " +
        "whose presence is found to have changed since is left out of the page.",
      access: READ,
      query: AgentQuery,
      answers: { 200: AgentList },
    },
    async ({ env, caller, principal, query }) => {
      const { rows, pagination } = await listAgents(env.DB, caller.workspace, query);
      const present = await Promise.all(rows.map((agent) => withPresence(env, principal, agent)));
      const agents = present.filter(({ presence }) => query.status === undefined || presence.status === query.status);
      return { status: 200, body: { agents, pagination } };
    },
  );

  endpoint(
    app,
    {
      method: "get",
      path: "/agents/{id}",
      tag,
      summary: "One agent and its presence",
      description: "What looks like a secret in `config` is masked for everybody but admins and the agent itself.",
      access: READ,
      params,
      answers: { 200: PresentAgent },
      errors: ["AGENT_NOT_FOUND"],
    },
    async ({ env, principal, params: { id } }) => {
      const agent = unwrap(await existing(env, principal.workspace, id));
      return { status: 200, body: await withPresence(env, principal, agent) };
    },
  );

  endpoint(
    app,
    {
      method: "patch",
      path: "/agents/{id}",
      tag,
      summary: "Change an agent",
      description: "Raising `max_tasks` grants waiters at once. With `active: false` its tokens die.",
      access: ADMIN,
      params,
      body: UpdateAgent,
      answers: { 200: Agent },
      errors: ["AGENT_NOT_FOUND", "INVALID_STATE"],
    },
    async ({ env, caller, params: { id }, body }) => {
      unwrap(await existing(env, caller.workspace, id));
      const result = await ledgerOf(env, caller.workspace).configure(caller, {
        of: "agent",
        command: { do: "update", id, by: principalRef(caller.who), set: body },
      });
      return reply(result, 200, ({ agent }) => agent);
    },
  );

  endpoint(
    app,
    {
      method: "delete",
      path: "/agents/{id}",
      tag,
      summary: "Remove an agent",
      description: "Refused while it applies a task, unless `force=true`, which releases its leases.",
      access: ADMIN,
      params,
      query: z.strictObject({ force: queryBoolean.optional() }),
      answers: { 204: null },
      errors: ["AGENT_NOT_FOUND", "INVALID_STATE"],
    },
    async ({ env, caller, params: { id }, query }) => {
      unwrap(await existing(env, caller.workspace, id));
      if (query.force !== true) unwrap(await idle(env, caller.workspace, id));
      const forced = query.force === true;
      const command = { do: "remove", id, by: principalRef(caller.who), forced } as const;
      unwrap(await ledgerOf(env, caller.workspace).configure(caller, { of: "agent", command }));
      // Its actor looks again, also for what fails here: the agent is gone, whatever becomes of this.
      if (forced) await releaseLeases(env, caller, id).catch((thrown) => unreleased(caller, id, thrown));
      return { status: 204 };
    },
  );

  endpoint(
    app,
    {
      method: "post",
      path: "/agents/{id}/heartbeat",
      tag,
      summary: "Still here: keeps presence and leases alive in one call",
      access: { roles: "any", scope: "agents:write", survivesOutage: true },
      unlimited: true,
      params,
      body: AgentHeartbeat,
      answers: { 200: AgentBeat },
      errors: ["AGENT_NOT_FOUND"],
    },
    async ({ env, caller, params: { id }, body }) => {
      unwrap(isOneself(caller.who, id));
      const { status, metrics, lock_ids, ttl_extension_seconds } = body;
      const beat = await agentOf(env, caller.workspace, id).beat(caller, `agent:${id}`, { status, metrics });
      const { presence, commands } = unwrap(beat);
      const leases = await extendLeases(env, caller, lock_ids, ttl_extension_seconds * 1000);
      return { status: 200, body: { presence, leases, commands: [...commands] } };
    },
  );

  tokenRoutes(app, "agent");
}

async function existing(env: Env, workspace: string, id: string): Promise<Result<AgentRow>> {
  const agent = isPrincipalId(id) ? await findAgent(env.DB, workspace, id) : null;
  return agent === null ? fail("AGENT_NOT_FOUND", `there is no agent ${id}`) : ok(agent);
}

function unreleased({ request_id }: Caller, agent_id: string, thrown: unknown): void {
  log("warn", "leases.not_released", { request_id, agent_id, cause: causeOf(thrown) });
}

async function idle(env: Env, workspace: string, id: string): Promise<Result<null>> {
  const tasks = await agentOf(env, workspace, id).activeTasks(`agent:${id}`);
  if (tasks.length === 0) return ok(null);
  const details = { state: "applying", allowed: [], tasks };
  return fail("INVALID_STATE", `${id} applies ${tasks.length} tasks; force=true releases its leases`, details);
}

async function withPresence(env: Env, principal: Principal, agent: AgentRow): Promise<PresentAgent> {
  const presence = await agentOf(env, principal.workspace, agent.id).presence(`agent:${agent.id}`);
  const trusted = isOneself(principal.who, agent.id).ok || mayCall(principal, ADMIN).ok;
  return { ...agentView(agent, trusted ? "whole" : "masked"), presence };
}

function isOneself(who: Principal["who"], id: string): Result<null> {
  if (who.kind === "agent" && who.id === id) return ok(null);
  return fail("FORBIDDEN", "only the agent itself can say that it is alive");
}
