import { type Access, ADMIN } from "../http/access.ts";
import { endpoint } from "../http/endpoint.ts";
import type { App } from "../http/endpoint-spec.ts";
import { numberedPage } from "../http/numbered-list.ts";
import { PageQuery, Pagination } from "../http/validation.ts";
import { z } from "../zod.ts";
import { DeadlockInfo, GraphView } from "./contract.ts";
import { coordinatorOf } from "./coordinator-api.ts";

const tag = "Locks";
const access: Access = { ...ADMIN, fresh: false };

const History = z.lazy(() =>
  z.strictObject({ deadlocks: z.array(DeadlockInfo), pagination: Pagination }).openapi("Deadlocks"),
);

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
    },
    async ({ env, caller, query }) => {
      const coordinator = coordinatorOf(env, caller.workspace);
      const { rows, pagination } = await numberedPage(query, (request) => coordinator.deadlocks(request));
      return { status: 200, body: { deadlocks: rows.map(({ deadlock }) => deadlock), pagination } };
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
    },
    async ({ env, caller }) => ({ status: 200, body: await coordinatorOf(env, caller.workspace).graph() }),
  );
}
