/** What the routes of tasks share: the task that a call is about, and how it is answered. */
import type { Result } from "../actor/result.ts";
import { type Call, type Reply, replayHeader, unwrap } from "../http/endpoint.ts";
import { taskId } from "../http/ids.ts";
import type { z } from "../zod.ts";
import { taskAt } from "./task-api.ts";
import type { Task } from "./task-contract.ts";

/** The actor of the task in the path. */
export function actor({ env, caller, params }: Call<{ id: string }, unknown, unknown>) {
  return taskAt(env, caller.workspace, taskId(params.id).address);
}

/** A task with its revision as ETag. */
export function withETag(result: Result<z.infer<typeof Task>>, status: number): Reply {
  const task = unwrap(result);
  return { status, body: task, headers: { ...replayHeader(result), ETag: `"${task.revision}"` } };
}
