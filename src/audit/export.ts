/** `GET /audit/export`: the trail as a stream, one page in memory at a time (05-realtime-and-audit, "Audit"). */
import { condition, type SqlFragment } from "../http/pagination.ts";
import { causeOf, log } from "../log.ts";
import type { AuditFilters } from "./contract.ts";
import { type ExportFormat, exportHead, exportLines } from "./export-format.ts";
import { auditPages } from "./pages.ts";
import { auditConditions } from "./query.ts";

/** An export as it was when it began: rows that are written while it runs are not part of it. */
export interface AuditExport {
  /** how many rows it has: whoever counted that many lines has all of it */
  readonly rows: number;
  /** id of its last row; 0 without rows */
  readonly last_id: number;
  /** Ends with an error, and so without a proper end of the answer, if the database fails on the way. */
  readonly stream: ReadableStream<Uint8Array>;
}

export async function exportTrail(
  db: D1Database,
  workspace: string,
  filters: AuditFilters,
  format: ExportFormat,
): Promise<AuditExport> {
  const where = auditConditions(workspace, filters);
  const { rows, last_id } = await extent(db, where);
  const bounded = [...where, condition("id <= ?", last_id)];
  const index = isNarrow(filters) ? {} : { index: "audit_workspace" as const };
  const pages = auditPages({ db, where: bounded, order: ["id"], ...index });
  return { rows, last_id, stream: streamOf(text(format, pages)) };
}

/** Both in one statement, so that no row comes in between. */
async function extent(db: D1Database, where: readonly SqlFragment[]): Promise<{ rows: number; last_id: number }> {
  const row = await db
    .prepare(
      `SELECT count(*) AS rows, coalesce(max(id), 0) AS last_id FROM audit_log
       WHERE ${where.map(({ text }) => `(${text})`).join(" AND ")}`,
    )
    .bind(...where.flatMap(({ binds }) => binds))
    .first<{ rows: number; last_id: number }>();
  return row ?? { rows: 0, last_id: 0 };
}

/** Whether an index of its own finds the rows, in order; times and patterns alone would have each page sorted. */
function isNarrow({ subject_id, task_id, who, request_id, action }: AuditFilters): boolean {
  const equal = [subject_id, task_id, who, request_id];
  return equal.some((filter) => filter !== undefined) || (action !== undefined && !action.includes("*"));
}

async function* text(
  format: ExportFormat,
  pages: AsyncIterable<Parameters<typeof exportLines>[1]>,
): AsyncGenerator<string, void> {
  const head = exportHead(format);
  if (head !== "") yield head;
  for await (const page of pages) yield exportLines(format, page);
}

/** A stream that asks for the next piece only when the reader has room for it. A failure breaks it off, and is logged. */
export function streamOf(pieces: AsyncGenerator<string, void>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let abandoned = false;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await pieces.next();
        if (abandoned) return;
        if (done) controller.close();
        else controller.enqueue(encoder.encode(value));
      } catch (thrown) {
        log("error", "export.broken_off", { cause: causeOf(thrown) });
        controller.error(thrown);
      }
    },
    async cancel() {
      abandoned = true;
      await pieces.return();
    },
  });
}
