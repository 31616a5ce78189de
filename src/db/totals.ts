/**
 * How many rows a list has, without counting them: triggers keep it by state, status, result and action (docs/design/totals.md), so
 * that a page of a million rows costs what a page of twenty does. Pure.
 */
import { condition, oneOf, type SqlFragment } from "../http/sql-fragment.ts";

/** The column of each table whose values are counted apart. */
export const COUNTED = {
  tasks: "state",
  approvals: "status",
  locks: "status",
  executions: "result",
  audit_log: "action",
} as const;

export type CountedList = keyof typeof COUNTED;

/** `SELECT … AS total` of all rows of a list, or of those with one of these values. */
export function keptTotal(workspace: string, list: CountedList, values?: readonly string[]): SqlFragment {
  const kept = [condition("workspace = ?", workspace), condition("list = ?", list)];
  const where = values === undefined ? kept : [...kept, oneOf("value", values)];
  const text = `SELECT coalesce(sum(rows), 0) AS total FROM totals WHERE ${where.map((one) => one.text).join(" AND ")}`;
  return condition(text, ...where.flatMap(({ binds }) => binds));
}

/** One row of `totals`. A value that no row has any more may stay, with 0. */
export interface Total {
  readonly list: CountedList;
  /** empty: rows without one */
  readonly value: string;
  readonly rows: number;
}

/** Asks for every `Total` of a workspace. */
export function allTotals(workspace: string): SqlFragment {
  return condition("SELECT list, value, rows FROM totals WHERE workspace = ?", workspace);
}

/** Counts anew, whatever was missed by triggers that somebody dropped: statements of one atomic batch, each as long as a table is. */
export function recounts(workspace: string): SqlFragment[] {
  return [
    condition("DELETE FROM totals WHERE workspace = ?", workspace),
    ...Object.entries(COUNTED).map(([list, column]) =>
      condition(
        `INSERT INTO totals (workspace, list, value, rows)
         SELECT workspace, ?, coalesce(${column}, ''), count(*) FROM ${list} WHERE workspace = ? GROUP BY 1, 3`,
        list,
        workspace,
      ),
    ),
  ];
}
