import type { ApiClient } from "./api-client.ts";
import { type Verdict, verdictOf } from "./approval-verdict.ts";
import { events } from "./events.ts";

/**
 * Waits until the review of a task has ended, however long that takes: told by the task's channel, read off the task.
 *
 * @throws CountersignError if the task cannot be read; the signal's reason once that is aborted
 */
export async function waitForApproval(
  client: ApiClient,
  taskId: string,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<Verdict> {
  const now = verdictOf(await client.tasks.get(taskId, { signal }));
  if (now !== undefined) return now;
  // From the first event on: whatever happens after any read of the task comes after it here, too.
  for await (const { event } of events(client, [`task:${taskId}`], { since: 0, signal })) {
    if (event !== "task:state_changed" && event !== "reset") continue;
    const verdict = verdictOf(await client.tasks.get(taskId, { signal }));
    if (verdict !== undefined) return verdict;
  }
  throw signal?.reason;
}
