import { type Change, followedBy, step } from "./change.ts";
import { claimOf, entryOf, isLease, isSameSession, isUpgrading, waitersOf } from "./entries.ts";
import type { Entry, Lease, LockBook, LockEvent, Session, Step } from "./lock-types.ts";
import { ended, leaseFor, settled } from "./settle.ts";

/**
 * Ends a deadlock victim's wait, if it still waits: the compare-and-set of "Resolution" 4. An upgrade ends together with
 * its lease, which the victim is about to lose anyhow. The value is what ended; undefined: nothing waits under that member
 * any more (granted, gone, or never there) and nothing was aborted.
 */
export function abort(book: LockBook, member: number, now: number): Step<Entry | undefined> {
  const start = settled(book, now);
  const entry = entryOf(start.book, member);
  if (entry === undefined || (isLease(entry) && !isUpgrading(entry))) return step(start, undefined);
  return step(aborted(start, [entry], now), entry);
}

/** What of a victim's session ends with its deadlock, and never what its retry asks for afterwards. */
export interface Doomed {
  /** What it asked for before this moment (ms, by the clock of the lock where it gave way). */
  readonly before: number;
  /** What it was known to hold or await, whatever a clock says. */
  readonly members: readonly number[];
}

/** Ends what of the victim's session is doomed. The value is what ended. */
export function abortSession(
  book: LockBook,
  session: Session,
  { before, members }: Doomed,
  now: number,
): Step<readonly Entry[]> {
  const start = settled(book, now);
  const entries = [...start.book.holders, ...start.book.queue].filter(
    (entry) => isSameSession(entry, session) && (entry.requested_at < before || members.includes(entry.member)),
  );
  return step(aborted(start, entries, now), entries);
}

function aborted(start: Change, entries: readonly Entry[], now: number): Change {
  const events = entries.map((entry): LockEvent => ({ kind: "aborted", entry }));
  return followedBy(start, ended(start.book, entries, events, now));
}

/**
 * Lets a reader in that only waiters hold up, ahead of them ("Resolution" 1: the soft link). The one grant that breaks the
 * FIFO. undefined: that member is no queued shared claim (any more), or a holder's mode stands against it.
 */
export function letIn(book: LockBook, member: number, now: number): Step<Lease | undefined> {
  const start = settled(book, now);
  const { holders, queue, token, capacity } = start.book;
  const claim = claimOf(start.book, member);
  const conflicts = capacity !== null || claim?.mode !== "shared" || holders[0]?.mode === "exclusive";
  if (claim === undefined || conflicts) return step(start, undefined);

  const lease = leaseFor(claim, token + 1, now);
  const waiters = waitersOf(start.book);
  const ahead_of = waiters.slice(0, waiters.indexOf(claim)).map((waiter) => waiter.member);
  const change: Change = {
    book: {
      ...start.book,
      token: lease.token,
      holders: [...holders, lease],
      queue: queue.filter((other) => other !== claim),
    },
    events: [
      { kind: "reordered", claim, ahead_of },
      { kind: "acquired", lease, waited: true, upgraded: false },
    ],
  };
  return step(followedBy(start, change), lease);
}
