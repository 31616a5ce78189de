/** The audit trail as D1 holds it and as it is served (05-realtime-and-audit, "Audit"). Pure. */
import type { ChainedEntry } from "../actor/journal.ts";
import { AUDIT_LOG_COLUMNS } from "../db/audit-log-columns.ts";
import { keptTotal } from "../db/totals.ts";
import { condition, type SqlFragment } from "../http/sql-fragment.ts";
import type { AuditFilters, AuditRow } from "./contract.ts";

/** A row of `audit_log` as D1 gives it: JSON columns are text, absent fields null. */
export interface StoredAuditRow {
  readonly id: number;
  readonly workspace: string;
  readonly actor: string;
  readonly seq: number;
  readonly subject_type: string;
  readonly subject_id: string;
  readonly action: string;
  readonly from_state: string | null;
  readonly to_state: string | null;
  readonly who: string;
  readonly at: string;
  readonly where: string;
  readonly why: string | null;
  readonly request_id: string;
  readonly details: string | null;
  readonly prev_hash: string;
  readonly hash: string;
}

export const AUDIT_COLUMNS = AUDIT_LOG_COLUMNS.map((column) => `"${column}"`).join(", ");

const JSON_COLUMNS = ["who", "where", "why", "details"] as const;

/** The row as served. A column that should be JSON and is not is shown as it stands: verify finds that row, reading must not fail on it. */
export function auditRowOf(row: StoredAuditRow): AuditRow {
  const parsed = Object.fromEntries(JSON_COLUMNS.map((column) => [column, parsedOrText(row[column])]));
  const fields = Object.entries({ ...row, ...parsed }).filter(([, value]) => value !== null);
  return Object.fromEntries(fields) as unknown as AuditRow;
}

/**
 * What the row's hash should have been taken over, or undefined when its JSON is not what a ledger writes: of a repeated
 * key, SQLite reads the first and JSON.parse the last, so that another spelling could show one thing and prove another.
 */
export function entryOf(row: StoredAuditRow): ChainedEntry["entry"] | undefined {
  try {
    if (JSON_COLUMNS.some((column) => row[column] !== null && JSON.stringify(parse(row[column])) !== row[column])) {
      return undefined;
    }
    const { id: _id, prev_hash: _prev, hash: _hash, ...entry } = auditRowOf(row);
    return entry as ChainedEntry["entry"];
  } catch {
    return undefined;
  }
}

function parsedOrText(text: string | null): unknown {
  try {
    return parse(text);
  } catch {
    return text;
  }
}

function parse(text: string | null): unknown {
  return text === null ? null : JSON.parse(text);
}

/** The filters as conditions, the workspace first. */
export function auditConditions(workspace: string, filters: AuditFilters): SqlFragment[] {
  const { subject_type, subject_id, task_id, who, action, from, to, request_id } = filters;
  return [
    condition("workspace = ?", workspace),
    ...(subject_type === undefined ? [] : [condition("subject_type = ?", subject_type)]),
    ...(subject_id === undefined ? [] : [condition("subject_id = ?", subject_id)]),
    ...(task_id === undefined ? [] : [condition("task_id = ?", task_id)]),
    ...(who === undefined ? [] : [condition("who_id = ?", who)]),
    ...(action === undefined ? [] : [actionCondition(action)]),
    ...(from === undefined ? [] : [condition("at >= ?", from)]),
    ...(to === undefined ? [] : [condition("at < ?", to)]),
    ...(request_id === undefined ? [] : [condition("request_id = ?", request_id)]),
  ];
}

/** How many rows these filters let through, where that is kept: all, or those of one action. */
export function knownTotal(workspace: string, { action, ...others }: AuditFilters): SqlFragment | undefined {
  if (Object.values(others).some((filter) => filter !== undefined) || action?.includes("*")) return undefined;
  return keptTotal(workspace, "audit_log", action === undefined ? undefined : [action]);
}

/**
 * `*` in an action stands for any characters: actions hold no `/` and no `:`, which alone would end it. What stands before
 * the first star is a range, which an index can serve; the rest is left to GLOB.
 */
export function actionCondition(pattern: string): SqlFragment {
  const glob = pattern.replace(/\*+/g, "*");
  const star = glob.indexOf("*");
  if (star < 0) return condition("action = ?", glob);
  const prefix = glob.slice(0, star);
  if (prefix === "") return condition("action GLOB ?", glob);
  const beyond = prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
  return condition("action >= ? AND action < ? AND action GLOB ?", prefix, beyond, glob);
}
