/** Who has an API token, as D1 knows it, or the configuration journal (02, "Authentication"). */
import { ledgerOf } from "../audit/ledger-api.ts";
import type { Env } from "../env.ts";
import { causeOf, log } from "../log.ts";
import { readTokenHolder, type TokenHolder } from "../users/token-holder.ts";
import { tokenHash } from "../users/token-text.ts";
import type { Principal } from "./access.ts";
import { expired, type Found } from "./known-bearers.ts";

/** `last_used_at` is worth a write this often. */
const USED_EVERY_MS = 5 * 60_000;

/** Rejects while D1 fails. @param now ms @param after does work once the request is answered */
export async function tokenHolder(
  token: string,
  env: Env,
  now: number,
  after: (work: Promise<unknown>) => void,
): Promise<Found> {
  const holder = await readTokenHolder(env.DB, tokenHash(token));
  const found = foundIn(holder, now);
  if (holder !== null && "principal" in found) noteUse(holder, env, now, after);
  return found;
}

/**
 * Whom the configuration journal says that a token belongs to which D1 has told of before: a change is in the journal before it
 * is in D1, so that nobody gets in here whom D1 would refuse. Rejects while the journal does not answer, or never had the token:
 * the identity provider's. @param now ms
 */
export async function journaledHolder(
  token: string,
  env: Env,
  { workspace, who }: Principal,
  now: number,
): Promise<Found> {
  if (who.token_id === undefined) throw new Error("only tokens of our own are in the configuration journal");
  return foundIn(await ledgerOf(env, workspace).tokenHolder(who.token_id, tokenHash(token)), now);
}

function foundIn(holder: TokenHolder | null, now: number): Found {
  if (holder === null || !holder.active) {
    // Which of both it is, is for the trail alone.
    const message = "nobody has this token, or its holder is not active";
    return holder === null ? { dead: "unknown", message } : { dead: "inactive", message, workspace: holder.workspace };
  }
  const expires_at = holder.expires_at === null ? Number.POSITIVE_INFINITY : Date.parse(holder.expires_at);
  return expires_at <= now ? expired(holder.workspace) : { principal: principalFrom(holder), expires_at };
}

function principalFrom(holder: TokenHolder): Principal {
  const { workspace, id, kind, roles, token_id, name, scopes, agent_scopes } = holder;
  return { workspace, who: { id, kind, roles, token_id }, name, scopes: narrowed(scopes, agent_scopes), root: false };
}

/** A token's scopes within its agent's; an empty list narrows nothing. */
function narrowed(token: readonly string[] | null, agent: readonly string[] | null): readonly string[] | null {
  const own = token === null || token.length === 0 ? null : token;
  const all = agent === null || agent.length === 0 ? null : agent;
  if (own === null) return all;
  return all === null ? own : own.filter((scope) => all.includes(scope));
}

/** Telemetry, not configuration: written straight to D1, seldom, after the answer, and not in the trail. */
function noteUse(holder: TokenHolder, env: Env, now: number, after: (work: Promise<unknown>) => void): void {
  const used = holder.last_used_at ?? null;
  if (used !== null && now - Date.parse(used) < USED_EVERY_MS) return;
  const write = env.DB.prepare("UPDATE tokens SET last_used_at = ?1 WHERE workspace = ?2 AND token_id = ?3")
    .bind(new Date(now).toISOString(), holder.workspace, holder.token_id)
    .run()
    .catch((thrown) => log("warn", "token.use_not_noted", { cause: causeOf(thrown) }));
  after(write);
}
