/** Batches as the inbox of who makes them runs them: the coordinator of a two-phase commit (docs/design/batch.md). */
import { type Caller, withOwnKey } from "../actor/caller.ts";
import type { Commit } from "../actor/commit.ts";
import type { ActorKey } from "../actor/remote.ts";
import { type Failure, fail, ok, type Result } from "../actor/result.ts";
import { within } from "../actor/within.ts";
import type { Env } from "../env.ts";
import { causeOf, log } from "../log.ts";
import { taskAt } from "../tasks/task-api.ts";
import { RespondInput } from "../tasks/task-contract.ts";
import { batchAnswer, batchFailed, type Item, itemsByTask } from "./batch-answer.ts";
import type { BatchAnswer, BatchInput } from "./batch-contract.ts";
import { agreed, type BatchEnded, refuseAll } from "./batch-decision.ts";
import type { BatchOrder, BatchVote } from "./batch-order.ts";
import { type Answered, type BatchOutcome, conclude, mayWaitFor } from "./batch-outcome.ts";

/** A task that has not answered by then has to be told that the batch is off: before it would ask by itself. */
const PREPARE_MS = 8_000;
/** How often, and after which pause (ms), an elder batch looks whether the younger one has let go. */
const MAX_WAITS = 80;
const WAIT_MS = 25;

interface Dependencies {
  readonly env: Env;
  readonly workspace: string;
  readonly key: () => ActorKey;
  readonly commit: (caller: Caller, work: (tx: Commit) => void) => void;
  readonly recorded: (batchId: string) => BatchOutcome | undefined;
  readonly record: (batchId: string, outcome: BatchOutcome, tasks: readonly ActorKey[], now: number) => void;
  /** True once these were told all that they are owed. */
  readonly delivered: (targets: readonly ActorKey[]) => Promise<boolean>;
}

/** How a task answered, with what it said. */
interface Prepared {
  readonly item: Item;
  readonly answered: Answered;
  readonly vote: BatchVote;
}

/** Of what all tasks of a batch have in common. */
interface Batch {
  readonly caller: Caller;
  readonly order: Omit<BatchOrder, "approval_ids">;
}

export class BatchCoordinator {
  readonly #deps: Dependencies;

  constructor(deps: Dependencies) {
    this.#deps = deps;
  }

  async run(caller: Caller, input: BatchInput): Promise<Result<BatchAnswer>> {
    const { action, reason, options } = input;
    const order = {
      batch_id: crypto.randomUUID(),
      coordinator: this.#deps.key(),
      began_at: Date.now(),
      decision: RespondInput.parse({
        action,
        ...(reason !== undefined && { reason }),
        options: { apply_immediately: options.apply_immediately },
      }),
      skip_validation: options.skip_validation,
    };
    const { items, strays } = itemsByTask(input.approval_ids);
    const unknown = { results: refuseAll({ approval_ids: strays }, noSuchRequest()) };
    if (options.continue_on_error) return ok(await this.#each({ caller, order }, input, items, unknown));
    // Nobody is asked for a batch that cannot be.
    if (strays.length > 0) return batchFailed(input, [unknown]);
    return this.#together({ caller, order }, input, items);
  }

  /** All or nothing: every task promises, the commit is recorded, every task is told. */
  async #together(batch: Batch, input: BatchInput, items: readonly Item[]): Promise<Result<BatchAnswer>> {
    const { caller, order } = batch;
    const doomed = new AbortController();
    const prepared = await Promise.all(items.map((item) => this.#prepare(batch, item, doomed)));
    const answers = new Map(prepared.map(({ item, answered }) => [item.key, answered]));
    const { outcome, told } = conclude(answers, this.#deps.recorded(order.batch_id));
    const votes = prepared.map(({ item, vote }) => ({ task_id: item.task_id, ...vote }));
    const answer = batchAnswer(input, votes);
    if (told.length > 0) {
      const ended: BatchEnded = { do: "batch.ended", batch_id: order.batch_id, outcome };
      this.#deps.commit(caller, (tx) => {
        if (outcome === "committed") {
          this.#deps.record(order.batch_id, outcome, told, tx.now);
          tx.remember(answer);
        }
        for (const task of told) tx.effect(task, ended);
      });
      await this.#deps.delivered(told);
    }
    return outcome === "committed" ? ok(answer) : batchFailed(input, votes);
  }

  /** Each on its own; what a retry under the same key finds done is done. */
  async #each(
    { caller, order }: Batch,
    input: BatchInput,
    items: readonly Item[],
    unknown: BatchVote,
  ): Promise<BatchAnswer> {
    const votes = await Promise.all(
      items.map(async ({ key, address, task_id, approval_ids }) => {
        const own = { ...order, approval_ids };
        const task = taskAt(this.#deps.env, this.#deps.workspace, address);
        const result = await heard(task.decideBatch(withOwnKey(caller, key), own));
        if (result?.ok) return { task_id, ...result.value };
        return { task_id, results: refuseAll(own, result?.error ?? unreachable()) };
      }),
    );
    const answer = batchAnswer(input, [...votes, unknown]);
    if (caller.idempotency !== undefined) this.#deps.commit(caller, (tx) => tx.remember(answer));
    return answer;
  }

  async #prepare({ caller, order }: Batch, item: Item, doomed: AbortController): Promise<Prepared> {
    const own = { ...order, approval_ids: item.approval_ids };
    for (let waits = 0; ; waits += 1) {
      const task = taskAt(this.#deps.env, this.#deps.workspace, item.address);
      const vote = await heard(task.prepareBatch(caller, own));
      if (vote !== undefined && agreed(vote.results)) return { item, answered: "promised", vote };
      const mayWait = vote?.rival !== undefined && mayWaitFor(order, vote.rival) && waits < MAX_WAITS;
      if (!mayWait || doomed.signal.aborted) {
        doomed.abort();
        if (vote !== undefined) return { item, answered: "refused", vote };
        return { item, answered: "unheard", vote: { results: refuseAll(own, unreachable()) } };
      }
      await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
    }
  }
}

/** What a task answers in time; undefined if nobody knows what it did. */
async function heard<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await within(answer, PREPARE_MS);
  } catch (thrown) {
    log("error", "batch.task_unreachable", { cause: causeOf(thrown) });
    return undefined;
  }
}

function noSuchRequest(): Failure {
  return fail("APPROVAL_NOT_FOUND", "there is no such approval request").error;
}

function unreachable(): Failure {
  return fail("UNAVAILABLE", "this task does not answer, try again").error;
}
