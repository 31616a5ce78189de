/** Who gives way in a deadlock, and for how long it should stay away (04-locks-and-deadlocks, "Resolution" 3 and 5). */
import type { Session } from "../locks/lock-types.ts";

export const DEADLOCK_STRATEGIES = ["abort_youngest", "abort_shortest", "abort_lowest_priority"] as const;
export type DeadlockStrategy = (typeof DEADLOCK_STRATEGIES)[number];

/** A session on the cycle. */
export interface Contender extends Session {
  /** When each of its leases in the graph was granted (ms). */
  readonly held_since: readonly number[];
  /** Its claim on this cycle, to be ended if it gives way, and the lock that it waits for. */
  readonly claim: string;
  readonly lock: string;
  /** Since when that claim waits (ms): the age of a session that holds nothing. */
  readonly waits_since: number;
  readonly priority: number;
}

/** How a session fared so far; to be stored, so that a restart does not make it young again. */
export interface PastAborts extends Session {
  /** When it was born, as its first abort saw it (ms). */
  readonly birth: number;
  /** When it was aborted (ms), within the last ten minutes, oldest first. */
  readonly aborts: readonly number[];
}

const REMEMBERED_MS = 10 * 60 * 1000;
export const BACKOFF_BASE_MS = 200;
const BACKOFF_CAP_MS = 30_000;
const BACKOFF_FLOOR_MS = 100;

/** Whether an abort still counts, ten minutes after the last one no more. */
export function isRemembered(past: PastAborts, now: number): boolean {
  return now - (past.aborts.at(-1) ?? Number.NEGATIVE_INFINITY) < REMEMBERED_MS;
}

/** The time (ms) from which a session counts as old: that of its oldest lease, or of its first life before an abort. */
function birthOf({ held_since, waits_since }: Contender, past: PastAborts | undefined, now: number): number {
  const born = held_since.length === 0 ? waits_since : Math.min(...held_since);
  return past !== undefined && isRemembered(past, now) ? Math.min(born, past.birth) : born;
}

/**
 * The session that gives way. Ties go to the younger one, then to the greater session id, then to the greater agent id.
 * Throws on an empty cycle.
 */
export function victimOf(
  contenders: readonly Contender[],
  strategy: DeadlockStrategy,
  pastOf: (session: Session) => PastAborts | undefined,
  now: number,
): Contender {
  const ranked = contenders.map((contender) => {
    const birth = birthOf(contender, pastOf(contender), now);
    return { contender, birth, rank: rankOf(contender, birth, strategy, now) };
  });
  const [first, ...others] = ranked;
  if (first === undefined) throw new Error("a cycle has no sessions");
  return others.reduce((worst, other) => (givesWayBefore(other, worst) ? other : worst), first).contender;
}

interface Ranked {
  readonly contender: Contender;
  readonly birth: number;
  readonly rank: number;
}

/** The lowest rank gives way. */
function rankOf({ held_since, priority }: Contender, birth: number, strategy: DeadlockStrategy, now: number): number {
  switch (strategy) {
    case "abort_youngest":
      return -birth;
    case "abort_lowest_priority":
      return priority;
    case "abort_shortest": {
      // The oldest lease counts from the session's birth, else one that retries would be the shortest for ever.
      const [, ...later] = [...held_since].sort((a, b) => a - b);
      return later.reduce((total, since) => total + now - since, held_since.length === 0 ? 0 : now - birth);
    }
  }
}

function givesWayBefore(one: Ranked, other: Ranked): boolean {
  if (one.rank !== other.rank) return one.rank < other.rank;
  if (one.birth !== other.birth) return one.birth > other.birth;
  if (one.contender.session_id !== other.contender.session_id) {
    return one.contender.session_id > other.contender.session_id;
  }
  return one.contender.agent_id > other.contender.agent_id;
}

/** What to remember of a victim from now on. `past`: what was remembered so far. */
export function withAbort(victim: Contender, past: PastAborts | undefined, now: number): PastAborts {
  const earlier = past?.aborts.filter((at) => now - at < REMEMBERED_MS) ?? [];
  const { agent_id, session_id } = victim;
  return { agent_id, session_id, birth: birthOf(victim, past, now), aborts: [...earlier, now] };
}

/** ms after which the victim should try again: full jitter under 200 ms, doubling with each abort, at most 30 s. */
export function retryAfterMs({ aborts }: PastAborts, random: number): number {
  const ceiling = Math.min(BACKOFF_CAP_MS, BACKOFF_BASE_MS * 2 ** Math.min(aborts.length - 1, 30));
  return BACKOFF_FLOOR_MS + Math.floor(random * (ceiling - BACKOFF_FLOOR_MS));
}
