/** `GET /approvals/stuck`: reviews that cannot end by themselves (03, "Routes"). */
import { ADMIN } from "../http/access.ts";
import { endpoint } from "../http/endpoint.ts";
import type { App } from "../http/endpoint-spec.ts";
import { condition, paged } from "../http/pagination.ts";
import { PageQuery, Pagination } from "../http/validation.ts";
import { z } from "../zod.ts";

const StuckTasks = z.lazy(() =>
  z
    .strictObject({
      tasks: z.array(z.strictObject({ task_id: z.uuid(), policy_id: z.string(), why: z.string() })),
      pagination: Pagination,
    })
    .openapi("StuckTasks"),
);

export function stuckRoutes(app: App): void {
  endpoint(
    app,
    {
      method: "get",
      path: "/approvals/stuck",
      tag: "Approvals",
      summary: "Tasks under review with a requirement that the open requests can no longer meet, longest stuck first",
      access: { ...ADMIN, fresh: false },
      query: z.strictObject(PageQuery),
      answers: { 200: StuckTasks },
    },
    async ({ env, caller, query }) => {
      const { rows, pagination } = await paged<z.infer<typeof StuckTasks>["tasks"][number]>(
        env.DB,
        {
          select:
            "stuck_tasks.id AS task_id, requirement.value ->> 'policy_id' AS policy_id, requirement.value ->> 'why' AS why",
          from: "stuck_tasks CROSS JOIN json_each(requirements) AS requirement",
          where: [condition("workspace = ?", caller.workspace)],
          order: { column: "since", direction: "asc", tiebreaker: "stuck_tasks.id || requirement.key" },
        },
        query,
      );
      return { status: 200, body: { tasks: [...rows], pagination } };
    },
  );
}
