/** Who has an API token, as D1 knows it (02, "Authentication"). */
import type { Env } from "../env.ts";
import { causeOf, log } from "../log.ts";
import { tokenHash } from "../users/token-text.ts";
import type { Principal } from "./access.ts";
import { expired, type Found } from "./known-bearers.ts";

/** `last_used_at` is worth a write this often. */
const USED_EVERY_MS = 5 * 60_000;

interface TokenHolder {
  workspace: string;
  token_id: string;
  kind: "user" | "agent";
  id: string;
  name: string;
  roles: string;
  active: number;
  scopes: string | null;
  agent_scopes: string | null;
  expires_at: string | null;
  last_used_at: string | null;
}

const HOLDER_OF_TOKEN = `
  SELECT t.workspace, t.token_id, t.principal_kind AS kind, t.principal_id AS id, t.scopes, t.expires_at, t.last_used_at,
         coalesce(u.name, a.name) AS name, coalesce(u.roles, a.roles) AS roles, coalesce(u.active, a.active) AS active,
         a.scopes AS agent_scopes
  FROM tokens t
  LEFT JOIN users u ON t.principal_kind = 'user' AND u.workspace = t.workspace AND u.id = t.principal_id
  LEFT JOIN agents a ON t.principal_kind = 'agent' AND a.workspace = t.workspace AND a.id = t.principal_id
  WHERE t.hash = ?1`;

/** Rejects while D1 fails. @param now ms @param after does work once the request is answered */
export async function tokenHolder(
  token: string,
  env: Env,
  now: number,
  after: (work: Promise<unknown>) => void,
): Promise<Found> {
  const holder = await env.DB.prepare(HOLDER_OF_TOKEN).bind(tokenHash(token)).first<TokenHolder>();
  if (holder === null || holder.active !== 1) {
    // Which of both it is, is for the trail alone.
    const message = "nobody has this token, or its holder is not active";
    return holder === null ? { dead: "unknown", message } : { dead: "inactive", message, workspace: holder.workspace };
  }
  const expires_at = holder.expires_at === null ? Number.POSITIVE_INFINITY : Date.parse(holder.expires_at);
  if (expires_at <= now) return expired(holder.workspace);
  noteUse(holder, env, now, after);
  return { principal: principalFrom(holder), expires_at };
}

function principalFrom(holder: TokenHolder): Principal {
  return {
    workspace: holder.workspace,
    who: { id: holder.id, kind: holder.kind, roles: parseList(holder.roles) ?? [], token_id: holder.token_id },
    name: holder.name,
    scopes: narrowed(parseList(holder.scopes), parseList(holder.agent_scopes)),
    root: false,
  };
}

function parseList(text: string | null): string[] | null {
  return text === null ? null : (JSON.parse(text) as string[]);
}

/** A token's scopes within its agent's; an empty list narrows nothing. */
function narrowed(token: string[] | null, agent: string[] | null): readonly string[] | null {
  const own = token === null || token.length === 0 ? null : token;
  const all = agent === null || agent.length === 0 ? null : agent;
  if (own === null) return all;
  return all === null ? own : own.filter((scope) => all.includes(scope));
}

/** Telemetry, not configuration: written straight to D1, seldom, after the answer, and not in the trail. */
function noteUse(holder: TokenHolder, env: Env, now: number, after: (work: Promise<unknown>) => void): void {
  if (holder.last_used_at !== null && now - Date.parse(holder.last_used_at) < USED_EVERY_MS) return;
  const write = env.DB.prepare("UPDATE tokens SET last_used_at = ?1 WHERE workspace = ?2 AND token_id = ?3")
    .bind(new Date(now).toISOString(), holder.workspace, holder.token_id)
    .run()
    .catch((thrown) => log("warn", "token.use_not_noted", { cause: causeOf(thrown) }));
  after(write);
}
