/**
 * Sends an execution to its webhook executor and acts on what it says (03, "Execution"; docs/design/executors.md). One attempt
 * to deliver a run, from the task's alarm; the same `webhook-id` every time. Its dependencies are arguments.
 */
import type { Caller } from "../actor/caller.ts";
import type { Result } from "../actor/result.ts";
import type { Env } from "../env.ts";
import { causeOf, log } from "../log.ts";
import { EXECUTOR } from "../users/principal-ref.ts";
import { webhookAddress } from "../webhooks/address.ts";
import { executorSecret, signedHeaders } from "../webhooks/signature.ts";
import { taskToken } from "../webhooks/task-token.ts";
import { complete, isRollingBack, reportRollback } from "./completion.ts";
import { delivered, redeliver } from "./delivery.ts";
import { type Asked, type ExecutorAnswer, executorAnswer } from "./executor-answer.ts";
import { type Execution, type TaskRecord, taskView } from "./task.ts";
import { nextStepAt } from "./task-timers.ts";
import type { Transition } from "./transition.ts";

/** An executor that needs longer answers 202 and calls back. */
const PATIENCE_MS = 10_000;
/** What is read of an answer. */
const MAX_ANSWER_BYTES = 1024 * 1024;

interface Dependencies {
  readonly env: Env;
  readonly workspace: string;
  readonly task: () => TaskRecord | undefined;
  readonly settle: (caller: Caller, transition: Transition | null) => void;
  readonly delivered: () => Promise<unknown>;
}

export class ExecutorRun {
  readonly #deps: Dependencies;

  constructor(deps: Dependencies) {
    this.#deps = deps;
  }

  /** Delivers what is due, if anything is. */
  async deliver(now: number): Promise<void> {
    const task = this.#deps.task();
    const due = task && nextStepAt(task);
    if (task?.state !== "APPLYING" || task.execution === undefined || due === undefined || due > now) return;
    const answer = await this.#send(task, task.execution, now);
    const current = this.#deps.task();
    // Ended meanwhile, or a rollback was asked for: what it answers to this message counts for nothing any more.
    const sent = task.execution.delivery?.webhook_id;
    if (current?.state !== "APPLYING" || current.execution?.delivery?.webhook_id !== sent) return;
    await this.#act(current, answer);
  }

  async #act(task: TaskRecord, answer: ExecutorAnswer): Promise<void> {
    const now = Date.now();
    const self = executorCaller(this.#deps.workspace);
    switch (answer.kind) {
      case "accepted":
        return this.#deps.settle(self, delivered(task));
      case "again":
        return this.#deps.settle(self, redeliver(task, answer.error, now, Math.random()));
      case "refused": {
        const failure = { result: "failure", error: answer.error } as const;
        const end = isRollingBack(task) ? reportRollback : complete;
        return this.#end(task, end(task, failure, self, now), self);
      }
      case "completed":
        return this.#end(task, complete(task, answer.input, self, now), self);
      case "rolled_back":
        return this.#end(task, reportRollback(task, answer.input, self, now), self);
    }
  }

  async #end(task: TaskRecord, ended: Result<Transition | null>, self: Caller): Promise<void> {
    if (ended.ok) this.#deps.settle(self, ended.value);
    else {
      // Like a 2xx without a result: it took the message, and may say better how it ended at /complete.
      log("warn", "executor.result_refused", { task: task.id, message: ended.error.message });
      this.#deps.settle(self, delivered(task, ended.error.message));
    }
    await this.#deps.delivered();
  }

  async #send(task: TaskRecord, execution: Execution, now: number): Promise<ExecutorAnswer> {
    const { env, workspace } = this.#deps;
    const { executor } = task.config;
    if (executor === undefined || env.ROOT_TOKEN === undefined)
      return { kind: "refused", error: "there is no executor" };
    const address = webhookAddress(executor.url, env.WEBHOOK_ALLOW_PRIVATE === "1");
    if (!address.ok) return { kind: "refused", error: `the executor's url ${address.issue}` };
    const asked: Asked = isRollingBack(task) ? "task.rollback" : "task.apply";
    const payload = JSON.stringify({
      type: asked,
      timestamp: new Date(now).toISOString(),
      data: {
        task: taskView(task),
        leases: execution.leases,
        token: taskToken(env.ROOT_TOKEN, { workspace, task_id: task.id, attempt: execution.attempt }),
      },
    });
    const id = execution.delivery?.webhook_id ?? "";
    try {
      const response = await fetch(address.url, {
        method: "POST",
        headers: {
          "Content-Type": "application/json",
          "User-Agent": "countersign",
          ...signedHeaders(executorSecret(env.ROOT_TOKEN, workspace), id, payload, now),
        },
        body: payload,
        redirect: "manual",
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      return executorAnswer(asked, response.status, await bounded(response));
    } catch (thrown) {
      log("warn", "executor.unreachable", { task: task.id, cause: causeOf(thrown) });
      return { kind: "again", error: "the executor could not be reached" };
    }
  }
}

/** The answer's text; nothing if it is longer than a result may be. */
async function bounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > MAX_ANSWER_BYTES) return "";
    chunks.push(chunk);
  }
  return new TextDecoder().decode(await new Blob(chunks).arrayBuffer());
}

/** Who the trail names for what an executor does. */
export function executorCaller(workspace: string): Caller {
  return {
    workspace,
    who: { id: EXECUTOR, kind: "agent", roles: ["system"] },
    name: EXECUTOR,
    where: { service: "executor" },
    request_id: crypto.randomUUID(),
  };
}
