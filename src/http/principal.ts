/** Who a bearer token stands for: the isolate's cache first, then its form, then D1 (02, "Authentication"). */
import { timingSafeEqual } from "node:crypto";
import type { Env } from "../env.ts";
import { EXECUTOR } from "../users/principal-ref.ts";
import { isWellFormedToken } from "../users/token-text.ts";
import { looksLikeTaskToken, readTaskToken } from "../webhooks/task-token.ts";
import type { Access, Principal } from "./access.ts";
import { countFailedLogin } from "./failed-login-counter.ts";
import { refuse, refuseInvalid } from "./failure.ts";
import { knownBearer } from "./known-bearers.ts";
import { journaledHolder, tokenHolder } from "./token-holder.ts";
import { isIdentityToken, vouchedPerson } from "./vouched-person.ts";

const ROOT_TOKEN_MIN = 32;
const WORKSPACE = /^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/;

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
  const principal = ofTask
    ? executorPrincipal(env.ROOT_TOKEN, token)
    : await holderOf(token, request, env, access, after);
  if (workspace !== null && workspace !== principal.workspace) {
    refuse("FORBIDDEN", "only root may name another workspace");
  }
  return principal;
}

/** Whoever has an API token, or is vouched for by the identity provider. */
async function holderOf(
  token: string,
  request: Request,
  env: Env,
  access: Access,
  after: (work: Promise<unknown>) => void,
): Promise<Principal> {
  const now = Date.now();
  const found = await knownBearer(token, access, now, {
    look: async () => {
      if (isIdentityToken(token, env)) return vouchedPerson(token, env, now);
      if (!isWellFormedToken(token)) return unauthenticated("this is not a valid token");
      return tokenHolder(token, env, now, after);
    },
    confirm: (known) => journaledHolder(token, env, known, now),
  });
  if (!("dead" in found)) return found.principal;
  countFailedLogin(env, request, found.dead, after, found.workspace);
  return unauthenticated(found.message);
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
    who: { id: EXECUTOR, kind: "agent", roles: ["system"], session_id: `task:${task_id}:${attempt}` },
    name: EXECUTOR,
    scopes: null,
    root: false,
    task_id,
  };
}

/** Takes as long for any two texts of one length; that the length shows gives nothing away. */
function sameText(a: string, b: string): boolean {
  if (a.length !== b.length) return false;
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.byteLength === right.byteLength && timingSafeEqual(left, right);
}

function unauthenticated(message: string): never {
  return refuse("UNAUTHENTICATED", message, undefined, { "WWW-Authenticate": "Bearer" });
}
