/** `GET /tasks`: filters and orders over the tasks' read model (03, "Routes"). */
import { keptTotal } from "../db/totals.ts";
import { condition, oneOf, type Page, paged, type SqlFragment } from "../http/pagination.ts";
import { PageQuery, queryBoolean, queryList, queryTime } from "../http/validation.ts";
import { z } from "../zod.ts";
import { ResourceType, RiskLevel, TaskState } from "./contract.ts";
import type { Task } from "./task-contract.ts";

export const ListTasks = z.lazy(() =>
  z.strictObject({
    ...PageQuery,
    state: queryList(TaskState).optional(),
    author_id: z.string().max(64).optional(),
    resource_type: ResourceType.optional(),
    resource_id: z.string().max(512).optional(),
    risk_level: RiskLevel.optional(),
    created_after: queryTime.optional(),
    created_before: queryTime.optional(),
    tags: queryList(z.string().min(1).max(64)).optional(),
    type: z.string().max(100).optional(),
    needs_my_approval: queryBoolean.optional(),
    sort_by: z.enum(["created_at", "updated_at", "risk_score", "state"]).default("created_at"),
    sort_order: z.enum(["asc", "desc"]).default("desc"),
  }),
);
export type ListTasks = z.infer<typeof ListTasks>;

/** Tasks without preview, comments and output: those are read from the task itself. */
export async function listTasks(
  db: D1Database,
  workspace: string,
  callerId: string,
  query: ListTasks,
): Promise<{ readonly tasks: Task[]; readonly pagination: Page<object>["pagination"] }> {
  const where = filters(workspace, callerId, query);
  const byStateAlone = where.length === (query.state === undefined ? 1 : 2);
  const { rows, pagination } = await paged<{ body: string }>(
    db,
    {
      select: "body",
      from: isNarrow(query) ? "tasks INDEXED BY sqlite_autoindex_tasks_1" : "tasks",
      where,
      order: { column: query.sort_by, direction: query.sort_order, tiebreaker: "id" },
      total: byStateAlone ? keptTotal(workspace, "tasks", query.state) : undefined,
    },
    query,
  );
  return { tasks: rows.map(({ body }) => JSON.parse(body) as Task), pagination };
}

/** Few tasks touch one resource or wait for one person: found by their ids and sorted, where the database would walk through all in order. */
function isNarrow({ resource_id, needs_my_approval }: ListTasks): boolean {
  return resource_id !== undefined || needs_my_approval === true;
}

function filters(workspace: string, callerId: string, query: ListTasks): SqlFragment[] {
  const { resource_type, resource_id } = query;
  const given: (SqlFragment | undefined | false)[] = [
    condition("workspace = ?", workspace),
    query.state && oneOf("state", query.state),
    query.author_id !== undefined && condition("author_id = ?", query.author_id),
    query.type !== undefined && condition("type = ?", query.type),
    query.risk_level !== undefined && condition("risk_level = ?", query.risk_level),
    query.created_after !== undefined && condition("created_at > ?", inMillis(query.created_after)),
    query.created_before !== undefined && condition("created_at < ?", inMillis(query.created_before)),
    query.tags && tagged(query.tags),
    (resource_type !== undefined || resource_id !== undefined) && touching(workspace, resource_type, resource_id),
    query.needs_my_approval !== undefined && awaiting(workspace, callerId, query.needs_my_approval),
  ];
  return given.filter((fragment): fragment is SqlFragment => typeof fragment === "object");
}

/** All of them; one condition and one placeholder, however many there are: D1 takes 100 of each. */
function tagged(tags: readonly string[]): SqlFragment {
  const own = "SELECT value FROM json_each(tags)";
  return condition(
    `NOT EXISTS (SELECT 1 FROM json_each(?) AS wanted WHERE wanted.value NOT IN (${own}))`,
    JSON.stringify(tags),
  );
}

/** Tasks' times have three fractional digits, those of a query six; as text only like with like compares. */
function inMillis(time: string): string {
  return new Date(time).toISOString();
}

function touching(workspace: string, type: string | undefined, id: string | undefined): SqlFragment {
  const conditions = [
    "workspace = ?",
    ...(type === undefined ? [] : ["type = ?"]),
    ...(id === undefined ? [] : ["resource_id = ?"]),
  ];
  const binds = [workspace, type, id].filter((bind) => bind !== undefined);
  return condition(`id IN (SELECT task_id FROM task_resources WHERE ${conditions.join(" AND ")})`, ...binds);
}

function awaiting(workspace: string, reviewerId: string, wanted: boolean): SqlFragment {
  const asked = "SELECT task_id FROM approvals WHERE workspace = ? AND reviewer_id = ? AND status = 'PENDING'";
  return condition(`id ${wanted ? "" : "NOT "}IN (${asked})`, workspace, reviewerId);
}
