import { z } from "@hono/zod-openapi";
import { endpoint } from "../http/endpoint.ts";
import type { App } from "../http/endpoint-spec.ts";
import { type Order, readCursor, writeCursor } from "../http/pagination.ts";
import { PageQuery, Pagination } from "../http/validation.ts";
import { DeadlockInfo, GraphView } from "./contract.ts";
import { coordinatorOf, type HistoryRequest } from "./coordinator-api.ts";

const tag = "Locks";
const access = { roles: ["admin"], scope: "locks:read" } as const;
const NEWEST_FIRST: Order = { column: "n", direction: "desc" };

const History = z.strictObject({ deadlocks: z.array(DeadlockInfo), pagination: Pagination }).openapi("Deadlocks");

/** To be registered before `/locks/{id}`. */
export function deadlockRoutes(app: App): void {
  endpoint(
    app,
    {
      method: "get",
      path: "/locks/deadlocks",
      tag,
      summary: "The deadlocks that were resolved, newest first (the last 1,000)",
      access,
      query: z.strictObject(PageQuery),
      answers: { 200: History },
      errors: [],
    },
    async ({ env, caller, query }) => {
      const limit = query.limit ?? 20;
      const { page, request } = requested(query, limit);
      const { rows, total, more } = await coordinatorOf(env, caller.workspace).deadlocks(request);
      const last = rows.at(-1);
      const next =
        more && last !== undefined ? writeCursor({ sort_value: last.n, sort_tie: null }, page + 1, NEWEST_FIRST) : null;
      return {
        status: 200,
        body: {
          deadlocks: rows.map(({ deadlock }) => deadlock),
          pagination: { page, limit, total, has_more: more, ...(next !== null && { next_cursor: next }) },
        },
      };
    },
  );

  endpoint(
    app,
    {
      method: "get",
      path: "/locks/graph",
      tag,
      summary: "Who waits for whom now: sessions, and an edge from each that waits to each that holds",
      access,
      answers: { 200: GraphView },
      errors: [],
    },
    async ({ env, caller }) => ({ status: 200, body: await coordinatorOf(env, caller.workspace).graph() }),
  );
}

interface Wanted {
  readonly page?: number | undefined;
  readonly cursor?: string | undefined;
}

function requested(query: Wanted, limit: number): { page: number; request: HistoryRequest } {
  if (query.cursor === undefined) {
    const page = query.page ?? 1;
    return { page, request: { offset: (page - 1) * limit, limit } };
  }
  const { page, sort_value } = readCursor(query.cursor, NEWEST_FIRST);
  return { page, request: { before: Number(sort_value), offset: 0, limit } };
}
