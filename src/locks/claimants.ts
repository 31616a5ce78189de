/** Whose own channel tells a claimant what happens to their leases and claims (05, "Who gets what"). Pure. */
import type { Entry } from "../actor/journal.ts";
import type { ActorKey } from "../actor/remote.ts";
import type { EventBody } from "../realtime/channel-api.ts";
import { EXECUTOR } from "../users/principal-ref.ts";
import { lockEventOf, reachesClaimant } from "./events.ts";

/** The actor of the claimant's channel: `agent:{id}`, for people the inbox, which tells `user:{id}`. */
export function claimantKey(id: string, kind: unknown): ActorKey | undefined {
  // A webhook executor has nobody who listens.
  if (id === EXECUTOR) return undefined;
  return kind === "user" ? `inbox:${id}` : `agent:${id}`;
}

/** What the claimants of lock `own` are told of these entries. The channel that `own` itself tells has it already. */
export function claimantNotes(entries: readonly Entry[], own: ActorKey): (readonly [ActorKey, EventBody])[] {
  return entries.filter(reachesClaimant).flatMap((entry) => {
    const { agent_id, agent_kind } = entry.details ?? {};
    const target = typeof agent_id === "string" ? claimantKey(agent_id, agent_kind) : undefined;
    const event = lockEventOf(entry);
    return target === undefined || target === own || event === null ? [] : [[target, event] as const];
  });
}
