/**
 * What a lock has to report, from one state of its book to the next (04-locks-and-deadlocks, "Reporting"). Pure: the actor
 * keeps the `Reporting` in memory, starts with a higher epoch in every life, and may let as many changes pass between two
 * reports as it likes: they are merged, because each report is the difference to what was told last.
 *
 * Books given here are settled. Agent locks with several permits stay out of the graph: to the coordinator they are never
 * contended.
 */
import { type Address, idOf } from "../actor/ids.ts";
import { isUpgrading, type Lease, type LockBook, type Waiter as QueuedWaiter, waitersOf } from "../locks/lock-book.ts";
import type { Delta, Holder, Report, Snapshot, Waiter } from "./snapshot.ts";

export interface Reporting {
  /** The key of the actor that carries the lock, by which it can be asked. */
  readonly lock: string;
  readonly address: Address;
  readonly epoch: number;
  readonly seq: number;
  /** The contended book that the coordinator was told last; null: it takes this lock for uncontended. */
  readonly told: LockBook | null;
}

export interface Reported<R extends Report | undefined = Report | undefined> {
  readonly reporting: Reporting;
  readonly report: R;
}

/** A lock that has told nothing in this life of its actor. `epoch` must be higher than in any earlier life. */
export function silent(lock: string, address: Address, epoch: number): Reporting {
  return { lock, address, epoch, seq: 0, told: null };
}

/** Whether somebody waits for this lock and it is one that the graph knows: shared/exclusive, or of a single permit. */
export function isContended(book: LockBook): boolean {
  return (book.capacity === null || book.capacity === 1) && (book.queue.length > 0 || book.holders.some(isUpgrading));
}

/**
 * What to send now: nothing if the coordinator's picture is right, a snapshot when the lock becomes contended or is no
 * longer, else a delta. O(entries).
 */
export function reportOf(reporting: Reporting, book: LockBook): Reported {
  const { told } = reporting;
  if (told === null) return isContended(book) ? snapshotOf(reporting, book) : { reporting, report: undefined };
  if (!isContended(book)) return snapshotOf(reporting, book);
  const changes = changesBetween(reporting.address, told, book);
  if (changes === undefined) return { reporting, report: undefined };
  const { lock, epoch, seq: after } = reporting;
  const seq = after + 1;
  const delta: Delta = { kind: "delta", lock, epoch, after, seq, ...changes };
  return { reporting: { ...reporting, seq, told: book }, report: delta };
}

/**
 * The whole lock: whenever the coordinator asks, every 30 s while contended, and with every answer to the coordinator. A
 * contended lock that did not change since the last report sends the same version again, which heals a loss.
 */
export function snapshotOf(reporting: Reporting, book: LockBook): Reported<Snapshot> {
  const { lock, epoch, address, told } = reporting;
  const contended = isContended(book);
  const unchanged = contended && told !== null && changesBetween(address, told, book) === undefined;
  const seq = unchanged ? reporting.seq : reporting.seq + 1;
  const report: Snapshot = {
    kind: "snapshot",
    lock,
    epoch,
    seq,
    holders: contended ? book.holders.map((lease) => holder(address, lease)) : [],
    queue: contended ? waitersOf(book).map((one) => waiter(address, one)) : [],
  };
  return { reporting: { ...reporting, seq, told: contended ? book : null }, report };
}

type Changes = Pick<Delta, "gone_leases" | "gone_claims" | "holders" | "queue">;

/** undefined: to the graph the two books are one (heartbeats, for instance, change neither holders nor queue). */
function changesBetween(address: Address, before: LockBook, after: LockBook): Changes | undefined {
  const held = difference(before.holders, after.holders, (a, b) => a.token === b.token && a.mode === b.mode);
  const waits = difference(waitersOf(before), waitersOf(after), isSameWait);
  if ([held.gone, held.changed, waits.gone, waits.changed].every((list) => list.length === 0)) return undefined;
  return {
    gone_leases: held.gone.map(({ member }) => idOf(address, member)),
    gone_claims: waits.gone.map(({ member }) => idOf(address, member)),
    holders: held.changed.map((lease) => holder(address, lease)),
    queue: waits.changed.map((one) => waiter(address, one)),
  };
}

function difference<T extends { readonly member: number }>(
  before: readonly T[],
  after: readonly T[],
  isSame: (one: T, other: T) => boolean,
): { gone: T[]; changed: T[] } {
  const earlier = new Map(before.map((entry) => [entry.member, entry]));
  const changed: T[] = [];
  for (const entry of after) {
    const was = earlier.get(entry.member);
    earlier.delete(entry.member);
    if (was === undefined || (was !== entry && !isSame(was, entry))) changed.push(entry);
  }
  return { gone: [...earlier.values()], changed };
}

/** A claim that was granted and then upgrades waits under the same id as before; only its place in the book tells. */
function isSameWait(one: QueuedWaiter, other: QueuedWaiter): boolean {
  return (
    isUpgrading(one) === isUpgrading(other) &&
    wantedMode(one) === wantedMode(other) &&
    waitsSince(one) === waitsSince(other)
  );
}

function wantedMode(waiting: QueuedWaiter): Waiter["mode"] {
  return isUpgrading(waiting) ? "exclusive" : waiting.mode;
}

/** Since when this very wait goes on; of an upgrade the moment at which it was asked for, not that of its lease. */
export function waitsSince(waiting: QueuedWaiter): number {
  return isUpgrading(waiting) ? waiting.upgrade.requested_at : waiting.requested_at;
}

function holder(address: Address, lease: Lease): Holder {
  const { agent_id: agent, session_id: session, member, token, mode, acquired_at: since } = lease;
  return { agent, session, lease: idOf(address, member), token, mode, since };
}

function waiter(address: Address, waiting: QueuedWaiter): Waiter {
  const { agent_id: agent, session_id: session, member, priority } = waiting;
  const [mode, since] = [wantedMode(waiting), waitsSince(waiting)];
  return { agent, session, claim: idOf(address, member), mode, since, priority };
}
