/** Rows of the trail as an export writes them (05-realtime-and-audit, "Audit"): NDJSON, or CSV after RFC 4180. Pure. */
import { AUDIT_LOG_COLUMNS } from "../db/audit-log-columns.ts";
import { auditRowOf, type StoredAuditRow } from "./query.ts";

export type ExportFormat = "ndjson" | "csv";

export const MEDIA_TYPES = {
  ndjson: "application/x-ndjson; charset=utf-8",
  csv: "text/csv; charset=utf-8; header=present",
} as const satisfies Record<ExportFormat, string>;

/** What stands ahead of the first row. */
export function exportHead(format: ExportFormat): string {
  return format === "csv" ? `${AUDIT_LOG_COLUMNS.join()}\r\n` : "";
}

/** The rows as lines, each with its end. */
export function exportLines(format: ExportFormat, rows: readonly StoredAuditRow[]): string {
  return rows.map(format === "csv" ? csvLine : ndjsonLine).join("");
}

export function ndjsonLine(row: StoredAuditRow): string {
  return `${JSON.stringify(auditRowOf(row))}\n`;
}

/**
 * Cells are what the hashes were taken over, unaltered: no quote is put before what a spreadsheet might take for a formula.
 * None can be one: `subject_id` is the one column that somebody outside has a say in and that is no JSON object, and ids
 * hold nothing that calls anything (docs/design/audit-export.md).
 */
function csvLine(row: StoredAuditRow): string {
  return `${AUDIT_LOG_COLUMNS.map((column) => cell(row[column])).join()}\r\n`;
}

function cell(value: string | number | null): string {
  const text = value === null ? "" : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
