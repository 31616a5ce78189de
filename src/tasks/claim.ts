/** A claim: the dispatch offers one task at a time, the task itself says whether it begins (03, "Execution"). */

import type { Caller } from "../actor/caller.ts";
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
  const presence = await agentOf(env, workspace, who.id).presence(`agent:${who.id}`);
  const idle = presence.active_tasks < presence.max_tasks;
  const dispatch = dispatchOf(env, workspace);
  const patterns = capabilities ?? (await registered(env, caller));
  const deadline = Date.now() + waitMs;
  for (let offer = 0; idle && offer < MAX_OFFERS; offer += 1) {
    const command = { agent_id: who.id, capabilities: patterns, wait_ms: Math.max(0, deadline - Date.now()) };
    const offered = await dispatch.claim(caller, command);
    if (!offered.ok) return offered;
    if (offered.value === null) return ok(null);
    const { task_id } = offered.value;
    const address = parseId(task_id)?.address;
    if (address === undefined) throw new Error(`the dispatch offered ${task_id}, which is no task`);
    // The key is for the claim; should the same claim come again, the task gives the same answer by its state.
    const { idempotency: _, ...plain } = caller;
    const applied = await taskAt(env, workspace, address).apply(plain, who.id);
    if (applied.ok && applied.value.task.state === "APPLYING") return ok(applied.value);
    if (!applied.ok) await dispatch.decline(task_id, who.id);
  }
  return ok(null);
}

async function registered(env: Env, { workspace, who }: Caller): Promise<readonly string[]> {
  const row = await env.DB.prepare("SELECT capabilities FROM agents WHERE workspace = ?1 AND id = ?2")
    .bind(workspace, who.id)
    .first<{ capabilities: string }>();
  return row === null ? [] : (JSON.parse(row.capabilities) as string[]);
}
