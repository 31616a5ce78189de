/**
 * What stands in a lock book and what its rules answer (04-locks-and-deadlocks, "Rules of the lock book"). All times are
 * milliseconds since the epoch, all spans milliseconds. Everything is plain immutable JSON, so that a lease, a claim or an
 * event can be stored and sent as it is.
 */

export type LockMode = "shared" | "exclusive";

/** A session is the pair: two agents that use one session_id are two sessions, and nobody can re-enter another's leases. */
export interface Session {
  readonly agent_id: string;
  readonly session_id: string;
}

interface Asked extends Session {
  /** Whether a person asked, not an agent: for whoever tells them what becomes of it. */
  readonly kind?: "user";
  /** Counter within the actor, rising with every request; the lock_id is made of it and stays when a claim is granted. */
  readonly member: number;
  /** On a counting lock always "exclusive": there the mode asked for is ignored. */
  readonly mode: LockMode;
  readonly ttl_ms: number;
  readonly purpose?: string;
  /** 0–100. Only for choosing a deadlock's victim; never reorders the queue. */
  readonly priority: number;
  readonly requested_at: number;
}

/** A shared lease's wait to become exclusive. It is part of the lease: whatever ends the lease ends it too. */
export interface Upgrade {
  readonly requested_at: number;
  readonly deadline: number;
  readonly ttl_ms: number;
}

/** A granted claim. Dead from `expires_at` on (inclusive). An upgrade renews the token, but neither member nor age. */
export interface Lease extends Asked {
  readonly token: number;
  readonly acquired_at: number;
  readonly expires_at: number;
  readonly upgrade?: Upgrade;
}

export type UpgradingLease = Lease & { readonly upgrade: Upgrade };

/** A queued claim. Never granted from `deadline` on (inclusive). */
export interface Claim extends Asked {
  readonly deadline: number;
}

export type Entry = Lease | Claim;

/** Whoever waits: a queued claim, or a shared holder that waits to become exclusive. */
export type Waiter = Claim | UpgradingLease;

/** One lock. Every entry's session is there once only, either holding or queued. */
export interface LockBook {
  /** null: a shared/exclusive lock; n ≥ 1: a counting lock of n permits. */
  readonly capacity: number | null;
  /** The highest fencing token handed out, 0 before the first. */
  readonly token: number;
  /** Moving average of how long leases were held; null until the first ended. Only estimates depend on it. */
  readonly mean_hold_ms: number | null;
  /** In the order of their tokens: the earliest holder first. */
  readonly holders: readonly Lease[];
  /** In the order of their members: FIFO. Upgrades, which go before all of them, are kept in their leases. */
  readonly queue: readonly Claim[];
}

/** `wait_ms` 0 is a try: held or refused at once, never queued. `queue_max` is the limit of waiters (LOCK_QUEUE_MAX). */
export interface AcquireRequest extends Session {
  readonly kind?: "user";
  readonly member: number;
  readonly mode: LockMode;
  readonly ttl_ms: number;
  readonly wait_ms: number;
  readonly purpose?: string;
  readonly priority: number;
  readonly queue_max: number;
}

/**
 * What happened to the lock, in order. An entry that ended is given as it last was: an upgrade that goes with its lease is
 * seen in the lease. `forced` says that somebody other than the holder did it.
 */
export type LockEvent =
  | { readonly kind: "acquired"; readonly lease: Lease; readonly waited: boolean; readonly upgraded: boolean }
  | Queued
  /** A queued claim asks for another mode now, in the same place. */
  | { readonly kind: "mode_changed"; readonly claim: Claim; readonly position: number }
  | { readonly kind: "released"; readonly lease: Lease; readonly forced: boolean }
  /** A claim, or the upgrade of a lease that stays, was withdrawn. */
  | { readonly kind: "cancelled"; readonly waiter: Waiter; readonly forced: boolean }
  | { readonly kind: "expired"; readonly lease: Lease }
  /** A claim's own wait was over, or that of an upgrade: its lease stays, shared. */
  | { readonly kind: "timed_out"; readonly waiter: Waiter }
  | { readonly kind: "downgraded"; readonly lease: Lease }
  | { readonly kind: "aborted"; readonly entry: Entry }
  /** A reader was let in before the waiters `ahead_of` (members); its `acquired` follows. */
  | { readonly kind: "reordered"; readonly claim: Claim; readonly ahead_of: readonly number[] }
  | { readonly kind: "queue_full"; readonly depth: number };

/**
 * The outcome of one operation. `touched` names the entries that differ between the two books: each one's stored row is to
 * be written, or deleted when it is in the new book no more. The book's own numbers (capacity, token, mean) come on top.
 */
export interface Step<T = undefined> {
  readonly book: LockBook;
  readonly events: readonly LockEvent[];
  readonly touched: readonly number[];
  readonly value: T;
}

export interface Held {
  readonly kind: "held";
  readonly lease: Lease;
}

/** `position` 1 is next. */
export interface Queued {
  readonly kind: "queued";
  readonly waiter: Waiter;
  readonly position: number;
}

/** No live entry has that member: it ended (perhaps in this very step: see the events) or never was. */
export interface Unknown {
  readonly kind: "unknown";
}

export type Acquired =
  | (Held & { readonly reentrant: boolean })
  | Queued
  /** `blocker`: a holder in the way or, when no holder is, the waiter that goes first. */
  | { readonly kind: "refused"; readonly blocker: Entry }
  | { readonly kind: "full"; readonly depth: number };

export type Released =
  | { readonly kind: "released"; readonly lease: Lease }
  | { readonly kind: "withdrawn"; readonly claim: Claim }
  | Unknown;
