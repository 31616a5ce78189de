/** All leases of an agent, kept alive or ended in one call: each lock's actor decides about its own (02-http-and-auth, "Agents"). */
import type { Caller } from "../actor/caller.ts";
import { parseId } from "../actor/ids.ts";
import { actorAt } from "../actor/remote.ts";
import type { Env } from "../env.ts";
import { beat } from "../locks/beat.ts";
import type { LockApi } from "../locks/lock-api.ts";
import type { LeaseBeat } from "./contract.ts";

/** One answer for each id, in their order. */
export function extendLeases(
  env: Env,
  caller: Caller,
  lockIds: readonly string[],
  extensionMs: number,
): Promise<LeaseBeat[]> {
  return Promise.all(lockIds.map((lockId) => extendLease(env, caller, lockId, extensionMs)));
}

async function extendLease(env: Env, caller: Caller, lock_id: string, extensionMs: number): Promise<LeaseBeat> {
  const refused = (code: string, message: string): LeaseBeat => ({ lock_id, error: { code, message } });
  const result = await beat(env, caller, lock_id, extensionMs);
  if (!result.ok) return refused(result.error.code, result.error.message);
  const { expires_at } = result.value;
  return expires_at === undefined ? refused("INVALID_STATE", "still queued, not held") : { lock_id, expires_at };
}

/** Its own permits end in its own actor, and what it holds for a task with the permit of that task. */
const LEASES_ELSEWHERE = `
  SELECT id FROM locks WHERE workspace = ?1 AND agent_id = ?2 AND (?3 IS NULL OR since < ?3)
  AND session_id NOT LIKE 'task:%' AND NOT (resource_type = 'agent' AND resource_id = ?2)`;

/**
 * Ends by force what an agent that is deleted held or waited for, as far as the read model knows it: all of it, whatever the clocks
 * of its locks say, or once there may be another one of that id, what was asked for before the moment `before` (ms). May be
 * repeated; rejects while D1 or a lock does not answer.
 */
export async function releaseLeases(env: Env, caller: Caller, agentId: string, before?: number): Promise<void> {
  const { workspace } = caller;
  const { results } = await env.DB.prepare(LEASES_ELSEWHERE)
    .bind(workspace, agentId, before === undefined ? null : new Date(before).toISOString())
    .all<{ id: string }>();
  const leases = results.flatMap(({ id }) => parseId(id) ?? []);
  await Promise.all(
    leases.map(({ kind, address, member }) =>
      actorAt<LockApi>(env, workspace, kind, address).release(caller, member, {
        force: true,
        reason: "its agent was deleted",
      }),
    ),
  );
}
