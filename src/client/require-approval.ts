/** A person's consent to one call of one tool: bound to its arguments, good once. For agent frameworks. */

import type { ApiClient } from "./api-client.ts";
import type { Verdict } from "./approval-verdict.ts";
import { waitForApproval } from "./approval-wait.ts";
import { canonicalJson, sha256 } from "./canonical-json.ts";
import { CountersignError, isCountersignError } from "./countersign-error.ts";
import { pause } from "./pause.ts";
import { backoff } from "./retry-policy.ts";
import type { BodyOf, Schema } from "./routes.ts";

type Config = BodyOf<"POST /tasks">["config"];

/** One call of a tool that needs consent. */
export interface ToolCall extends Partial<Pick<Config, "description" | "resources" | "priority" | "timeout_seconds">> {
  /** Its name: 1 to 90 characters; the task's type is `tool:{name}`. */
  readonly tool: string;
  /** What it is called with. Secrets belong into references, not here: reviewers read this. */
  readonly args: Readonly<Record<string, unknown>>;
  /** Names this call across restarts (the id of the tool call, say): the same key waits for the same approval, for 24 h. */
  readonly key?: string;
  readonly requested_reviewers?: readonly string[];
  readonly ticket_ref?: string;
  readonly tags?: readonly string[];
  readonly signal?: AbortSignal | undefined;
}

export type RequiredApproval = Verdict & {
  /** Hex SHA-256 over the JCS of `{ arguments, tool }`: what was agreed to. */
  readonly call_hash: string;
};

/**
 * Files the call as a task, submits it and waits for the verdict. An approval is spent before this returns: the task is applied
 * and completed in the caller's name, which can happen once. Whoever calls is an agent with the roles `system` and `author`.
 *
 * @throws CountersignError `APPROVAL_USED` if this approval was spent before, `APPROVAL_MISMATCH` if what was approved is not
 * this call any more, `IDEMPOTENCY_KEY_REUSED` if the key stands for another call
 */
export async function requireApproval(client: ApiClient, call: ToolCall): Promise<RequiredApproval> {
  const call_hash = await hashOf(call.tool, call.args);
  const { signal } = call;
  const keyed = { signal, ...(call.key !== undefined && { idempotencyKey: call.key }) };
  const me = await client.users.me({ signal });
  const filed = await client.tasks.create(
    { config: configOf(call, call_hash), metadata: metadataOf(call, me.id) },
    keyed,
  );
  await client.tasks.submit(filed.id, { requested_reviewers: call.requested_reviewers ?? [] }, keyed);
  for (;;) {
    const verdict = await waitForApproval(client, filed.id, { signal });
    if (verdict.status !== "approved") return { ...verdict, call_hash };
    if (await spend(client, filed.id, call_hash, signal)) return { ...verdict, call_hash };
  }
}

function hashOf(tool: unknown, args: unknown): Promise<string> {
  return sha256(canonicalJson({ tool, arguments: args }));
}

function configOf(
  { tool, args, description, resources, priority, timeout_seconds }: ToolCall,
  call_hash: string,
): Config {
  return {
    type: `tool:${tool}`,
    description: description ?? `Call ${tool}`,
    resources: resources ?? [{ type: "service", id: tool, actions: ["execute"] }],
    parameters: { tool, arguments: args, call_hash },
    rollback_strategy: "none",
    ...(priority !== undefined && { priority }),
    ...(timeout_seconds !== undefined && { timeout_seconds }),
  };
}

function metadataOf({ ticket_ref, tags }: ToolCall, author: string): BodyOf<"POST /tasks">["metadata"] {
  return {
    author_id: author,
    author_name: author,
    ...(ticket_ref !== undefined && { ticket_ref }),
    ...(tags !== undefined && { tags }),
  };
}

/** Two calls of one tool take turns for a moment: its resource is locked while an approval is spent. */
const TURN = { base_ms: 100, cap_ms: 2_000 };

/**
 * Applies and completes the task. Only one `complete` is ever stored, and its output says whose it was.
 * @returns false: the change had to go back to review
 */
async function spend(client: ApiClient, id: string, hash: string, signal?: AbortSignal): Promise<boolean> {
  const spent_by = crypto.randomUUID();
  try {
    for (let turn = 1; ; turn += 1) {
      const task = await client.tasks.apply(id, {}, { signal });
      await assertSame(task, hash);
      if (task.state === "APPLYING") break;
      await pause(backoff(TURN, turn, Math.random()), signal);
    }
    const { execution } = await client.tasks.complete(id, { result: "success", output: { call_hash: hash, spent_by } });
    if (isSpentBy(execution?.output, spent_by)) return true;
  } catch (thrown) {
    if (isCountersignError(thrown, "DRIFTED")) return false;
    if (!isCountersignError(thrown, "INVALID_STATE", "TASK_LEASE_LOST")) throw thrown;
  }
  throw new CountersignError("APPROVAL_USED", {
    message: `the approval of task ${id} was used before`,
    details: { task_id: id },
  });
}

/** Under review a task may be edited: then it is the edited one that was approved. */
async function assertSame({ id, config }: Pick<Schema<"Task">, "id" | "config">, hash: string): Promise<void> {
  const { tool, arguments: args } = config.parameters ?? {};
  if ((await hashOf(tool, args)) === hash) return;
  throw new CountersignError("APPROVAL_MISMATCH", {
    message: `task ${id} was approved for another call than this`,
    details: { task_id: id },
  });
}

function isSpentBy(output: unknown, mine: string): boolean {
  return typeof output === "object" && output !== null && "spent_by" in output && output.spent_by === mine;
}
