import { z } from "@hono/zod-openapi";
import { freshTaskAddress, hashedAddress } from "../actor/ids.ts";
import { fail, type Result } from "../actor/result.ts";
import { AuditRow } from "../audit/contract.ts";
import { taskTrail } from "../audit/task-trail.ts";
import { type Call, endpoint, type Reply, replayHeader, reply, unwrap } from "../http/endpoint.ts";
import type { App } from "../http/endpoint-spec.ts";
import { IdParams, taskId } from "../http/ids.ts";
import { Pagination } from "../http/validation.ts";
import { claimTask } from "./claim.ts";
import { Preview } from "./contract.ts";
import { dryRun } from "./dry-run.ts";
import { ListTasks, listTasks } from "./list-tasks.ts";
import { SimulateTask, Simulation, simulate } from "./simulate.ts";
import { taskAt } from "./task-api.ts";
import {
  Applied,
  Applying,
  ApplyTask,
  CancelTask,
  ClaimTask,
  CommentInput,
  CompleteTask,
  CreateTask,
  DryRun,
  HeartbeatTask,
  PatchTask,
  Queued,
  SubmitTask,
  Task,
  TaskHeartbeat,
} from "./task-contract.ts";

const tag = "Tasks";
const read = { roles: "any", scope: "tasks:read" } as const;
const write = { roles: ["author", "admin"], scope: "tasks:write" } as const;
const work = { roles: ["system", "admin"], scope: "tasks:write" } as const;
const WORK_ERRORS = ["TASK_NOT_FOUND", "INVALID_STATE", "TASK_LEASE_LOST"] as const;

export function taskRoutes(app: App): void {
  draftingRoutes(app);
  executionRoutes(app);
  readingRoutes(app);
}

function draftingRoutes(app: App): void {
  endpoint(
    app,
    {
      method: "post",
      path: "/tasks",
      tag,
      summary: "Draft a change",
      description: "With `dry_run` everything is computed and nothing is stored: 200 instead of 201.",
      access: write,
      body: CreateTask,
      answers: { 201: Task, 200: DryRun },
      errors: ["AUTHOR_MISMATCH", "ALREADY_EXISTS"],
    },
    async ({ env, caller, body }) => {
      if (body.dry_run) return reply(await dryRun(env, caller, body), 200);
      const key = caller.idempotency?.key;
      const { workspace, who } = caller;
      const address =
        key === undefined
          ? freshTaskAddress(Date.now())
          : hashedAddress("task", workspace, `${who.kind}:${who.id}`, key);
      return withETag(await taskAt(env, workspace, address).create(caller, body), 201);
    },
  );

  endpoint(
    app,
    {
      method: "post",
      path: "/tasks/simulate",
      tag,
      summary: "What would happen to a change, under the stored policies or others; nothing is stored",
      access: { roles: ["author", "reviewer", "admin"], scope: "tasks:read" },
      body: SimulateTask,
      answers: { 200: Simulation },
      errors: ["REVIEWER_NOT_ELIGIBLE"],
    },
    async ({ env, caller, body }) => reply(await simulate(env, caller, body), 200),
  );

  endpoint(
    app,
    {
      method: "patch",
      path: "/tasks/{id}",
      tag,
      summary: "Edit a draft, or a change under review: then everything is decided anew",
      description: "`config` and `metadata` are merge patches (RFC 7396).",
      access: write,
      params: IdParams,
      body: PatchTask,
      headers: { "If-Match": 'the revision that you edit, e.g. "3"' },
      answers: { 200: Task },
      errors: ["TASK_NOT_FOUND", "INVALID_STATE", "PRECONDITION_FAILED", "PREVIEW_INVALID", "NOT_ENOUGH_REVIEWERS"],
    },
    async (call) => withETag(await actor(call).edit(call.caller, call.body, revisionOf(call.header("If-Match"))), 200),
  );

  endpoint(
    app,
    {
      method: "delete",
      path: "/tasks/{id}",
      tag,
      summary: "Delete a draft",
      access: write,
      params: IdParams,
      answers: { 204: null },
      errors: ["TASK_NOT_FOUND", "INVALID_STATE"],
    },
    async (call) => {
      unwrap(await actor(call).remove(call.caller));
      return { status: 204 };
    },
  );

  endpoint(
    app,
    {
      method: "post",
      path: "/tasks/{id}/submit",
      tag,
      summary: "Ask for approval",
      access: write,
      params: IdParams,
      body: SubmitTask,
      answers: { 202: Task },
      errors: ["TASK_NOT_FOUND", "INVALID_STATE", "PREVIEW_INVALID", "NOT_ENOUGH_REVIEWERS", "REVIEWER_NOT_ELIGIBLE"],
    },
    async (call) => withETag(await actor(call).submit(call.caller, call.body), 202),
  );

  endpoint(
    app,
    {
      method: "post",
      path: "/tasks/{id}/cancel",
      tag,
      summary: "Call a change off, unless it is being applied or over",
      access: { roles: ["author", "admin", "system"], scope: "tasks:write" },
      params: IdParams,
      body: CancelTask,
      answers: { 200: Task },
      errors: ["TASK_NOT_FOUND", "INVALID_STATE"],
    },
    async (call) => {
      const result = await actor(call).cancel(call.caller, call.body.reason ?? null);
      return withETag(result, 200);
    },
  );

  endpoint(
    app,
    {
      method: "post",
      path: "/tasks/{id}/comments",
      tag,
      summary: "Say something about a change",
      access: { roles: "any", scope: "tasks:write" },
      params: IdParams,
      body: CommentInput,
      answers: { 201: Task.shape.comments.element },
      errors: ["TASK_NOT_FOUND", "INVALID_STATE"],
    },
    async (call) => reply(await actor(call).comment(call.caller, call.body.body), 201),
  );
}

