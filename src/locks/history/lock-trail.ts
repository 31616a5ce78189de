/**
 * Whether the locks of a workspace kept their rules, judged by the trail: every grant, the waits, the deadlocks. The clock of
 * the rows is that of each lock; rows of different locks are comparable to a few milliseconds. For tests only.
 */
import type { DeadlockInfo } from "../../deadlocks/contract.ts";
import type { LockMode } from "../lock-types.ts";
import { type LockRow, type Stay, type TrailEntry, TrailLock } from "./trail-lock.ts";

export interface TrailOptions {
  /** Of a counting lock; null: shared/exclusive. */
  readonly permits: (lock: string) => number | null;
  /** By when (ms) a deadlock that arose at `from` has to be over. */
  readonly dueBy: (from: number) => number;
}

export interface TrailJudgement {
  readonly problems: readonly string[];
  readonly grants: number;
  /** How long each session that was in a deadlock was in it (ms). */
  readonly deadlocked: readonly number[];
  /** Deadlocks that nobody resolved: they stood for too long, or until a lease or a claim of theirs expired. */
  readonly lost: number;
  /** Victims without a deadlock. */
  readonly falseVictims: number;
}

/** How far the clocks of two locks may be apart (ms). */
const TOLERANCE_MS = 5;

/** Judges all rows of some locks, each lock's in their order, and the deadlocks that were resolved among them. */
export function judgedTrail(
  rows: readonly LockRow[],
  deadlocks: readonly DeadlockInfo[],
  { permits, dueBy }: TrailOptions,
): TrailJudgement {
  const locks = new Map<string, TrailLock>();
  const standing = new Standing();
  for (const row of rows.toSorted((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))) {
    const name = `${row.subject_type}:${row.subject_id}`;
    const lock = locks.get(name) ?? new TrailLock(name, permits(name));
    locks.set(name, lock);
    lock.apply(row);
    standing.note(deadlockedIn(locks.values()), row);
  }
  for (const lock of locks.values()) lock.checkRest();
  const lost = standing.all.filter(({ from, until, expired }) => expired || until > dueBy(from));
  const entries = new Map([...locks.values()].flatMap((lock) => [...lock.entries]));
  const refuted = deadlocks.flatMap((deadlock) => whyNone(deadlock, entries) ?? []);
  const unexplained = abortedWithout(rows, deadlocks);
  return {
    problems: [
      ...[...locks.values()].flatMap((lock) => lock.problems),
      ...lost.map(({ session, from, until }) => `${session} was in a deadlock from ${from} until ${until}`),
      ...refuted,
      ...unexplained,
    ],
    grants: [...locks.values()].reduce((sum, lock) => sum + lock.grants, 0),
    deadlocked: standing.all.map(({ from, until }) => until - from),
    lost: lost.length,
    falseVictims: refuted.length + unexplained.length,
  };
}

/** Sessions on cycles of waits now, or on the way from one to another. A lock of several permits stays out. */
function deadlockedIn(locks: Iterable<TrailLock>): ReadonlySet<string> {
  const waitsFor = new Map<string, Set<string>>();
  for (const lock of locks) {
    if (lock.permits !== null && lock.permits > 1) continue;
    for (const waiter of lock.waiting) {
      const blockers = waitsFor.get(waiter.session) ?? new Set();
      for (const { session } of lock.blockersOf(waiter)) if (session !== waiter.session) blockers.add(session);
      waitsFor.set(waiter.session, blockers);
    }
  }
  // Whoever waits for nobody who waits gets on; nobody who waits is behind whoever is left at the beginning.
  for (let left = Number.POSITIVE_INFINITY; waitsFor.size < left; ) {
    left = waitsFor.size;
    const awaited = new Set([...waitsFor.values()].flatMap((blockers) => [...blockers]));
    for (const [session, blockers] of waitsFor) {
      const isStuck = [...blockers].some((blocker) => waitsFor.has(blocker));
      if (!isStuck || !awaited.has(session)) waitsFor.delete(session);
    }
  }
  return new Set(waitsFor.keys());
}

