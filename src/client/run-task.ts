/** One claimed task, from its first heartbeat to its end. */

import type { ApiClient } from "./api-client.ts";
import { isCountersignError } from "./countersign-error.ts";
import { LeaseKeeper } from "./lease-keeper.ts";
import type { BodyOf, Schema } from "./routes.ts";

type Task = Schema<"Task">;
type Completion = BodyOf<"POST /tasks/{id}/complete">;

/** What an agent is given to work with. */
export interface Work {
  readonly leases: Schema<"Applying">["leases"];
  /** 1 for the first time, 2 after a lapse. */
  readonly attempt: number;
  /** Aborted the moment that a lease may be lost or the task is called off: nothing may be written from then on. */
  readonly signal: AbortSignal;
  /** The token that storage checks before it takes a write, of a resource by its key. */
  fencingToken(resourceKey: string): number;
  /** How far the work is, 0 to 100; told with the next heartbeat, within a second. */
  progress(percent: number, message?: string): void;
  /** Keeps what a resource was like before, for a rollback. */
  stash(resourceKey: string, state: unknown): Promise<void>;
}

/** What a change came to; `resources` by key, where they are not as they were meant to become. */
export type Outcome = Pick<Completion, "output" | "resources">;

export interface TaskHandler {
  /** Does the work. What it throws makes the task fail. */
  readonly handle: (task: Task, work: Work) => Promise<Outcome | undefined>;
  /** Goes back to what was stashed, by resource key, after a failure. Without it a rollback is reported as failed. */
  readonly rollback?: (task: Task, stash: Readonly<Record<string, unknown>>, work: Work) => Promise<void>;
}

/** What apply gives every lease (03, "Execution"). */
const TTL_S = 30;

/**
 * Keeps the leases, has the work done, reports how it ended. Once a lease may be lost nothing is reported any more: the attempt
 * is somebody else's by then.
 *
 * @throws the `LEASE_LOST`; a CountersignError if the end could not be reported
 */
export async function runTask(
  client: ApiClient,
  { task, leases }: Schema<"Applying">,
  sentAt: number,
  handler: TaskHandler,
): Promise<void> {
  const cancelled = new AbortController();
  let told: { progress?: number; message?: string } = {};
  const keeper = new LeaseKeeper({
    ttlMs: TTL_S * 1000,
    sentAt,
    beat: async (call) => {
      const telling = told;
      told = {};
      const beat = { ttl_extension_seconds: TTL_S, ...telling };
      const { commands } = await client.tasks.heartbeat(task.id, beat, call);
      if (commands.some(({ command }) => command === "cancel")) cancelled.abort(new Error("the task was called off"));
    },
  });
  // The claim may have waited long before it brought the leases.
  keeper.hurry();
  const { signal } = keeper;
  const work: Work = {
    leases,
    attempt: task.execution?.attempt ?? 1,
    signal: AbortSignal.any([signal, cancelled.signal]),
    fencingToken: (key) => {
      const lease = leases.find(
        ({ resource_type, resource_id }) => resource_type === "resource" && resource_id === key,
      );
      if (lease === undefined) throw new RangeError(`task ${task.id} holds no lease on ${key}`);
      return lease.fencing_token;
    },
    progress: (progress, message) => {
      told = { progress, ...(message !== undefined && { message }) };
      keeper.hurry();
    },
    stash: async (resource, data) => {
      await client.tasks.stash(task.id, { resource, data }, { signal });
    },
  };
  try {
    const completion = await completed(() => handler.handle(task, work), cancelled.signal);
    signal.throwIfAborted();
    const ended = await reported(client, task.id, completion, signal);
    const { rollback } = ended.execution ?? {};
    if (rollback?.status !== "requested") return;
    const report = await rolledBack(handler, task, rollback.stash ?? {}, { ...work, signal });
    signal.throwIfAborted();
    await client.tasks.rollback(task.id, report, { signal });
  } finally {
    await keeper.end();
  }
}

async function completed(handle: () => ReturnType<TaskHandler["handle"]>, cancelled: AbortSignal): Promise<Completion> {
  try {
    const outcome = await handle();
    return { result: "success", ...outcome };
  } catch (thrown) {
    return { result: cancelled.aborted ? "cancelled" : "failure", error: told(thrown) };
  }
}

/** An outcome that the API does not take (it names other resources, it is no JSON) makes the task fail, not hang. */
async function reported(client: ApiClient, id: string, completion: Completion, signal: AbortSignal): Promise<Task> {
  try {
    return await client.tasks.complete(id, completion, { signal });
  } catch (thrown) {
    const unfit = isCountersignError(thrown, "VALIDATION_ERROR", "PAYLOAD_TOO_LARGE", "MALFORMED_JSON");
    if (!unfit && !(thrown instanceof TypeError)) throw thrown;
    return client.tasks.complete(id, { result: "failure", error: told(thrown) }, { signal });
  }
}

async function rolledBack(
  { rollback }: TaskHandler,
  task: Task,
  stash: Readonly<Record<string, unknown>>,
  work: Work,
): Promise<BodyOf<"POST /tasks/{id}/rollback">> {
  if (rollback === undefined) return { result: "failure", error: { message: "this agent cannot roll back" } };
  try {
    await rollback(task, stash, work);
    return { result: "success" };
  } catch (thrown) {
    return { result: "failure", error: told(thrown) };
  }
}

function told(thrown: unknown): { readonly name: string; readonly message: string } {
  if (thrown instanceof Error) return { name: thrown.name, message: thrown.message };
  return { name: "Error", message: String(thrown) };
}
