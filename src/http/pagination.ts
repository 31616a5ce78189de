/**
 * Lists over D1 (02, "Lists"): `page`, or an opaque `cursor`, which wins. A page is an offset; a cursor is the sort key of
 * the last row seen, so that following cursors neither repeats nor skips a row while others are written.
 */
import { createHash } from "node:crypto";
import type { z } from "../zod.ts";
import { refuseInvalid } from "./failure.ts";
import { type Bind, condition, type SqlFragment } from "./sql-fragment.ts";
import type { Pagination } from "./validation.ts";

export { condition, oneOf, type SqlFragment } from "./sql-fragment.ts";

export const DEFAULT_LIMIT = 20;

/** Columns are SQL of our own, never a client's text. */
export interface Order {
  readonly column: string;
  readonly direction: "asc" | "desc";
  /** Decides between equal values of `column`; needed unless those are unique. Never null. */
  readonly tiebreaker?: string;
  /** Says that `column` may be null: then null is the least value, as SQLite has it. */
  readonly nullable?: true;
}

export interface ListQuery {
  /** columns, e.g. `"id, name"` */
  readonly select: string;
  /** table, with joins if need be */
  readonly from: string;
  /** all must hold; the first one is the workspace */
  readonly where: readonly SqlFragment[];
  readonly order: Order;
  /**
   * A unique column of a table that stands alone in `from`: the page is found by it first, so that what is sorted or skipped on the
   * way is read from an index, and whole rows only once they are known to be on the page.
   */
  readonly key?: string;
  /** `SELECT … AS total` of what `where` lets through, where that is known without counting (db/totals.ts). */
  readonly total?: SqlFragment | undefined;
}

/** What `PageQuery` (validation.ts) makes of a query string. */
export interface PageRequest {
  readonly page?: number | undefined;
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
}

export interface Page<Row> {
  readonly rows: readonly Row[];
  readonly pagination: z.infer<typeof Pagination>;
}

/**
 * One page of a list, the rows as D1 gives them (JSON columns are text). A cursor that is none, or one of a list in another
 * order, ends the request with a 400 that names `cursor`.
 *
 * @example
 * const { rows, pagination } = await paged<StoredPolicy>(env.DB, {
 *   select: "id, body",
 *   from: "policies",
 *   where: [condition("workspace = ?", caller.workspace), oneOf("id", wanted)],
 *   order: { column: "created_at", direction: "desc", tiebreaker: "id" },
 * }, query);
 */
export async function paged<Row extends object>(
  db: D1Database,
  { select, from, where, order, key, total }: ListQuery,
  request: PageRequest,
): Promise<Page<Row>> {
  const limit = request.limit ?? DEFAULT_LIMIT;
  const cursor = request.cursor === undefined ? undefined : readCursor(request.cursor, order);
  const page = cursor?.page ?? request.page ?? 1;
  const after = cursor === undefined ? [] : [beyond(order, cursor)];
  const offset = cursor === undefined ? (page - 1) * limit : 0;
  const columns = `${select}, ${order.column} AS sort_value, ${order.tiebreaker ?? "NULL"} AS sort_tie`;
  // One row more than asked for says whether there is more.
  const slice = condition(`ORDER BY ${orderBy(order)} LIMIT ? OFFSET ?`, limit + 1, offset);
  const [found, counted] = await db.batch<Row & SortKey & { total: number }>([
    key === undefined
      ? prepared(db, `SELECT ${columns} FROM ${from}`, [...where, ...after], slice)
      : prepared(
          db,
          `SELECT ${columns} FROM ${from} WHERE ${key} IN (SELECT ${key} FROM ${from}`,
          [...where, ...after],
          condition(`${slice.text}) ORDER BY ${orderBy(order)}`, ...slice.binds),
        ),
    total === undefined
      ? prepared(db, `SELECT count(*) AS total FROM ${from}`, where)
      : db.prepare(total.text).bind(...total.binds),
  ]);
  const rows = (found?.results ?? []).slice(0, limit);
  const last = rows.at(-1);
  const more = (found?.results.length ?? 0) > limit;
  return {
    rows: rows.map(({ sort_value: _value, sort_tie: _tie, ...row }) => row as unknown as Row),
    pagination: {
      page,
      limit,
      total: counted?.results[0]?.total ?? 0,
      has_more: more,
      ...(more && last !== undefined && { next_cursor: writeCursor(last, page + 1, order) }),
    },
  };
}

