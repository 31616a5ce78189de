/** Whether an agent is there (02-http-and-auth, "Agents"). Pure; all times in ms. */
import { SYSTEM } from "../actor/caller.ts";
import type { Happening } from "../actor/journal.ts";
import type { AgentPresence } from "./agent-api.ts";

/** What is known of an agent that was heard of at least once. */
export type Seen = Exclude<AgentPresence["status"], "never_seen">;

/** A change of presence: a row of the trail, an event of `agent:{id}` and `system`. */
export interface PresenceChange {
  readonly from: AgentPresence["status"];
  readonly to: Seen;
}

const ONLINE_INTERVALS = 3;
const STALE_INTERVALS = 10;

/** `online` while heartbeats arrive within 3 intervals, then `stale`, after 10 `offline`. A clock that steps back makes nobody stale. */
export function seenStatus(lastAt: number, intervalMs: number, now: number): Seen {
  const silent = now - lastAt;
  if (silent <= ONLINE_INTERVALS * intervalMs) return "online";
  return silent <= STALE_INTERVALS * intervalMs ? "stale" : "offline";
}

/** When silence changes the status next; undefined once it is `offline`. */
export function nextChangeAt(lastAt: number, intervalMs: number, now: number): number | undefined {
  const status = seenStatus(lastAt, intervalMs, now);
  if (status === "offline") return undefined;
  return lastAt + (status === "online" ? ONLINE_INTERVALS : STALE_INTERVALS) * intervalMs + 1;
}

/** The changes from what was told last through these statuses, in turn; what stays as it was is none. */
export function changesThrough(told: AgentPresence["status"], ...statuses: readonly Seen[]): PresenceChange[] {
  let from = told;
  return statuses.flatMap((to) => {
    const change = { from, to };
    from = to;
    return change.from === to ? [] : [change];
  });
}

/** A change as the agent's journal has it; only its own heartbeat is the agent's doing. */
export function presenceHappening(id: string, { from, to }: PresenceChange, lastAt: number): Happening {
  return {
    action: `agent.${to}`,
    subject_type: "agent",
    subject_id: id,
    from_state: from,
    to_state: to,
    ...(to !== "online" && { who: SYSTEM }),
    details: { last_heartbeat_at: new Date(lastAt).toISOString() },
  };
}
