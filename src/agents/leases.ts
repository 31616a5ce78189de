/** Keeping many leases alive in one call: each lock's actor decides about its own (02-http-and-auth, "Agents"). */
import type { Caller } from "../actor/caller.ts";
import type { Env } from "../env.ts";
import { beat } from "../locks/beat.ts";
import type { LeaseBeat } from "./contract.ts";

/** One answer for each id, in their order. */
export function extendLeases(
  env: Env,
  caller: Caller,
  lockIds: readonly string[],
  extensionMs: number,
): Promise<LeaseBeat[]> {
  return Promise.all(lockIds.map((lockId) => extendLease(env, caller, lockId.toLowerCase(), extensionMs)));
}

async function extendLease(env: Env, caller: Caller, lock_id: string, extensionMs: number): Promise<LeaseBeat> {
  const refused = (code: string, message: string): LeaseBeat => ({ lock_id, error: { code, message } });
  const result = await beat(env, caller, lock_id, extensionMs);
  if (!result.ok) return refused(result.error.code, result.error.message);
  const { expires_at } = result.value;
  return expires_at === undefined ? refused("INVALID_STATE", "still queued, not held") : { lock_id, expires_at };
}
