/** A brake, not a ledger (02, "Rate limits"): the platform's binding, per location and minute. */
import type { Env } from "../env.ts";
import type { Principal } from "./access.ts";
import { refuse } from "./failure.ts";

type Limited = "READS" | "WRITES" | "ADDRESSES";

function limitsAreOff(env: Env): boolean {
  return env.RATE_LIMIT_READS === "0" || env.RATE_LIMIT_WRITES === "0";
}

async function take(env: Env, binding: Limited, key: string, quota: string): Promise<void> {
  if (limitsAreOff(env)) return;
  const { success } = await env[binding].limit({ key });
  if (success) return;
  refuse("RATE_LIMITED", "too many requests, slow down", { retry_after_seconds: 60 }, { "RateLimit-Policy": quota });
}

/** Per principal; heartbeats never come here. */
export function limitPrincipal(env: Env, principal: Principal, writes: boolean): Promise<void> {
  const key = `${principal.workspace}/${principal.who.kind}/${principal.who.id}`;
  return writes
    ? take(env, "WRITES", key, `"writes";q=${env.RATE_LIMIT_WRITES};w=60`)
    : take(env, "READS", key, `"reads";q=${env.RATE_LIMIT_READS};w=60`);
}

/** Failed authentication, and ids that name nothing: each may cost a look-up or an object on disk. */
export function limitAddress(env: Env, request: Request): Promise<void> {
  return take(env, "ADDRESSES", request.headers.get("CF-Connecting-IP") ?? "local", '"misses";q=60;w=60');
}
