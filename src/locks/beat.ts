/** One heartbeat of one lease, wherever its lock lives: what single, batch and agent heartbeats share. */
import type { Caller } from "../actor/caller.ts";
import { parseId } from "../actor/ids.ts";
import { actorAt } from "../actor/remote.ts";
import { fail, type Result } from "../actor/result.ts";
import type { Env } from "../env.ts";
import { causeOf, log } from "../log.ts";
import type { Lock } from "./contract.ts";
import type { LockApi } from "./lock-api.ts";

const LOCKABLE: ReadonlySet<string> = new Set(["task", "resource", "agent"]);

/** Never rejects, so that what becomes of one lease does not touch the others: a lock that does not answer is `UNAVAILABLE`. */
export async function beat(env: Env, caller: Caller, lockId: string, extensionMs: number): Promise<Result<Lock>> {
  const parsed = parseId(lockId);
  if (parsed === null || !LOCKABLE.has(parsed.kind) || parsed.member === 0) {
    return fail("LOCK_NOT_FOUND", "there is no such lease or claim");
  }
  try {
    const lock = actorAt<LockApi>(env, caller.workspace, parsed.kind, parsed.address);
    return await lock.heartbeat(caller, parsed.member, extensionMs);
  } catch (thrown) {
    const { request_id } = caller;
    log("error", "lease.not_extended", { request_id, lock_id: lockId, cause: causeOf(thrown) });
    return fail("UNAVAILABLE", "the lock did not answer, try again", { retry_after_seconds: 1 });
  }
}
