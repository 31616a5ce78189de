import { type Change, extended, followedBy, step, withMode } from "./change.ts";
import { isSameSession, isUpgrading, queuedIn, waitersOf, withEntry } from "./entries.ts";
import type {
  Acquired,
  AcquireRequest,
  Claim,
  Entry,
  Lease,
  LockBook,
  LockMode,
  Session,
  Step,
  Upgrade,
  UpgradingLease,
} from "./lock-types.ts";
import { leaseFor, settled, upgradedLease } from "./settle.ts";

/**
 * Asks for the lock (rules 1–3 and 7). `request.member` must be higher than any given before; it is used up only when the
 * answer is a lease or claim with that member.
 *
 * A session that holds the lock in the mode asked for, or a stronger one, gets its lease back, extended. One that holds it
 * shared and asks for exclusive upgrades. One that is queued gets its claim back; had it asked for shared and now asks for
 * exclusive, the claim turns exclusive in its place, as if it had been asked for so from the start. A try (`wait_ms` 0)
 * that cannot be held now is refused and leaves an earlier claim or upgrade of the session as it is.
 */
export function acquire(book: LockBook, request: AcquireRequest, now: number): Step<Acquired> {
  const start = settled(book, now);
  const lease = start.book.holders.find((held) => isSameSession(held, request));
  const claim = lease ? undefined : start.book.queue.find((queued) => isSameSession(queued, request));
  const mode = start.book.capacity === null && claim?.mode !== "exclusive" ? request.mode : "exclusive";

  if (lease !== undefined && (lease.mode === "exclusive" || mode === "shared")) {
    return extended(start, lease, request.ttl_ms, now, (longer) => ({ kind: "held", lease: longer, reentrant: true }));
  }
  const blocker = blockerOf(start.book, request, mode);
  if (blocker === undefined) {
    return lease ? upgradedAtOnce(start, lease, request, now) : admitted(start, claimFor(request, mode, now), now);
  }
  if (request.wait_ms <= 0) return step(start, { kind: "refused", blocker });
  if (claim !== undefined && claim.mode !== mode) return strengthened(start, claim);
  if (claim !== undefined) return step(start, queuedIn(start.book, claim));
  if (lease !== undefined && isUpgrading(lease)) return step(start, queuedIn(start.book, lease));

  const depth = waitersOf(start.book).length;
  if (depth >= request.queue_max) return queueFull(start, depth);
  return lease ? upgradeQueued(start, lease, request, now) : queued(start, claimFor(request, mode, now));
}

/**
 * Who keeps this session from holding a settled lock in this mode: a conflicting holder, else an earlier conflicting waiter
 * (rule 1). In a settled book somebody holds whenever somebody waits, so only shared requests ever look at the waiters; and
 * as all that is exclusive waits behind holders alone, an upgrade is never held up by the queue.
 */
function blockerOf(book: LockBook, session: Session, mode: LockMode): Entry | undefined {
  if (book.capacity !== null) return book.holders.length < book.capacity ? undefined : book.holders[0];
  if (mode === "exclusive") return book.holders.find((holder) => !isSameSession(holder, session));
  return (
    book.holders.find((holder) => holder.mode === "exclusive" || isUpgrading(holder)) ??
    book.queue.find((claim) => claim.mode === "exclusive")
  );
}

function admitted(start: Change, claim: Claim, now: number): Step<Acquired> {
  const { book } = start;
  const lease = leaseFor(claim, book.token + 1, now);
  const change: Change = {
    book: { ...book, token: lease.token, holders: [...book.holders, lease] },
    events: [{ kind: "acquired", lease, waited: false, upgraded: false }],
  };
  return step(followedBy(start, change), { kind: "held", lease, reentrant: false });
}

function upgradedAtOnce(start: Change, shared: Lease, request: AcquireRequest, now: number): Step<Acquired> {
  const { book } = start;
  const lease = upgradedLease(shared, upgradeFor(request, now), book.token + 1, now);
  const change: Change = {
    book: { ...book, token: lease.token, holders: [lease] },
    events: [{ kind: "acquired", lease, waited: false, upgraded: true }],
  };
  return step(followedBy(start, change), { kind: "held", lease, reentrant: false });
}

function queueFull(start: Change, depth: number): Step<Acquired> {
  const change: Change = { book: start.book, events: [{ kind: "queue_full", depth }] };
  return step(followedBy(start, change), { kind: "full", depth });
}

function queued(start: Change, claim: Claim): Step<Acquired> {
  const book = { ...start.book, queue: [...start.book.queue, claim] };
  const place = queuedIn(book, claim);
  return step(followedBy(start, { book, events: [place] }), place);
}

function upgradeQueued(start: Change, shared: Lease, request: AcquireRequest, now: number): Step<Acquired> {
  const waiting: UpgradingLease = { ...shared, upgrade: upgradeFor(request, now) };
  const book = withEntry(start.book, waiting);
  const place = queuedIn(book, waiting);
  return step(followedBy(start, { book, events: [place] }), place);
}

function strengthened(start: Change, claim: Claim): Step<Acquired> {
  const change = withMode(start.book, claim, "exclusive");
  return step(followedBy(start, change), change.place);
}

function claimFor(request: AcquireRequest, mode: LockMode, now: number): Claim {
  const { member, agent_id, session_id, kind, ttl_ms, wait_ms, purpose, priority } = request;
  const claim: Claim = {
    member,
    agent_id,
    session_id,
    ...(kind !== undefined && { kind }),
    mode,
    ttl_ms,
    priority,
    requested_at: now,
    deadline: now + wait_ms,
  };
  return purpose === undefined ? claim : { ...claim, purpose };
}

function upgradeFor({ wait_ms, ttl_ms }: AcquireRequest, now: number): Upgrade {
  return { requested_at: now, deadline: now + wait_ms, ttl_ms };
}
