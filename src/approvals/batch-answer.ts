/** A batch's items by their tasks, and what its caller is told of them (03, "Batch"). Pure. */
import { type Address, idOf, parseId } from "../actor/ids.ts";
import type { ActorKey } from "../actor/remote.ts";
import { fail, type Result } from "../actor/result.ts";
import type { BatchAnswer, BatchInput, BatchItem } from "./batch-contract.ts";
import type { BatchVote } from "./batch-order.ts";

/** The requests of one task: one reservation. */
export interface Item {
  readonly key: ActorKey;
  readonly address: Address;
  readonly task_id: string;
  readonly approval_ids: readonly string[];
}

/** One item per task; `strays` are ids that name no request of any task. */
export function itemsByTask(ids: readonly string[]): { readonly items: Item[]; readonly strays: string[] } {
  const byTask = new Map<Address, string[]>();
  const strays: string[] = [];
  for (const id of ids) {
    const parsed = parseId(id);
    if (parsed?.kind !== "task" || parsed.member === 0) strays.push(id);
    else byTask.set(parsed.address, [...(byTask.get(parsed.address) ?? []), id]);
  }
  const items = [...byTask].map(([address, approval_ids]) => {
    const task_id = idOf(address);
    return { key: `task:${task_id}`, address, task_id, approval_ids };
  });
  return { items, strays };
}

type TaskVote = BatchVote & { readonly task_id?: string };

/** What was done, item by item in the order of the request. */
export function batchAnswer(input: BatchInput, votes: readonly TaskVote[]): BatchAnswer {
  const results = inOrder(input, votes);
  const failed = results.filter(({ success }) => !success).length;
  const task_updates = votes.flatMap(({ task_id, new_state, results: own }) => {
    if (task_id === undefined || !own.some(({ success }) => success)) return [];
    return [{ task_id, ...(new_state !== undefined && { new_state }) }];
  });
  return {
    success: failed === 0,
    processed: results.length,
    succeeded: results.length - failed,
    failed,
    results,
    task_updates,
  };
}

/** Nothing was done: an item with an error is why, one without would have been decided. */
export function batchFailed(input: BatchInput, votes: readonly TaskVote[]): Result<never> {
  const results = inOrder(input, votes).map((item) => ({ ...item, success: false }));
  const why = results.filter(({ error }) => error !== undefined);
  const told = why.length === 0 ? "it took too long" : `${why.length} of its items cannot be decided`;
  return fail("BATCH_FAILED", `nothing was decided: ${told}`, { results });
}

/** How many items of an answer, or of a failure, name no request. */
export function unknownIn(result: Result<BatchAnswer>): number {
  const results = result.ok ? result.value.results : ((result.error.details?.results ?? []) as readonly BatchItem[]);
  return results.filter(({ error }) => error?.code === "APPROVAL_NOT_FOUND").length;
}

function inOrder({ approval_ids }: BatchInput, votes: readonly TaskVote[]): BatchItem[] {
  const known = new Map(votes.flatMap(({ results }) => results.map((item) => [item.approval_id, item])));
  return approval_ids.map((approval_id) => known.get(approval_id) ?? { approval_id, success: false });
}
