/**
 * The lock book: who holds a lock, who waits for it, and what every command does to that (04-locks-and-deadlocks, "Rules of
 * the lock book"). One book serves all three kinds: task and resource locks are shared/exclusive (a task's is never
 * asked for as shared), agent locks count permits.
 *
 * Books are immutable and know no clock. Each operation takes the time, first settles the book at that time, and returns
 * the new book, what happened, and which entries' rows changed. Operations cost O(entries), whatever they grant.
 */
import { type Change, extended, followedBy, step, withMode } from "./change.ts";
import { claimOf, isLease, isUpgrading, leaseOf, queuedIn, withEntry, withoutUpgrade } from "./entries.ts";
import type { Claim, Entry, Held, Lease, LockBook, LockEvent, Queued, Released, Step, Unknown } from "./lock-types.ts";
import { ended, granted, settled } from "./settle.ts";

export { abort, abortSession, type Doomed, letIn } from "./abort.ts";
export { acquire } from "./acquire.ts";
export { entryOf, isLease, isSameSession, isUpgrading, positionOf, waitersOf } from "./entries.ts";
export { estimatedWaitSeconds } from "./estimated-wait.ts";
export type * from "./lock-types.ts";
export { isCurrent, nextDueAt } from "./settle.ts";

/** A lock that nobody ever held. `capacity` null (default): shared/exclusive; n ≥ 1: n permits (else RangeError). */
export function emptyBook(capacity: number | null = null): LockBook {
  return restoredBook({ capacity, token: 0, mean_hold_ms: null }, []);
}

/**
 * The book that was stored as its three numbers and a row per entry, in any order; the token may be an older one, if
 * a lease that is held has the last (`stored-numbers.ts`). Throws RangeError as `emptyBook` does.
 */
export function restoredBook(
  { capacity, token, mean_hold_ms }: Pick<LockBook, "capacity" | "token" | "mean_hold_ms">,
  entries: readonly Entry[],
): LockBook {
  if (capacity !== null) assertCapacity(capacity);
  const holders = entries.filter(isLease).sort((a, b) => a.token - b.token);
  const queue = entries.filter((entry): entry is Claim => !isLease(entry)).sort((a, b) => a.member - b.member);
  return { capacity, token: Math.max(token, holders.at(-1)?.token ?? 0), mean_hold_ms, holders, queue };
}

/** Drops what is over at `now` and grants what can be granted. For alarms and before reading; all others do it themselves. */
export function settle(book: LockBook, now: number): Step {
  return step(settled(book, now), undefined);
}

/**
 * Keeps a lease alive (rule 5): it expires at max(old, now + extension_ms). A queued claim is told its position, nothing of
 * it is extended; an upgrade that waits keeps its own deadline, too.
 */
export function heartbeat(
  book: LockBook,
  member: number,
  extension_ms: number,
  now: number,
): Step<Held | Queued | Unknown> {
  const start = settled(book, now);
  const lease = leaseOf(start.book, member);
  if (lease === undefined) return step(start, standingOf(start.book, member));
  return extended(start, lease, extension_ms, now, (longer) => ({ kind: "held", lease: longer }));
}

/** Frees a lease, with the upgrade it may wait for, or withdraws a claim. `forced`: not its own session did it. */
export function release(book: LockBook, member: number, now: number, { forced = false } = {}): Step<Released> {
  const start = settled(book, now);
  const lease = leaseOf(start.book, member);
  if (lease !== undefined) {
    const change = ended(start.book, [lease], [{ kind: "released", lease, forced }], now);
    return step(followedBy(start, change), { kind: "released", lease });
  }
  const claim = claimOf(start.book, member);
  if (claim !== undefined) {
    const change = ended(start.book, [claim], [{ kind: "cancelled", waiter: claim, forced }], now);
    return step(followedBy(start, change), { kind: "withdrawn", claim });
  }
  return step(start, { kind: "unknown" });
}

/**
 * Makes an exclusive lease shared and lets in the readers at the head. The token stays. A shared lease stays as it is, but
 * gives up an upgrade it waits for; a queued exclusive claim turns shared in its place. On a counting lock, which has no
 * modes, nothing changes.
 */
export function downgrade(book: LockBook, member: number, now: number): Step<Held | Queued | Unknown> {
  const start = settled(book, now);
  const weaker = start.book.capacity === null ? weakened(start.book, member) : undefined;
  if (weaker === undefined) return step(start, standingOf(start.book, member));
  const change = followedBy(followedBy(start, weaker), granted(weaker.book, now));
  return step(change, standingOf(change.book, member));
}

/**
 * Changes the permits of a counting lock. More permits let waiters in at once; fewer revoke nothing: leases beyond them run
 * out. Throws RangeError for a shared/exclusive lock or less than one permit.
 */
export function setCapacity(book: LockBook, capacity: number, now: number): Step {
  if (book.capacity === null) throw new RangeError("a shared/exclusive lock has no permits to change");
  assertCapacity(capacity);
  const start = settled(book, now);
  const resized = { ...start.book, capacity };
  return step(followedBy(start, granted(resized, now)), undefined);
}

function assertCapacity(capacity: number): void {
  if (!Number.isSafeInteger(capacity) || capacity < 1) throw new RangeError(`a lock cannot have ${capacity} permits`);
}

function standingOf(book: LockBook, member: number): Held | Queued | Unknown {
  const lease = leaseOf(book, member);
  if (lease !== undefined) return { kind: "held", lease };
  const claim = claimOf(book, member);
  return claim === undefined ? { kind: "unknown" } : queuedIn(book, claim);
}

/** The book with this entry asking for less, before anybody is let in; undefined when it asks for no more than shared. */
function weakened(book: LockBook, member: number): Change | undefined {
  const lease = leaseOf(book, member);
  if (lease?.mode === "exclusive") {
    const shared: Lease = { ...lease, mode: "shared" };
    return { book: withEntry(book, shared), events: [{ kind: "downgraded", lease: shared }] };
  }
  if (lease !== undefined && isUpgrading(lease)) {
    const events: LockEvent[] = [{ kind: "cancelled", waiter: lease, forced: false }];
    return { book: withEntry(book, withoutUpgrade(lease)), events };
  }
  const claim = claimOf(book, member);
  return claim?.mode === "exclusive" ? withMode(book, claim, "shared") : undefined;
}
