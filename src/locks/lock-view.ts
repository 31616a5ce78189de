/** The Lock of the API (04, "Lock") as one entry of a book is shown. Pure. */
import { type Address, idOf } from "../actor/ids.ts";
import { timestamp } from "../actor/timestamp.ts";
import type { Lock, LockInfo, Lease as WireLease } from "./contract.ts";
import {
  type Entry,
  estimatedWaitSeconds,
  isLease,
  isUpgrading,
  type Lease,
  type LockBook,
  positionOf,
  type Waiter,
  waitersOf,
} from "./lock-book.ts";
import type { LockName } from "./lock-table.ts";

function holderOf(address: Address, lease: Lease) {
  return {
    lock_id: idOf(address, lease.member),
    agent_id: lease.agent_id,
    session_id: lease.session_id,
    acquired_at: timestamp(lease.acquired_at),
    expires_at: timestamp(lease.expires_at),
    ...(lease.purpose !== undefined && { purpose: lease.purpose }),
  };
}

/** An answer about a lock tells this many of its holders, the earliest. A lock may be shared by any number. */
const MAX_HOLDERS = 1_000;

export function lockView(
  address: Address,
  name: LockName,
  book: LockBook,
  entry: Entry,
  now: number,
  most = MAX_HOLDERS,
): Lock {
  const held = isLease(entry);
  const holders = book.holders.slice(0, most).map((lease) => holderOf(address, lease));
  const [holder] = holders;
  const position = positionOf(book, entry.member);
  const wait = position === undefined ? undefined : estimatedWaitSeconds(book, entry.member, now);
  return {
    id: idOf(address, entry.member),
    acquired: held,
    status: held ? "held" : "queued",
    resource_type: name.resource_type,
    resource_id: name.resource_id,
    mode: entry.mode,
    ...(held && { fencing_token: entry.token, expires_at: timestamp(entry.expires_at) }),
    ...(holder !== undefined && { holder }),
    holders,
    ...(position !== undefined && { queue_position: position }),
    ...(wait !== undefined && { estimated_wait_seconds: wait }),
    ...(isUpgrading(entry) && { upgrade_pending: true as const }),
  };
}

/** Whether more is to come of it: a queued claim, a lease that waits to become exclusive. */
export function isPending({ status, upgrade_pending }: Lock): boolean {
  return status === "queued" || upgrade_pending === true;
}

/** A lease with those that wait for its lock, next one first (04, "LockInfo"): at most `most` of them, and of its holders. */
export function lockInfo(
  address: Address,
  name: LockName,
  book: LockBook,
  lease: Lease,
  now: number,
  most: number,
): LockInfo {
  const queue = waitersOf(book)
    .slice(0, most)
    .map((waiter) => waiterOf(address, waiter));
  return { ...lockView(address, name, book, lease, now, most), queue };
}

function waiterOf(address: Address, waiter: Waiter): LockInfo["queue"][number] {
  const { member, agent_id, session_id, priority } = waiter;
  const upgrade = isUpgrading(waiter) ? waiter.upgrade : undefined;
  return {
    lock_id: idOf(address, member),
    agent_id,
    session_id,
    mode: upgrade === undefined ? waiter.mode : "exclusive",
    requested_at: timestamp((upgrade ?? waiter).requested_at),
    priority,
  };
}

/** Who is in the way, for the details of a 423: a holder and, where only a waiter conflicts, that waiter as `ahead`. */
export function blockerView(address: Address, name: LockName, book: LockBook, blocker: Entry): Record<string, unknown> {
  const { resource_type, resource_id } = name;
  const holder = isLease(blocker) ? blocker : book.holders[0];
  return {
    resource_type,
    resource_id,
    ...(holder !== undefined && { holder: holderOf(address, holder) }),
    ...(!isLease(blocker) && { ahead: waiterOf(address, blocker) }),
  };
}

/** A held lock as task work hands it out. Throws on a queued one: only granted locks become leases. */
export function leaseView(lock: Lock): WireLease {
  if (lock.fencing_token === undefined || lock.expires_at === undefined) throw new Error(`${lock.id} is not held`);
  return {
    lock_id: lock.id,
    resource_type: lock.resource_type,
    resource_id: lock.resource_id,
    mode: lock.mode,
    fencing_token: lock.fencing_token,
    expires_at: lock.expires_at,
  };
}
