/** Who a bearer token stands for: checksum first, then the isolate's cache, then D1 (02, "Authentication"). */
import { timingSafeEqual } from "node:crypto";
import type { DeadToken } from "../audit/failed-logins.ts";
import { ledgerOf } from "../audit/ledger-api.ts";
import type { Env } from "../env.ts";
import { causeOf, log } from "../log.ts";
import { readTokenHolder, type TokenHolder } from "../users/token-holder.ts";
import { isWellFormedToken, tokenHash } from "../users/token-text.ts";
import { looksLikeTaskToken, readTaskToken } from "../webhooks/task-token.ts";
import type { Access, Principal } from "./access.ts";
import { countFailedLogin } from "./failed-login-counter.ts";
import { refuse, refuseInvalid } from "./failure.ts";

const ROOT_TOKEN_MIN = 32;
/** A revoked token dies within this everywhere. */
const CACHE_MS = 30_000;
/** While D1 fails, how long a validated token keeps leases alive. */
const OUTAGE_MS = 15 * 60_000;
/** `last_used_at` is worth a write this often. */
const USED_EVERY_MS = 5 * 60_000;
const CACHE_ENTRIES = 10_000;
const WORKSPACE = /^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/;

interface Known {
  readonly principal: Principal;
  readonly expires_at: number;
  readonly validated_at: number;
}

/** Per isolate. Only ever holds principals that D1 confirmed, or the configuration journal after it. */
const cache = new Map<string, Known>();

/** Ends a request whose token is of the right form and no good; `workspace` is its holder's, if it has one. */
type DeadEnd = (reason: DeadToken, message: string, workspace?: string) => never;

/** The principal of a request, or the end of it: 401, or 503 while nobody can be known. */
export async function authenticate(
  request: Request,
  env: Env,
  access: Access,
  after: (work: Promise<unknown>) => void,
): Promise<Principal> {
  if (env.ROOT_TOKEN === undefined || env.ROOT_TOKEN.length < ROOT_TOKEN_MIN) {
    refuse("UNAVAILABLE", `set the secret ROOT_TOKEN to at least ${ROOT_TOKEN_MIN} random characters`);
  }
  const token = bearer(request);
  const workspace = request.headers.get("X-Workspace");
  if (sameText(token, env.ROOT_TOKEN)) return rootPrincipal(workspace);
  const ofTask = access.taskToken === true && looksLikeTaskToken(token);
  if (!ofTask && !isWellFormedToken(token)) return unauthenticated("this is not a valid token");
  const dead: DeadEnd = (reason, message, where) => {
    countFailedLogin(env, request, reason, after, where);
    return unauthenticated(message);
  };
  const principal = ofTask
    ? executorPrincipal(env.ROOT_TOKEN, token)
    : await principalOf(token, env, access, after, dead);
  if (workspace !== null && workspace !== principal.workspace) {
    refuse("FORBIDDEN", "only root may name another workspace");
  }
  return principal;
}

function bearer(request: Request): string {
  const header = request.headers.get("Authorization");
  if (header === null) return unauthenticated("send Authorization: Bearer with a token");
  const [scheme, token, ...rest] = header.trim().split(/\s+/);
  if (scheme?.toLowerCase() !== "bearer" || token === undefined || rest.length > 0) {
    return unauthenticated("send Authorization: Bearer with one token");
  }
  return token;
}

function rootPrincipal(workspace: string | null): Principal {
  if (workspace !== null && !WORKSPACE.test(workspace)) {
    refuseInvalid({ field: "X-Workspace", issue: "must be 1 to 64 characters out of a-z 0-9 -" });
  }
  return {
    workspace: workspace ?? "default",
    who: { id: "root", kind: "user", roles: ["admin"] },
    name: "root",
    scopes: null,
    root: true,
  };
}

/** Needs no look-up: the token proves itself, and the task knows whether that attempt is still under way. */
function executorPrincipal(rootToken: string, token: string): Principal {
  const read = readTaskToken(rootToken, token);
  if (read === null) return unauthenticated("this is not a valid token of a task");
  const { workspace, task_id, attempt } = read;
  return {
    workspace,
    who: { id: "executor", kind: "agent", roles: ["system"], session_id: `task:${task_id}:${attempt}` },
    name: "executor",
    scopes: null,
    root: false,
    task_id,
  };
}

async function principalOf(
  token: string,
  env: Env,
  access: Access,
  after: (work: Promise<unknown>) => void,
  dead: DeadEnd,
): Promise<Principal> {
  const hash = tokenHash(token);
  const now = Date.now();
  const known = cache.get(hash);
  if (known !== undefined && known.expires_at <= now) {
    return dead("expired", "this token has expired", known.principal.workspace);
  }
  if (known !== undefined && !access.fresh && now - known.validated_at < CACHE_MS) return known.principal;
  let holder: TokenHolder | null;
  try {
    holder = await readTokenHolder(env.DB, hash);
  } catch (thrown) {
    if (access.survivesOutage && known !== undefined && now - known.validated_at < OUTAGE_MS) return known.principal;
    log("error", "principal.unreadable", { cause: causeOf(thrown) });
    if (!access.needsNoDatabase || known === undefined) return unavailable();
    holder = await holderInJournal(env, known.principal, hash);
  }
  if (holder === null || !holder.active) {
    cache.delete(hash);
    // Which of both it is, is for the trail alone.
    return dead(
      holder === null ? "unknown" : "inactive",
      "nobody has this token, or its holder is not active",
      holder?.workspace,
    );
  }
  const expires = holder.expires_at === null ? Number.POSITIVE_INFINITY : Date.parse(holder.expires_at);
  if (expires <= now) return dead("expired", "this token has expired", holder.workspace);
  const principal = principalFrom(holder);
  if (cache.size >= CACHE_ENTRIES) cache.delete(cache.keys().next().value ?? "");
  cache.delete(hash);
  cache.set(hash, { principal, expires_at: expires, validated_at: now });
  noteUse(holder, env, now, after);
  return principal;
}

/**
 * Whom the configuration journal says that a token belongs to which D1 has told of before: a change is in the journal before it
 * is in D1, so that nobody gets in here whom D1 would refuse.
 */
async function holderInJournal(env: Env, { workspace, who }: Principal, hash: string): Promise<TokenHolder | null> {
  try {
    return await ledgerOf(env, workspace).tokenHolder(who.token_id ?? "", hash);
  } catch (thrown) {
    log("error", "principal.unconfirmed", { cause: causeOf(thrown) });
    return unavailable();
  }
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
  const { last_used_at } = holder;
  if (last_used_at === undefined) return;
  if (last_used_at !== null && now - Date.parse(last_used_at) < USED_EVERY_MS) return;
  const write = env.DB.prepare("UPDATE tokens SET last_used_at = ?1 WHERE workspace = ?2 AND token_id = ?3")
    .bind(new Date(now).toISOString(), holder.workspace, holder.token_id)
    .run()
    .catch((thrown) => log("warn", "token.use_not_noted", { cause: causeOf(thrown) }));
  after(write);
}

/** Takes as long for any two texts of one length; that the length shows gives nothing away. */
function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.byteLength === right.byteLength && timingSafeEqual(left, right);
}

function unavailable(): never {
  return refuse("UNAVAILABLE", "the database does not answer", { retry_after_seconds: 2 });
}

function unauthenticated(message: string): never {
  return refuse("UNAUTHENTICATED", message, undefined, { "WWW-Authenticate": "Bearer" });
}
