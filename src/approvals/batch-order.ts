/** What a batch and the tasks that it touches say to each other (03, "Batch"; docs/design/batch.md). */
import type { Caller } from "../actor/caller.ts";
import type { ActorKey } from "../actor/remote.ts";
import type { TaskState } from "../tasks/contract.ts";
import type { RespondInput } from "../tasks/task-contract.ts";
import type { BatchItem } from "./batch-contract.ts";
import type { Rival } from "./batch-outcome.ts";

/** What a batch asks of one task. */
export interface BatchOrder {
  readonly batch_id: string;
  /** The inbox that decides whether the batch stands. */
  readonly coordinator: ActorKey;
  /** ms; of two batches that meet the elder waits and the younger gives way */
  readonly began_at: number;
  /** Requests of this one task. */
  readonly approval_ids: readonly string[];
  readonly decision: RespondInput;
  /** An admin wants no look at whether the change is still what it was. */
  readonly skip_validation: boolean;
}

/** What a task answers: how each item fares, and as what it would come out of the batch. */
export interface BatchVote {
  readonly results: readonly BatchItem[];
  readonly new_state?: TaskState;
  /** The batch that the task is promised to. */
  readonly rival?: Rival;
}

/** A task's promise to decide as ordered, whenever it is told to. Nothing else may decide on it meanwhile. */
export interface Reservation extends BatchOrder {
  readonly caller: Caller;
  /** ms; when the task begins to ask what became of the batch */
  readonly ask_at: number;
}
