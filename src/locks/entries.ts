import type { Claim, Entry, Lease, LockBook, Queued, Session, UpgradingLease, Waiter } from "./lock-types.ts";

export function isLease(entry: Entry): entry is Lease {
  return "token" in entry;
}

export function isUpgrading(entry: Entry): entry is UpgradingLease {
  return isLease(entry) && entry.upgrade !== undefined;
}

export function isSameSession(one: Session, other: Session): boolean {
  return one.session_id === other.session_id && one.agent_id === other.agent_id;
}

export function leaseOf(book: LockBook, member: number): Lease | undefined {
  return book.holders.find((lease) => lease.member === member);
}

export function claimOf(book: LockBook, member: number): Claim | undefined {
  return book.queue.find((claim) => claim.member === member);
}

/** The lease or claim with that member. Not settled: an entry whose time is over is still found. */
export function entryOf(book: LockBook, member: number): Entry | undefined {
  return leaseOf(book, member) ?? claimOf(book, member);
}

/** Everybody who waits, next one first: upgrades go before the queue, among themselves by the time they were asked for. */
export function waitersOf(book: LockBook): readonly Waiter[] {
  const upgrading = book.holders.filter(isUpgrading);
  if (upgrading.length === 0) return book.queue;
  upgrading.sort((a, b) => a.upgrade.requested_at - b.upgrade.requested_at || a.token - b.token);
  return [...upgrading, ...book.queue];
}

/** The place of a waiting claim or upgrade, 1 = next; undefined for whoever does not wait. */
export function positionOf(book: LockBook, member: number): number | undefined {
  const index = waitersOf(book).findIndex((waiter) => waiter.member === member);
  return index < 0 ? undefined : index + 1;
}

/** The answer to somebody who waits in this book. */
export function queuedIn(book: LockBook, waiter: Waiter): Queued {
  return { kind: "queued", waiter, position: waitersOf(book).indexOf(waiter) + 1 };
}

export function withoutUpgrade(lease: Lease): Lease {
  const { upgrade: _, ...shared } = lease;
  return shared;
}

/** The book with one lease or claim replaced, in its place. */
export function withEntry(book: LockBook, entry: Entry): LockBook {
  return isLease(entry)
    ? { ...book, holders: book.holders.map((lease) => (lease.member === entry.member ? entry : lease)) }
    : { ...book, queue: book.queue.map((claim) => (claim.member === entry.member ? entry : claim)) };
}