/** Since when and until when each session was in a deadlock. */
class Standing {
  readonly all: (Stay & { readonly session: string; expired: boolean })[] = [];
  readonly #now = new Map<string, Stay & { expired: boolean }>();

  /** These are in a deadlock after this row. */
  note(sessions: ReadonlySet<string>, { at, action }: LockRow): void {
    const now = Date.parse(at);
    for (const [session, stay] of this.#now) {
      if (sessions.has(session)) continue;
      stay.until = now;
      stay.expired = action === "lock.expired";
      this.#now.delete(session);
    }
    for (const session of sessions) {
      if (this.#now.has(session)) continue;
      const stay = { session, from: now, until: Number.POSITIVE_INFINITY, expired: false };
      this.all.push(stay);
      this.#now.set(session, stay);
    }
  }
}

/** Why this was no deadlock: there was no moment at which the whole cycle stood, or a reader could have been let in. */
function whyNone({ cycle, resolution }: DeadlockInfo, entries: ReadonlyMap<string, TrailEntry>): string | undefined {
  const told = `the deadlock that cost ${resolution.victim_session_id} ${resolution.released_locks[0]}`;
  const links: Link[] = [];
  for (const [at, { waits_for }] of cycle.entries()) {
    const claim = entries.get(waits_for);
    const blocker = entries.get(cycle[(at + 1) % cycle.length]?.holds_lock ?? "");
    if (claim === undefined || claim.lock !== blocker?.lock) return `${told} has a link that is none`;
    links.push(linkBetween(claim, blocker));
  }
  // Where all of them stand, they stand when the last of them began; what else matters begins when somebody began to write.
  const writers = links.flatMap(({ lock }) => writersOf(lock, entries));
  const moments = [...links.flatMap(({ stays }) => stays), ...writers].map(({ from }) => from);
  const standing = moments.filter((now) => links.every((link) => link.stays.some((stay) => isDuring(stay, now))));
  if (standing.length === 0) return `${told} never stood as a whole`;
  const isHardAt = (now: number) =>
    links.every(({ lock, stays }) => {
      const waitsToWrite = stays.some((stay) => isDuring(stay, now) && stay.mode === "exclusive");
      return waitsToWrite || writersOf(lock, entries).some((stay) => isDuring(stay, now));
    });
  return standing.some(isHardAt) ? undefined : `${told} was soft: a reader could have been let in`;
}

interface Link {
  readonly lock: string;
  /** While the claim waited, in that mode, and the blocker stood in its way. */
  readonly stays: readonly (Stay & { readonly mode: LockMode })[];
}

function linkBetween(claim: TrailEntry, blocker: TrailEntry): Link {
  const stays = claim.waits.flatMap((wait) => {
    const obstacle = !wait.isUpgrade && blocker.turn < claim.turn ? blocker.there : blocker.held;
    if (obstacle === undefined) return [];
    const [from, until] = [Math.max(wait.from, obstacle.from), Math.min(wait.until, obstacle.until)];
    return from <= until + TOLERANCE_MS ? [{ from, until, mode: wait.mode }] : [];
  });
  return { lock: claim.lock, stays };
}

function writersOf(lock: string, entries: ReadonlyMap<string, TrailEntry>): Stay[] {
  return [...entries.values()].flatMap((entry) => (entry.lock === lock ? entry.exclusive : []));
}

function isDuring({ from, until }: Stay, now: number): boolean {
  return from - TOLERANCE_MS <= now && now <= until + TOLERANCE_MS;
}

/** Sessions that lost something to a deadlock of which nobody knows. */
function abortedWithout(rows: readonly LockRow[], deadlocks: readonly DeadlockInfo[]): string[] {
  const victims = new Set(
    deadlocks.map(({ resolution }) => `${resolution.victim_agent_id}/${resolution.victim_session_id}`),
  );
  const aborted = rows
    .filter(({ action }) => action === "lock.aborted")
    .map(({ details }) => `${details?.agent_id}/${details?.session_id}`);
  return [...new Set(aborted)]
    .filter((session) => !victims.has(session))
    .map((session) => `${session} was aborted without a deadlock`);
}
