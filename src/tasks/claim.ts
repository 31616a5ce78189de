/** A claim: the dispatch offers one task at a time, the task itself says whether it begins (03, "Execution"). */

import { type Caller, withoutKey } from "../actor/caller.ts";
import { parseId } from "../actor/ids.ts";
import { fail, ok, type Result } from "../actor/result.ts";
import { agentOf } from "../agents/agent-api.ts";
import type { Env } from "../env.ts";
import { dispatchOf } from "./dispatch-api.ts";
import { type ApplyAnswer, taskAt } from "./task-api.ts";

/** Offers that one claim follows before it says that there is nothing: each turned out to wait or to be over. */
const MAX_OFFERS = 10;

/** The task that this agent now applies, or null. Waits up to `waitMs` for one. */
export async function claimTask(
  env: Env,
  caller: Caller,
  capabilities: readonly string[] | undefined,
  waitMs: number,
): Promise<Result<ApplyAnswer | null>> {
  const { workspace, who } = caller;
  if (who.kind !== "agent") return fail("FORBIDDEN", "only agents claim tasks; an admin names one with /apply");
  const dispatch = dispatchOf(env, workspace);
  const patterns = capabilities ?? (await registered(env, caller));
  const deadline = Date.now() + waitMs;
  let after: string | undefined;
  for (let offer = 0; offer < MAX_OFFERS; offer += 1) {
    const offered = await dispatch.claim(caller, {
      agent_id: who.id,
      capabilities: patterns,
      // What waits for its locks takes up a permit, too.
      granted_only: !(await agentOf(env, workspace, who.id).takesWork(`agent:${who.id}`)),
      wait_ms: Math.max(0, deadline - Date.now()),
      after,
    });
    if (!offered.ok) return offered;
    if (offered.value === null) return ok(null);
    const { task_id, answer } = offered.value;
    if (answer !== undefined) return { ok: true, value: answer, replayed: true };
    const applied = await begin(env, caller, task_id);
    if (applied.ok && applied.value.task.state === "APPLYING") {
      if (caller.idempotency !== undefined) await dispatch.claimed(caller, applied.value);
      return applied;
    }
    after = task_id;
  }
  return ok(null);
}

/** The key is for the claim; should the same claim come again, the task gives the same answer by its state. */
function begin(env: Env, caller: Caller, taskId: string): Promise<Result<ApplyAnswer>> {
  const address = parseId(taskId)?.address;
  if (address === undefined) throw new Error(`the dispatch offered ${taskId}, which is no task`);
  return taskAt(env, caller.workspace, address).apply(withoutKey(caller), caller.who.id);
}

async function registered(env: Env, { workspace, who }: Caller): Promise<readonly string[]> {
  const row = await env.DB.prepare("SELECT capabilities FROM agents WHERE workspace = ?1 AND id = ?2")
    .bind(workspace, who.id)
    .first<{ capabilities: string }>();
  return row === null ? [] : (JSON.parse(row.capabilities) as string[]);
}
