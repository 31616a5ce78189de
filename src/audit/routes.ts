/** The audit trail over HTTP (05-realtime-and-audit, "Audit"). */
import type { Access } from "../http/access.ts";
import { endpoint, unwrap } from "../http/endpoint.ts";
import type { App } from "../http/endpoint-spec.ts";
import { type Order, paged, readCursor, writeCursor } from "../http/pagination.ts";
import { PageQuery, Pagination, queryInteger } from "../http/validation.ts";
import { z } from "../zod.ts";
import { AuditFilters, AuditRow, ChainVerdict, TrailVerdict, VerifyQuery } from "./contract.ts";
import { exportTrail } from "./export.ts";
import { MEDIA_TYPES } from "./export-format.ts";
import { AUDIT_COLUMNS, auditConditions, auditRowOf, knownTotal, type StoredAuditRow } from "./query.ts";
import { verifySubject, verifyTrail } from "./verification.ts";

const tag = "Audit";
const READ: Access = { roles: "any", scope: "audit:read" };
const DEFAULT_ROWS = 20;
const DEFAULT_CHAINS = 20;
const BY_CHAIN: Order = { column: "actor", direction: "asc" };

export function auditRoutes(app: App): void {
  endpoint(
    app,
    {
      method: "get",
      path: "/audit",
      tag,
      summary: "Search the audit trail",
      access: READ,
      query: z.strictObject({ ...PageQuery, ...AuditFilters, sort_order: z.enum(["asc", "desc"]).default("desc") }),
      answers: { 200: z.strictObject({ entries: z.array(AuditRow), pagination: Pagination }) },
    },
    async ({ caller, env, query: { page, limit, cursor, sort_order, ...filters } }) => {
      const { rows, pagination } = await paged<StoredAuditRow>(
        env.DB,
        {
          select: AUDIT_COLUMNS,
          from: "audit_log",
          where: auditConditions(caller.workspace, filters),
          order: { column: "id", direction: sort_order },
          key: "id",
          total: knownTotal(caller.workspace, filters),
        },
        { page, limit, cursor },
      );
      return { status: 200, body: { entries: rows.map(auditRowOf), pagination } };
    },
  );

  endpoint(
    app,
    {
      method: "get",
      path: "/audit/tail",
      tag,
      summary: "The newest rows of the trail",
      description: "Newest first. What the channel `system` tells as it happens.",
      access: READ,
      query: z.strictObject({ limit: queryInteger(1, 100).optional() }),
      answers: { 200: z.strictObject({ entries: z.array(AuditRow) }) },
    },
    async ({ caller, env, query: { limit = DEFAULT_ROWS } }) => {
      const { results } = await env.DB.prepare(
        `SELECT ${AUDIT_COLUMNS} FROM audit_log WHERE workspace = ?1 ORDER BY id DESC LIMIT ?2`,
      )
        .bind(caller.workspace, limit)
        .all<StoredAuditRow>();
      return { status: 200, body: { entries: results.map(auditRowOf) } };
    },
  );

  endpoint(
    app,
    {
      method: "get",
      path: "/audit/export",
      tag,
      summary: "Download the trail, or what of it fits the filters",
      description:
        "Oldest first, one row a line, as it stood when the request came. The header Audit-Rows says how many rows there are: " +
        "an answer that ends with fewer, or without the end that HTTP demands, was broken off.",
      access: READ,
      query: z.strictObject({ ...AuditFilters, format: z.enum(["ndjson", "csv"]).default("ndjson") }),
      answers: { 200: z.string() },
      streams: ["application/x-ndjson", "text/csv"],
    },
    async ({ caller, env, query: { format, ...filters } }) => {
      const { rows, last_id, stream } = await exportTrail(env.DB, caller.workspace, filters, format);
      const headers = {
        "Content-Type": MEDIA_TYPES[format],
        "Content-Disposition": `attachment; filename="audit-${caller.workspace}.${format}"`,
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
        "Audit-Rows": String(rows),
        "Audit-Last-Id": String(last_id),
      };
      return { status: 200, headers, body: stream };
    },
  );

  endpoint(
    app,
    {
      method: "get",
      path: "/audit/verify",
      tag,
      summary: "Prove that no row was altered or lost",
      description:
        "With a subject: recomputes its chain from the database and compares the end with what its actor knows. Without: " +
        "a page of all chains against the heads that the ledger keeps; follow next_cursor until it is absent.",
      access: READ,
      query: VerifyQuery,
      answers: { 200: z.union([ChainVerdict, TrailVerdict]) },
      errors: ["NOT_FOUND"],
    },
    async ({ caller, env, query: { subject, limit = DEFAULT_CHAINS, cursor } }) => {
      if (subject !== undefined) {
        return { status: 200, body: unwrap(await verifySubject(env, caller.workspace, subject)) };
      }
      const from = cursor === undefined ? undefined : readCursor(cursor, BY_CHAIN);
      const after = String(from?.sort_value ?? "");
      const { verdict, last } = unwrap(await verifyTrail(env, caller.workspace, after, limit));
      if (last === undefined) return { status: 200, body: verdict };
      const next_cursor = writeCursor({ sort_value: last, sort_tie: null }, (from?.page ?? 1) + 1, BY_CHAIN);
      return { status: 200, body: { ...verdict, next_cursor } };
    },
  );
}
