/** What an agent says of itself with its heartbeats, as far as anybody asks for it. Pure. */
import type { Where } from "../actor/caller.ts";
import type { AgentPresence, Beat } from "./agent-api.ts";

export interface SelfReport extends Pick<AgentPresence, "location" | "version"> {
  /** It finishes what it has begun and wants nothing more. */
  readonly draining: boolean;
}

/** A version is shown in every list. */
const MAX_VERSION = 100;

/** What it says now. Draining has to be said with every beat; a version stands until it says another. */
export function selfReport(before: SelfReport | undefined, beat: Beat, { colo, country }: Where): SelfReport {
  const said = beat.metrics?.version;
  const version = typeof said === "string" ? said.slice(0, MAX_VERSION).toWellFormed() : before?.version;
  return {
    draining: beat.status === "draining",
    location: { ...(colo !== undefined && { colo }), ...(country !== undefined && { country }) },
    ...(version !== undefined && { version }),
  };
}

/** Whether there is anything to write down. */
export function isSameReport(before: SelfReport | undefined, now: SelfReport): boolean {
  return (
    before?.draining === now.draining &&
    before.version === now.version &&
    before.location?.colo === now.location?.colo &&
    before.location?.country === now.location?.country
  );
}
