/** What the ledger owes to D1: on disk in the order in which it came, and what came of late still as objects. */
import type { Commit } from "../actor/commit.ts";
import { fitting, type Storage } from "../actor/storage.ts";
import { type Pending, rowsOf } from "./ledger-core.ts";
import { flushOf, Remembered, together } from "./owed.ts";

export const OWED_TABLE = `
  CREATE TABLE pending (n INTEGER PRIMARY KEY AUTOINCREMENT, chars INTEGER NOT NULL, rows INTEGER NOT NULL) STRICT;`;

/** JSON of one D1 batch; the platform takes 2 MB per parameter. */
const BATCH_CHARS = 1_000_000;
/** Rows of what is owed that one D1 batch takes. */
const BATCH_ROWS = 1_000;

type Batch = ReturnType<typeof flushOf> & {
  readonly numbers: readonly number[];
  /** Whether this is not all. */
  readonly more: boolean;
};

export class OwedStore {
  readonly #sql: SqlStorage;
  readonly #store: Storage;
  readonly #remembered = new Remembered();

  constructor(sql: SqlStorage, store: Storage) {
    this.#sql = sql;
    this.#store = store;
  }

  /** Part of a commit. What came in together goes out together, unless it is too much for one batch. False if it is nothing. */
  add(tx: Commit, given: readonly Pending[]): boolean {
    const pending = together(given);
    // D1 takes no batch without a statement: this one would hold up all that come after it.
    if (pending.entries.length + pending.changes.length + pending.configuration.length === 0) return false;
    const text = JSON.stringify(pending);
    if (text.length > BATCH_CHARS && given.length > 1) {
      for (const one of given) this.add(tx, [one]);
      return true;
    }
    const insert = "INSERT INTO pending (chars, rows) VALUES (?, ?) RETURNING n";
    const [row] = rowsOf<{ n: number }>(this.#sql, insert, text.length, pending.entries.length);
    if (row === undefined) throw new Error("pending got no number");
    tx.store.writeJson(documentOf(row.n), text);
    tx.afterwards(() => this.#remembered.keep(row.n, pending, text.length));
    return true;
  }

  /** What waits longest and fits one batch. */
  next(): Batch | undefined {
    const query = "SELECT n, chars FROM pending ORDER BY n LIMIT ?";
    const waiting = rowsOf<{ n: number; chars: number }>(this.#sql, query, BATCH_ROWS);
    const numbers = fitting(waiting, BATCH_CHARS, ({ chars }) => chars).map(({ n }) => n);
    if (numbers.length === 0) return undefined;
    const more = numbers.length < waiting.length || waiting.length === BATCH_ROWS;
    return { numbers, more, ...flushOf(numbers.map((n) => this.#read(n))) };
  }

  /** Part of a commit: D1 has what these numbers stand for. */
  drop(tx: Commit, numbers: readonly number[]): void {
    for (const n of numbers) tx.store.erase(documentOf(n));
    this.#sql.exec("DELETE FROM pending WHERE n <= ?", numbers.at(-1) ?? 0);
    tx.afterwards(() => this.#remembered.drop(numbers));
  }

  get isEmpty(): boolean {
    return rowsOf(this.#sql, "SELECT 1 FROM pending LIMIT 1").length === 0;
  }

  /** How many audit rows wait, and the time of the oldest. */
  unshipped(): { readonly unshipped: number; readonly oldest?: string } {
    const [sum] = rowsOf<{ n: number; first: number | null }>(
      this.#sql,
      "SELECT coalesce(sum(rows), 0) AS n, min(n) FILTER (WHERE rows > 0) AS first FROM pending",
    );
    const oldest = sum?.first == null ? undefined : this.#read(sum.first).entries[0]?.entry.at;
    return { unshipped: sum?.n ?? 0, ...(oldest !== undefined && { oldest }) };
  }

  #read(n: number): Pending {
    const pending = this.#remembered.get(n) ?? this.#store.read<Pending>(documentOf(n));
    if (pending === undefined) throw new Error(`pending ${n} is gone`);
    return pending;
  }
}

function documentOf(n: number): string {
  return `pending:${n}`;
}
