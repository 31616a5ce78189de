/** The trail in pages that fit into memory whatever its rows hold, each found by the row before it: no offset, no cursor held open. */
import { giveWay } from "../actor/give-way.ts";
import { condition, type SqlFragment } from "../http/pagination.ts";
import { AUDIT_COLUMNS, type StoredAuditRow } from "./query.ts";

/** Few enough queries for a million rows in one request, little enough of it at a time (the platform gives 128 MB). */
const PAGE_ROWS = 4_000;
const PAGE_CHARS = 2_000_000;
/** What a row takes besides its JSON columns. */
const ROW_CHARS = 500;
/** Others are given way for a millisecond each time that so many rows were read: a fifth of the time that those take. */
const ROWS_PER_MS = 400;

/** The order of pages: as D1 took the rows, chain by chain, or within one chain. */
export type PageOrder = readonly ["id"] | readonly ["actor", "seq"] | readonly ["seq"];

export interface PageSource {
  readonly db: D1Database;
  /** All must hold; the first one is the workspace. */
  readonly where: readonly SqlFragment[];
  readonly order: PageOrder;
  /** An index that gives the order by itself, where the conditions might tempt the database to sort each page. */
  readonly index?: "audit_workspace" | "audit_chain";
}

/** Every row that fits, in order; rows that are written meanwhile and come later in that order are among them. */
export async function* auditPages(source: PageSource): AsyncGenerator<readonly StoredAuditRow[], void> {
  let last: StoredAuditRow | undefined;
  for (;;) {
    const page = await pageAfter(source, last);
    last = page.at(-1);
    if (last === undefined) return;
    yield page;
    await giveWay(page.length / ROWS_PER_MS);
  }
}

async function pageAfter(
  { db, where, order, index }: PageSource,
  last: StoredAuditRow | undefined,
): Promise<readonly StoredAuditRow[]> {
  const by = order.join(", ");
  const after = last === undefined ? [] : [beyondRow(order, last)];
  const conditions = [...where, ...after];
  const from = index === undefined ? "audit_log" : `audit_log INDEXED BY ${index}`;
  // The sizes are summed up over ids alone: what a row holds is read only once it is known to fit.
  const { results } = await db
    .prepare(
      `WITH sized AS (
         SELECT id, actor, seq, ${ROW_CHARS} + length(who) + length("where") + coalesce(length(why), 0)
           + coalesce(length(details), 0) AS size
         FROM ${from} WHERE ${conditions.map(({ text }) => `(${text})`).join(" AND ")} ORDER BY ${by} LIMIT ${PAGE_ROWS}
       ), page AS (SELECT id, sum(size) OVER (ORDER BY ${by}) - size AS before FROM sized)
       SELECT ${AUDIT_COLUMNS} FROM audit_log WHERE id IN (SELECT id FROM page WHERE before < ${PAGE_CHARS}) ORDER BY ${by}`,
    )
    .bind(...conditions.flatMap(({ binds }) => binds))
    .all<StoredAuditRow>();
  return results;
}

function beyondRow(order: PageOrder, row: StoredAuditRow): SqlFragment {
  const values = order.map((column) => row[column]);
  return condition(`(${order.join(", ")}) > (${values.map(() => "?").join(", ")})`, ...values);
}
