/** `GET /tasks/:id/audit`: a task's whole chain from its own journal, with D1's ids where D1 has it already. */

import type { ActorApi } from "../actor/actor-api.ts";
import type { Address } from "../actor/ids.ts";
import { actorAt } from "../actor/remote.ts";
import type { Env } from "../env.ts";
import { causeOf, log } from "../log.ts";
import type { AuditRow } from "./contract.ts";

const PAGE = 500;

/** Oldest first; null if there is no such task. Rows that D1 does not have yet have no `id`. */
export async function taskTrail(env: Env, workspace: string, address: Address, id: string): Promise<AuditRow[] | null> {
  const actor = actorAt<ActorApi>(env, workspace, "task", address);
  const entries: AuditRow[] = [];
  for (let after = 0; ; after = entries.at(-1)?.seq ?? after) {
    const page = await actor.chain(after, PAGE);
    entries.push(...page.map(({ entry, prev_hash, hash }) => ({ ...entry, prev_hash, hash }) as AuditRow));
    // A page ends with what fits a call, so a short one need not be the last.
    if (page.length === 0) break;
  }
  if (entries.length === 0) return null;
  const ids = await idsInD1(env, workspace, `task:${id}`);
  return entries.map((entry) => {
    const known = ids.get(entry.seq);
    return known === undefined ? entry : { ...entry, id: known };
  });
}

/** The trail itself is the actor's: without D1 it only lacks the ids. */
async function idsInD1(env: Env, workspace: string, actor: string): Promise<ReadonlyMap<number, number>> {
  try {
    const { results } = await env.DB.prepare("SELECT seq, id FROM audit_log WHERE workspace = ?1 AND actor = ?2")
      .bind(workspace, actor)
      .all<{ seq: number; id: number }>();
    return new Map(results.map((row) => [row.seq, row.id]));
  } catch (thrown) {
    log("warn", "trail.without_ids", { cause: causeOf(thrown) });
    return new Map();
  }
}