function executionRoutes(app: App): void {
  endpoint(
    app,
    {
      method: "post",
      path: "/tasks/claim",
      tag,
      summary: "Take the next approved task that this agent is capable of; 204 if there is none",
      access: { roles: ["system", "admin"], scope: "tasks:write" },
      body: ClaimTask,
      answers: { 200: Applying, 204: null },
      errors: ["AGENT_NOT_FOUND"],
    },
    async ({ env, caller, body }) => {
      const result = await claimTask(env, caller, body.capabilities, body.wait_seconds * 1000);
      const claimed = unwrap(result);
      if (claimed === null) return { status: 204 };
      return { status: 200, body: { task: claimed.task, leases: claimed.leases }, headers: replayHeader(result) };
    },
  );

  endpoint(
    app,
    {
      method: "post",
      path: "/tasks/{id}/apply",
      tag,
      summary: "Begin to apply an approved change, or queue for its locks",
      access: work,
      params: IdParams,
      body: ApplyTask,
      answers: { 200: Applied, 202: Queued },
      errors: ["TASK_NOT_FOUND", "INVALID_STATE", "DRIFTED", "AGENT_NOT_FOUND", "QUEUE_FULL"],
    },
    async (call) => {
      const agentId = unwrap(applier(call.caller.who, call.body.agent_id));
      const result = await actor(call).apply(call.caller, agentId);
      const { task, leases, queue } = unwrap(result);
      const applying = task.state === "APPLYING";
      const body = applying ? { ...task, leases } : { ...task, queue };
      return { status: applying ? 200 : 202, body, headers: replayHeader(result) };
    },
  );

  endpoint(
    app,
    {
      method: "post",
      path: "/tasks/{id}/heartbeat",
      tag,
      summary: "Keep every lease of the task alive, and say how far the work is",
      access: { ...work, survivesOutage: true },
      unlimited: true,
      params: IdParams,
      body: HeartbeatTask,
      answers: { 200: TaskHeartbeat },
      errors: WORK_ERRORS,
    },
    async (call) => reply(await actor(call).heartbeatTask(call.caller, call.body), 200),
  );

  endpoint(
    app,
    {
      method: "post",
      path: "/tasks/{id}/complete",
      tag,
      summary: "Say how the work ended",
      access: { ...work, survivesOutage: true },
      params: IdParams,
      body: CompleteTask,
      answers: { 200: Task },
      errors: WORK_ERRORS,
    },
    async (call) => withETag(await actor(call).complete(call.caller, call.body), 200),
  );
}

function readingRoutes(app: App): void {
  endpoint(
    app,
    {
      method: "get",
      path: "/tasks",
      tag,
      summary: "Tasks, newest first; without preview, comments and output",
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
      answers: { 200: z.strictObject({ entries: z.array(AuditRow.partial({ id: true })) }) },
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

function actor({ env, caller, params }: Call<{ id: string }, unknown, unknown>) {
  return taskAt(env, caller.workspace, taskId(params.id).address);
}

function withETag(result: Result<z.infer<typeof Task>>, status: number): Reply {
  const task = unwrap(result);
  return { status, body: task, headers: { ...replayHeader(result), ETag: `"${task.revision}"` } };
}

/** The revision in `If-Match`; null without one, or for `*`. */
function revisionOf(header: string | undefined): number | null {
  if (header === undefined || header.trim() === "*") return null;
  const revision = /^(?:W\/)?"([0-9]{1,9})"$/.exec(header.trim())?.[1];
  if (revision !== undefined) return Number(revision);
  const issue = { field: "If-Match", issue: 'must be a revision in quotes, e.g. "3"', value: header.slice(0, 200) };
  return unwrap(fail("VALIDATION_ERROR", `${issue.field}: ${issue.issue}`, { ...issue, issues: [issue] }));
}

/** An agent applies as itself; an admin names the agent. */
function applier(
  who: { id: string; kind: string; roles: readonly string[] },
  named: string | undefined,
): Result<string> {
  if (named === undefined || named === who.id) {
    if (who.kind === "agent") return { ok: true, value: who.id };
    const issue = { field: "agent_id", issue: "is required when an admin applies" };
    return fail("VALIDATION_ERROR", `${issue.field}: ${issue.issue}`, { ...issue, issues: [issue] });
  }
  if (who.roles.includes("admin")) return { ok: true, value: named };
  return fail("FORBIDDEN", "an agent applies as itself");
}
