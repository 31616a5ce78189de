import { type Change, followedBy } from "./change.ts";
import { isLease, isUpgrading, withoutUpgrade } from "./entries.ts";
import type { Claim, Entry, Lease, LockBook, LockEvent, LockMode, Upgrade } from "./lock-types.ts";

/** How much one more ended lease moves the average hold time. */
const HOLD_WEIGHT = 1 / 8;

/**
 * Drops what is over at `now` and then grants whatever can be granted: the re-scan of rules 1 and 5. It drops first, so
 * nothing dead is ever granted and nothing dead blocks. Every operation begins with it, and repeats its second half after
 * any change.
 */
export function settled(book: LockBook, now: number): Change {
  const swept = withoutDue(book, now);
  return followedBy(swept, granted(swept.book, now));
}

/** The earliest moment at which `settle` has something to drop; undefined when the lock is free. Let an alarm be there. */
export function nextDueAt(book: LockBook): number | undefined {
  let due = Number.POSITIVE_INFINITY;
  for (const lease of book.holders) {
    due = Math.min(due, lease.expires_at, lease.upgrade?.deadline ?? lease.expires_at);
  }
  for (const claim of book.queue) due = Math.min(due, claim.deadline);
  return due === Number.POSITIVE_INFINITY ? undefined : due;
}

/** Whether a lease held now has this fencing token (POST /locks/verify). True of no lease from its expiry on. */
export function isCurrent(book: LockBook, token: number, now: number): boolean {
  return book.holders.some((lease) => lease.token === token && now < lease.expires_at);
}

function withoutDue(book: LockBook, now: number): Change {
  if ((nextDueAt(book) ?? Number.POSITIVE_INFINITY) > now) return { book, events: [] };
  const events: LockEvent[] = [];
  const holders: Lease[] = [];
  let mean = book.mean_hold_ms;
  for (const lease of book.holders) {
    if (lease.expires_at <= now) {
      mean = meanHold(mean, lease, lease.expires_at);
      events.push({ kind: "expired", lease });
    } else if (isUpgrading(lease) && lease.upgrade.deadline <= now) {
      holders.push(withoutUpgrade(lease));
      events.push({ kind: "timed_out", waiter: lease });
    } else {
      holders.push(lease);
    }
  }
  const queue: Claim[] = [];
  for (const claim of book.queue) {
    if (claim.deadline <= now) events.push({ kind: "timed_out", waiter: claim });
    else queue.push(claim);
  }
  return { book: { ...book, holders, queue, mean_hold_ms: mean }, events };
}

/**
 * Grants from the head until somebody has to wait. Nobody behind that one can be granted either: what a shared claim waits
 * for (a writer that holds or goes first) and what a counting one waits for (a permit) hold up all later ones, and an
 * exclusive claim holds them up itself. So one pass over those granted is the whole re-scan.
 */
export function granted(book: LockBook, now: number): Change {
  const [first] = book.holders;
  if (book.holders.length === 1 && first !== undefined && isUpgrading(first)) {
    const lease = upgradedLease(first, first.upgrade, book.token + 1, now);
    const events: LockEvent[] = [{ kind: "acquired", lease, waited: true, upgraded: true }];
    return { book: { ...book, token: lease.token, holders: [lease] }, events };
  }
  const [head] = book.queue;
  if (head === undefined || !hasRoom(book.capacity, book.holders, head.mode)) return { book, events: [] };
  if (book.holders.some(isUpgrading)) return { book, events: [] };

  const holders = [...book.holders];
  const events: LockEvent[] = [];
  for (const claim of book.queue) {
    if (!hasRoom(book.capacity, holders, claim.mode)) break;
    const lease = leaseFor(claim, book.token + events.length + 1, now);
    holders.push(lease);
    events.push({ kind: "acquired", lease, waited: true, upgraded: false });
  }
  return {
    book: { ...book, token: book.token + events.length, holders, queue: book.queue.slice(events.length) },
    events,
  };
}

function hasRoom(capacity: number | null, holders: readonly Lease[], mode: LockMode): boolean {
  if (capacity !== null) return holders.length < capacity;
  return mode === "exclusive" ? holders.length === 0 : holders[0]?.mode !== "exclusive";
}

/** The lease that a claim becomes: its own id and request, a token and a span that begins now. */
export function leaseFor(claim: Claim, token: number, now: number): Lease {
  const { deadline: _, ...asked } = claim;
  return { ...asked, token, acquired_at: now, expires_at: now + claim.ttl_ms };
}

/** What the sole holder's lease becomes: exclusive, with the same id and age, a new token and no earlier expiry (rule 3). */
export function upgradedLease(shared: Lease, upgrade: Upgrade, token: number, now: number): Lease {
  const expires_at = Math.max(shared.expires_at, now + upgrade.ttl_ms);
  return { ...withoutUpgrade(shared), mode: "exclusive", token, ttl_ms: upgrade.ttl_ms, expires_at };
}

/** The book without these entries, whoever was waiting for them let in. `events` tells why they ended. */
export function ended(book: LockBook, entries: readonly Entry[], events: readonly LockEvent[], now: number): Change {
  const gone = new Set(entries.map((entry) => entry.member));
  const rest: LockBook = {
    ...book,
    holders: book.holders.filter((lease) => !gone.has(lease.member)),
    queue: book.queue.filter((claim) => !gone.has(claim.member)),
    mean_hold_ms: entries.filter(isLease).reduce((mean, lease) => meanHold(mean, lease, now), book.mean_hold_ms),
  };
  return followedBy({ book: rest, events }, granted(rest, now));
}

function meanHold(mean: number | null, lease: Lease, endedAt: number): number {
  const held = Math.max(0, endedAt - lease.acquired_at);
  return mean === null ? held : Math.round(mean + (held - mean) * HOLD_WEIGHT);
}
