/** Tasks over HTTP (03-tasks-and-approvals, "Routes"). */
import { fail } from "../actor/result.ts";
import { AuditRow } from "../audit/contract.ts";
import { taskTrail } from "../audit/task-trail.ts";
import { endpoint, reply } from "../http/endpoint.ts";
import type { App } from "../http/endpoint-spec.ts";
import { IdParams, taskId } from "../http/ids.ts";
import { Pagination } from "../http/validation.ts";
import { z } from "../zod.ts";
import { Preview } from "./contract.ts";
import { draftingRoutes } from "./drafting-routes.ts";
import { executionRoutes } from "./execution-routes.ts";
import { ListTasks, listTasks } from "./list-tasks.ts";
import { Task } from "./task-contract.ts";
import { actor, withETag } from "./task-replies.ts";

const tag = "Tasks";
const read = { roles: "any", scope: "tasks:read" } as const;

export function taskRoutes(app: App): void {
  draftingRoutes(app);
  executionRoutes(app);
  readingRoutes(app);
}

function readingRoutes(app: App): void {
  endpoint(
    app,
    {
      method: "get",
      path: "/tasks",
      tag,
      summary: "Tasks, newest first; without preview, comments, output and requests of earlier revisions",
      access: read,
      query: ListTasks,
      answers: { 200: z.strictObject({ tasks: z.array(Task), pagination: Pagination }) },
    },
    async ({ env, caller, query }) => ({
      status: 200,
      body: await listTasks(env.DB, caller.workspace, caller.who.id, query),
    }),
  );

  endpoint(
    app,
    {
      method: "get",
      path: "/tasks/{id}",
      tag,
      summary: "One task as it is now",
      access: read,
      params: IdParams,
      answers: { 200: Task },
      errors: ["TASK_NOT_FOUND"],
    },
    async (call) => withETag(await actor(call).get(), 200),
  );

  endpoint(
    app,
    {
      method: "get",
      path: "/tasks/{id}/preview",
      tag,
      summary: "What the change would do",
      access: read,
      params: IdParams,
      answers: { 200: Preview },
      errors: ["TASK_NOT_FOUND"],
    },
    async (call) => reply(await actor(call).get(), 200, (task) => task.preview),
  );

  endpoint(
    app,
    {
      method: "get",
      path: "/tasks/{id}/audit",
      tag,
      summary: "The task's whole chain, oldest first",
      access: { roles: "any", scope: "audit:read" },
      params: IdParams,
      answers: { 200: z.lazy(() => z.strictObject({ entries: z.array(AuditRow.unwrap().partial({ id: true })) })) },
      errors: ["TASK_NOT_FOUND"],
    },
    async (call) => {
      const { address, id } = taskId(call.params.id);
      const entries = await taskTrail(call.env, call.caller.workspace, address, id);
      return reply(
        entries === null ? fail("TASK_NOT_FOUND", "there is no such task") : { ok: true, value: { entries } },
        200,
      );
    },
  );
}
