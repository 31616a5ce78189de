import { isUpgrading, waitersOf } from "./entries.ts";
import type { Lease, LockBook, LockMode, Waiter } from "./lock-types.ts";

/**
 * How long a waiting claim or upgrade may still have to wait, in whole seconds (rounded up): what the holders have left,
 * then the turns of those ahead. A turn lasts as long as leases of this lock were held on average; before any ended, the
 * TTL asked for. Promises nothing. undefined for whoever does not wait.
 */
export function estimatedWaitSeconds(book: LockBook, member: number, now: number): number | undefined {
  const waiters = waitersOf(book);
  const index = waiters.findIndex((waiter) => waiter.member === member);
  if (index < 0) return undefined;
  const left = book.holders
    .filter((holder) => holder.member !== member)
    .map((holder) => timeLeft(book, holder, now))
    .sort((a, b) => a - b);
  const ms =
    book.capacity === null
      ? (left.at(-1) ?? 0) + turnsAhead(book, waiters, index)
      : permitAfter(book, left, waiters, index, book.capacity);
  return Math.ceil(ms / 1000);
}

function timeLeft(book: LockBook, { acquired_at, expires_at, ttl_ms }: Lease, now: number): number {
  const usualEnd = acquired_at + (book.mean_hold_ms ?? ttl_ms);
  return Math.max(0, Math.min(usualEnd, expires_at) - now);
}

/** Readers next to each other in the queue share one turn, as long as the longest of them. */
function turnsAhead(book: LockBook, waiters: readonly Waiter[], index: number): number {
  let past = 0;
  let turn = 0;
  let turnMode: LockMode = "exclusive";
  for (const waiter of waiters.slice(0, index + 1)) {
    const mode = isUpgrading(waiter) ? "exclusive" : waiter.mode;
    if (mode === "exclusive" || turnMode === "exclusive") {
      past += turn;
      turn = 0;
    }
    turn = Math.max(turn, turnLength(book, waiter));
    turnMode = mode;
  }
  return past;
}

/** The permits come free one by one and then go round; of leases beyond a lowered capacity the first to end free none. */
function permitAfter(
  book: LockBook,
  left: readonly number[],
  waiters: readonly Waiter[],
  index: number,
  capacity: number,
): number {
  const free = left.slice(Math.max(0, left.length - capacity));
  const rounds = Math.floor(index / capacity);
  const longest = waiters.slice(0, index).reduce((most, waiter) => Math.max(most, turnLength(book, waiter)), 0);
  return (free[index % capacity] ?? 0) + rounds * longest;
}

function turnLength(book: LockBook, waiter: Waiter): number {
  return book.mean_hold_ms ?? (isUpgrading(waiter) ? waiter.upgrade.ttl_ms : waiter.ttl_ms);
}
