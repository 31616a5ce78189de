/** What an executor's HTTP answer means (03, "Execution"; docs/design/executors.md). Pure. */
import type { z } from "../zod.ts";
import { CompleteTask, RollbackReport } from "./task-contract.ts";

/** What an executor is sent: the change, or the wish to take it back after it failed. */
export type Asked = "task.apply" | "task.rollback";

export type ExecutorAnswer =
  /** it is done, one way or the other */
  | { readonly kind: "completed"; readonly input: CompleteTask }
  /** it took back what it had done, or could not */
  | { readonly kind: "rolled_back"; readonly input: RollbackReport }
  /** it works on it and will call /complete */
  | { readonly kind: "accepted" }
  /** it will never do it */
  | { readonly kind: "refused"; readonly error: string }
  /** it could not just now */
  | { readonly kind: "again"; readonly error: string };

/** Statuses below 500 that may be different the next time. */
const PASSING = new Set([408, 425, 429]);

/**
 * 202 accepts. Another 2xx with a result completes; without one it has accepted too: it did take the message, and a second
 * delivery might do the work twice. 408, 425, 429 and 5xx are tried again; anything else is a refusal.
 */
export function executorAnswer(asked: Asked, status: number, body: string): ExecutorAnswer {
  if (status === 202) return ACCEPTED;
  if (status >= 200 && status < 300) return (asked === "task.apply" ? completed(body) : rolledBack(body)) ?? ACCEPTED;
  const error = `the executor answered ${status}`;
  return status >= 500 || PASSING.has(status) ? { kind: "again", error } : { kind: "refused", error };
}

const ACCEPTED = { kind: "accepted" } as const;

function completed(body: string): ExecutorAnswer | undefined {
  const input = wordIn(CompleteTask, body);
  return input && { kind: "completed", input };
}

function rolledBack(body: string): ExecutorAnswer | undefined {
  const input = wordIn(RollbackReport, body);
  return input && { kind: "rolled_back", input };
}

function wordIn<Word>(word: z.ZodType<Word>, body: string): Word | undefined {
  try {
    return word.safeParse(JSON.parse(body)).data;
  } catch {
    return undefined;
  }
}