interface SortKey {
  readonly sort_value: Bind | null;
  readonly sort_tie: Bind | null;
}

interface Cursor extends SortKey {
  /** of the page that it leads to */
  readonly page: number;
}

function prepared(
  db: D1Database,
  head: string,
  where: readonly SqlFragment[],
  tail: SqlFragment = condition(""),
): D1PreparedStatement {
  const conditions = where.map(({ text }) => `(${text})`).join(" AND ");
  const binds = [...where, tail].flatMap((fragment) => fragment.binds);
  return db.prepare(`${head}${where.length === 0 ? "" : ` WHERE ${conditions}`} ${tail.text}`).bind(...binds);
}

function orderBy({ column, direction, tiebreaker }: Order): string {
  return [column, tiebreaker].flatMap((by) => (by === undefined ? [] : [`${by} ${direction}`])).join(", ");
}

/** The rows that come after a sort key. */
export function beyond(
  { column, direction, tiebreaker, nullable }: Order,
  { sort_value, sort_tie }: SortKey,
): SqlFragment {
  const past = direction === "asc" ? ">" : "<";
  const nullsAhead = direction === "desc" && nullable;
  if (sort_value === null) {
    const tied =
      tiebreaker === undefined || sort_tie === null ? condition("0") : condition(`${tiebreaker} ${past} ?`, sort_tie);
    const text = `${column} IS NULL AND ${tied.text}`;
    return condition(direction === "asc" ? `(${text}) OR ${column} IS NOT NULL` : text, ...tied.binds);
  }
  // A row value, since SQLite walks an index by it; both columns run in one direction.
  const [left, right, binds] =
    tiebreaker === undefined || sort_tie === null
      ? [column, "?", [sort_value]]
      : [`(${column}, ${tiebreaker})`, "(?, ?)", [sort_value, sort_tie]];
  return condition(`${left} ${past} ${right}${nullsAhead ? ` OR ${column} IS NULL` : ""}`, ...binds);
}

/** base64url of `[page, sort value, tie, check]`; the check covers the order too, which it thereby need not repeat. */
export function writeCursor({ sort_value, sort_tie }: SortKey, page: number, order: Order): string {
  const key = [page, sort_value, sort_tie];
  return Buffer.from(JSON.stringify([...key, checkOf(key, order)])).toString("base64url");
}

export function readCursor(text: string, order: Order): Cursor {
  const parts = partsOf(text);
  if (parts === undefined) return refuseCursor();
  const [page, sort_value, sort_tie, check] = parts;
  if (typeof page !== "number" || !isSortable(sort_value) || !isSortable(sort_tie)) return refuseCursor();
  if (check !== checkOf([page, sort_value, sort_tie], order)) return refuseCursor();
  return { page, sort_value, sort_tie };
}

function partsOf(text: string): unknown[] | undefined {
  const decoded = Buffer.from(text, "base64url");
  // Decoding passes over what is no base64url, so that many texts would stand for one cursor.
  if (decoded.toString("base64url") !== text) return undefined;
  try {
    const parts: unknown = JSON.parse(decoded.toString());
    return Array.isArray(parts) ? parts : undefined;
  } catch {
    return undefined;
  }
}

function isSortable(value: unknown): value is Bind | null {
  return typeof value === "string" || typeof value === "number" || value === null;
}

/** Not a secret: it finds cursors that were mangled or belong elsewhere. One made up shows no row that a filter would not. */
function checkOf(key: readonly unknown[], order: Order): string {
  const text = JSON.stringify([orderBy(order), ...key]);
  return createHash("sha256").update(text).digest("base64url").slice(0, 8);
}

function refuseCursor(): never {
  refuseInvalid({ field: "cursor", issue: "is not a cursor of this list" });
}
