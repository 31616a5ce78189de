/** What a batch does to one task: judge, reserve, then decide or let go (03, "Batch"; docs/design/batch.md). Pure. */
import { type Caller, withoutKey } from "../actor/caller.ts";
import type { Failure } from "../actor/result.ts";
import type { TaskRecord } from "../tasks/task.ts";
import { followedBy, type Transition, type Turn } from "../tasks/transition.ts";
import type { BatchItem } from "./batch-contract.ts";
import type { BatchOrder, Reservation } from "./batch-order.ts";
import type { BatchOutcome } from "./batch-outcome.ts";
import { respond } from "./decide.ts";

/** What a coordinator tells a task that promised, or may have. */
export interface BatchEnded {
  readonly do: "batch.ended";
  readonly batch_id: string;
  readonly outcome: BatchOutcome;
}

export interface Judgement {
  readonly results: readonly BatchItem[];
  /** What the items that can be decided come to; without any of them nothing happens. */
  readonly transition: Transition;
}

/** A prepared task that has heard nothing for this long asks. */
export const PREPARED_MS = 10_000;

/**
 * Decides on each request of the order under the rules of a single answer, one after the other. A request that an earlier one
 * of the same order made moot, because the task left review with it, counts as decided.
 */
export function decideAll(before: TaskRecord, order: BatchOrder, turn: Turn): Judgement {
  const { batch_id, approval_ids, decision } = order;
  const results: BatchItem[] = [];
  let transition: Transition = { task: before, happenings: [], effects: [] };
  for (const approval_id of approval_ids) {
    const alone = respond(before, approval_id, decision, turn);
    const next = alone.ok ? respond(transition.task, approval_id, decision, turn) : alone;
    if (next.ok) transition = followedBy(transition, next.value);
    const moot = alone.ok && !isOpen(transition.task, approval_id);
    results.push(next.ok || moot ? { approval_id, success: true } : refused(approval_id, next.error));
  }
  const happenings = transition.happenings.map((one) => ({ ...one, details: { ...one.details, batch_id } }));
  return { results, transition: { ...transition, happenings } };
}

function isOpen({ requests }: TaskRecord, approvalId: string): boolean {
  return requests.some(({ id, status }) => id === approvalId && status === "PENDING");
}

/** Every item of the order gone the same way. */
export function refuseAll({ approval_ids }: Pick<BatchOrder, "approval_ids">, error: Failure): Judgement["results"] {
  return approval_ids.map((id) => refused(id, error));
}

export function agreed(results: readonly BatchItem[]): boolean {
  return results.every(({ success }) => success);
}

/** The task promised to the batch; `now` in ms. */
export function reserve(task: TaskRecord, order: BatchOrder, caller: Caller, now: number): Transition {
  const reservation: Reservation = { ...order, caller: withoutKey(caller), ask_at: now + PREPARED_MS };
  return { task: { ...task, reservation }, happenings: [], effects: [] };
}

/** The end of a promise; null if the task is not, or no longer, promised to this batch. `turn` is that of who made the batch. */
export function settleReservation(
  before: TaskRecord,
  batchId: string,
  outcome: BatchOutcome,
  turn: Turn,
): Transition | null {
  const { reservation, ...task } = before;
  if (reservation?.batch_id !== batchId) return null;
  if (outcome === "aborted") return { task, happenings: [], effects: [] };
  const { results, transition } = decideAll(task, reservation, turn);
  // Whatever could change the verdict is held off while a task is promised.
  if (!agreed(results))
    throw new Error(`batch ${batchId} was committed and cannot be decided: ${JSON.stringify(results)}`);
  return transition;
}

function refused(approval_id: string, { code, message }: Failure): BatchItem {
  return { approval_id, success: false, error: { code, message } };
}
