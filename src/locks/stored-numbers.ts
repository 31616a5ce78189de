/** When the row of a lock's three numbers has to be written: to give a lock leaves it alone. Pure. */
import type { LockBook } from "./lock-types.ts";

/** Whether whoever was granted last still holds: then the lease's own row says how far the tokens have come. */
export function leaseTellsToken({ holders, token }: LockBook): boolean {
  return holders.some((lease) => lease.token === token);
}

/** Whether the numbers stored for `before` would not give `book` back together with its entries' rows. */
export function numbersChanged(before: LockBook, book: LockBook): boolean {
  if (book.capacity !== before.capacity || book.mean_hold_ms !== before.mean_hold_ms) return true;
  return !leaseTellsToken(book) && (book.token !== before.token || leaseTellsToken(before));
}
