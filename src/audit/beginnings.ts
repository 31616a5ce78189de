/**
 * Where a chain begins in D1, if not with its first entry: what stood before was retired to a file (docs/design/retention.md),
 * or lost with D1 and no longer kept by its actor. Known to the ledger alone, so that nobody shortens a chain by writing to D1.
 */
import type { Beginning } from "./ledger-api.ts";
import { rowsOf } from "./ledger-core.ts";
import type { Link } from "./verify.ts";

export const BEGINNINGS_MIGRATION = `
  CREATE TABLE beginnings (
    source TEXT PRIMARY KEY, seq INTEGER NOT NULL, hash TEXT NOT NULL, forgetting INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;`;

export function beginningOf(sql: SqlStorage, source: string): Beginning | null {
  const query = "SELECT seq, hash, forgetting FROM beginnings WHERE source = ?";
  const row = rowsOf<Link & { forgetting: number }>(sql, query, source)[0];
  return row === undefined ? null : { seq: row.seq, hash: row.hash, forgetting: row.forgetting === 1 };
}

export function beginAt(sql: SqlStorage, source: string, { seq, hash }: Link): void {
  sql.exec("INSERT OR REPLACE INTO beginnings VALUES (?, ?, ?, 0)", source, seq, hash);
}

/** The next beginnings by name; with `forgetting`, those alone whose rows are being deleted. */
export function beginnings(
  sql: SqlStorage,
  after: string,
  limit: number,
  forgetting = false,
): readonly { readonly source: string; readonly seq: number }[] {
  const only = forgetting ? "AND forgetting = 1" : "";
  const query = `SELECT source, seq FROM beginnings WHERE source > ? ${only} ORDER BY source LIMIT ?`;
  return rowsOf(sql, query, after, limit);
}
