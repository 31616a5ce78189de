import { queuedIn, withEntry } from "./entries.ts";
import type { Claim, Lease, LockBook, LockEvent, LockMode, Queued, Step } from "./lock-types.ts";

/** A book after a part of an operation, and what happened in that part. */
export interface Change {
  readonly book: LockBook;
  readonly events: readonly LockEvent[];
}

/** Both parts as one. */
export function followedBy(change: Change, next: Change): Change {
  return { book: next.book, events: [...change.events, ...next.events] };
}

/**
 * Closes an operation. Every event is about an entry that changed, so the events name what was touched; `extended` is the
 * one lease that changed without an event.
 */
export function step<T>({ book, events }: Change, value: T, extended?: Lease): Step<T> {
  const touched = new Set(events.flatMap(membersIn));
  if (extended !== undefined) touched.add(extended.member);
  return { book, events, touched: [...touched], value };
}

function membersIn(event: LockEvent): readonly number[] {
  if ("lease" in event) return [event.lease.member];
  if ("claim" in event) return [event.claim.member];
  if ("waiter" in event) return [event.waiter.member];
  if ("entry" in event) return [event.entry.member];
  return [];
}

/** The step that extends a lease to max(old, now + by_ms). One whose expiry does not move stays as it is, and its row too. */
export function extended<T>(
  start: Change,
  lease: Lease,
  by_ms: number,
  now: number,
  answer: (lease: Lease) => T,
): Step<T> {
  if (now + by_ms <= lease.expires_at) return step(start, answer(lease));
  const longer: Lease = { ...lease, expires_at: now + by_ms };
  return step({ ...start, book: withEntry(start.book, longer) }, answer(longer), longer);
}

/** The book with a claim asking for another mode, in the same place. */
export function withMode(book: LockBook, claim: Claim, mode: LockMode): Change & { readonly place: Queued } {
  const changed: Claim = { ...claim, mode };
  const after = withEntry(book, changed);
  const place = queuedIn(after, changed);
  return { book: after, events: [{ kind: "mode_changed", claim: changed, position: place.position }], place };
}
