import { fail, invalid, type Result } from "../actor/result.ts";
import { type Call, endpoint, replayHeader, reply, unwrap } from "../http/endpoint.ts";
import type { App } from "../http/endpoint-spec.ts";
import { IdParams } from "../http/ids.ts";
import { claimTask } from "./claim.ts";
import {
  Applied,
  Applying,
  ApplyTask,
  ClaimTask,
  CompleteTask,
  HeartbeatTask,
  Queued,
  RollbackReport,
  Stashed,
  StashInput,
  Task,
  TaskHeartbeat,
} from "./task-contract.ts";
import { actor, withETag } from "./task-replies.ts";

const tag = "Tasks";
const work = { roles: ["system", "admin"], scope: "tasks:write" } as const;
/** What an executor's own token opens too. */
const attempt = { ...work, survivesOutage: true, taskToken: true } as const;
const WORK_ERRORS = ["TASK_NOT_FOUND", "INVALID_STATE", "TASK_LEASE_LOST"] as const;

/** What agents and executors do. */
export function executionRoutes(app: App): void {
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
      access: attempt,
      unlimited: true,
      params: IdParams,
      body: HeartbeatTask,
      answers: { 200: TaskHeartbeat },
      errors: WORK_ERRORS,
    },
    async (call) => reply(await attemptOf(call).heartbeatTask(call.caller, call.body), 200),
  );

  endpoint(
    app,
    {
      method: "post",
      path: "/tasks/{id}/complete",
      tag,
      summary: "Say how the work ended",
      access: attempt,
      params: IdParams,
      body: CompleteTask,
      answers: { 200: Task },
      errors: WORK_ERRORS,
    },
    async (call) => withETag(await attemptOf(call).complete(call.caller, call.body), 200),
  );

  endpoint(
    app,
    {
      method: "post",
      path: "/tasks/{id}/stash",
      tag,
      summary: "Keep what a resource was like before, for a rollback",
      access: attempt,
      params: IdParams,
      body: StashInput,
      answers: { 200: Stashed },
      errors: WORK_ERRORS,
    },
    async (call) => reply(await attemptOf(call).stash(call.caller, call.body), 200),
  );

  endpoint(
    app,
    {
      method: "post",
      path: "/tasks/{id}/rollback",
      tag,
      summary: "Say how the rollback went that a failure asked for",
      access: attempt,
      params: IdParams,
      body: RollbackReport,
      answers: { 200: Task },
      errors: WORK_ERRORS,
    },
    async (call) => withETag(await attemptOf(call).rollback(call.caller, call.body), 200),
  );
}

/** A task's token works on its own task only. */
function attemptOf(call: Call<{ id: string }, unknown, unknown>) {
  const { task_id } = call.principal;
  if (task_id !== undefined && task_id !== call.params.id) {
    unwrap(fail("FORBIDDEN", "this token is for another task"));
  }
  return actor(call);
}

/** An agent applies as itself; an admin names the agent. */
function applier(
  who: { id: string; kind: string; roles: readonly string[] },
  named: string | undefined,
): Result<string> {
  if (named === undefined || named === who.id) {
    if (who.kind === "agent") return { ok: true, value: who.id };
    return invalid({ field: "agent_id", issue: "is required when an admin applies" });
  }
  if (who.roles.includes("admin")) return { ok: true, value: named };
  return fail("FORBIDDEN", "an agent applies as itself");
}
