/** What an executor's HTTP answer means (issue "executor for people without an agent"). Pure. */
import { CompleteTask } from "./task-contract.ts";

export type ExecutorAnswer =
  /** it is done, one way or the other */
  | { readonly kind: "completed"; readonly input: CompleteTask }
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
export function executorAnswer(status: number, body: string): ExecutorAnswer {
  if (status === 202) return { kind: "accepted" };
  if (status >= 200 && status < 300) {
    const input = resultIn(body);
    return input === undefined ? { kind: "accepted" } : { kind: "completed", input };
  }
  const error = `the executor answered ${status}`;
  return status >= 500 || PASSING.has(status) ? { kind: "again", error } : { kind: "refused", error };
}

function resultIn(body: string): CompleteTask | undefined {
  try {
    return CompleteTask.safeParse(JSON.parse(body)).data;
  } catch {
    return undefined;
  }
}
