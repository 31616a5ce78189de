/** Keeping many leases alive in one call: each lock's actor decides about its own (02-http-and-auth, "Agents"). */
import type { Caller } from "../actor/caller.ts";
import { parseId } from "../actor/ids.ts";
import { actorAt } from "../actor/remote.ts";
import type { Env } from "../env.ts";
import type { LockApi } from "../locks/lock-api.ts";
import { causeOf, log } from "../log.ts";
import type { LeaseBeat } from "./contract.ts";

const LOCKABLE: ReadonlySet<string> = new Set(["task", "resource", "agent"]);

/** One answer for each id, in their order; what became of one lease never touches the others. */
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
  const parsed = parseId(lock_id);
  if (parsed === null || !LOCKABLE.has(parsed.kind) || parsed.member === 0) {
    return refused("LOCK_NOT_FOUND", "there is no such lock");
  }
  try {
    const lock = actorAt<LockApi>(env, caller.workspace, parsed.kind, parsed.address);
    const result = await lock.heartbeat(caller, parsed.member, extensionMs);
    if (!result.ok) return refused(result.error.code, result.error.message);
    const { expires_at } = result.value;
    return expires_at === undefined ? refused("INVALID_STATE", "still queued, not held") : { lock_id, expires_at };
  } catch (thrown) {
    log("error", "lease.not_extended", { request_id: caller.request_id, lock_id, cause: causeOf(thrown) });
    return refused("UNAVAILABLE", "the lock did not answer, try again");
  }
}
