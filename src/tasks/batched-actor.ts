/** A task in a batch: it promises to decide as ordered, is told how the batch ended, or asks (docs/design/batch.md). */
import type { Caller } from "../actor/caller.ts";
import { type Commit, housekeeper } from "../actor/commit.ts";
import { actorOf } from "../actor/remote.ts";
import { type Failure, fail, ok, type Result } from "../actor/result.ts";
import {
  agreed,
  type BatchEnded,
  decideAll,
  type Judgement,
  PREPARED_MS,
  refuseAll,
  reserve,
  settleReservation,
} from "../approvals/batch-decision.ts";
import type { BatchOrder, BatchVote } from "../approvals/batch-order.ts";
import type { BatchOutcome } from "../approvals/batch-outcome.ts";
import type { InboxApi } from "../approvals/inbox-api.ts";
import { computePreview, sameChanges } from "./preview.ts";
import { ReviewedTask } from "./reviewed-actor.ts";
import type { TaskRecord } from "./task.ts";
import type { Transition, Turn } from "./transition.ts";

/** A task that changes faster than its preview can be computed. */
const MAX_REREADS = 5;

export abstract class BatchedTask extends ReviewedTask {
  async prepareBatch(caller: Caller, order: BatchOrder): Promise<BatchVote> {
    return this.#judged(caller, order, (task, { results, transition }, { now }) => {
      if (agreed(results)) this.settle(caller, reserve(task, order, caller, now), undefined, now);
      return { results, new_state: transition.task.state };
    });
  }

  async decideBatch(caller: Caller, order: BatchOrder): Promise<Result<BatchVote>> {
    const replay = this.replayed<BatchVote>(caller);
    if (replay !== undefined) return replay;
    const vote = await this.#judged(caller, order, (_, { results, transition }, turn) => {
      const answer = { results, new_state: transition.task.state };
      const decided = results.some(({ success }) => success);
      if (decided) this.settle(caller, transition, (tx) => tx.remember(answer), turn.now);
      return answer;
    });
    return ok(vote);
  }

  protected override receiveOther(tx: Commit, caller: Caller, source: string, body: unknown): void {
    const effect = body as BatchEnded;
    if (effect.do !== "batch.ended") super.receiveOther(tx, caller, source, body);
    else this.#end(effect.batch_id, effect.outcome, (transition) => this.write(tx, transition));
  }

  protected override async onOtherTimer(name: string, now: number): Promise<void> {
    if (name === "batch") await this.#ask();
    else if (this.task?.reservation === undefined) await super.onOtherTimer(name, now);
    else this.commit(housekeeper(this.place.workspace), (tx) => tx.timer(name, now + PREPARED_MS), now);
  }

  /** While the task is promised nothing ends or moves by itself: whatever comes due then waits. */
  protected override present(): Result<TaskRecord> {
    return this.task?.reservation === undefined ? super.present() : ok(this.task);
  }

  // --- internals

  /** Judges the order as things stand, its change looked at anew; again if the task changed meanwhile. */
  async #judged(
    caller: Caller,
    order: BatchOrder,
    act: (task: TaskRecord, judgement: Judgement, turn: Turn) => BatchVote,
  ): Promise<BatchVote> {
    for (let reread = 0; reread < MAX_REREADS; reread += 1) {
      const present = this.present();
      if (!present.ok) return { results: refuseAll(order, noSuchRequest()) };
      const task = present.value;
      const first = decideAll(task, order, this.turn(caller));
      if (first.results.every(({ success }) => !success)) return { results: first.results, ...rivalOf(task, first) };
      const drift = order.skip_validation ? undefined : await this.#drift(task);
      if (this.task !== task) continue;
      if (drift !== undefined) return { results: refuseRest(first.results, drift) };
      const turn = this.turn(caller);
      return act(task, decideAll(task, order, turn), turn);
    }
    const { error } = fail("REVISION_CONFLICT", "this task is being changed by somebody else, try again");
    return { results: refuseAll(order, error) };
  }

  /** Why the change may not be decided on as it was shown; undefined if it would do just that. */
  async #drift({ config, metadata, author_roles, preview }: TaskRecord): Promise<Failure | undefined> {
    const facts = await this.facts(config, { id: metadata.author_id, roles: author_roles });
    if (!facts.ok) return facts.error;
    if (sameChanges(preview, computePreview(config, facts.value.preview))) return undefined;
    return fail("DRIFTED", "its resources have changed since: it would no longer do what was shown").error;
  }

  /** The batch may have been decided without a word reaching this task. A throw is tried again by the timer. */
  async #ask(): Promise<void> {
    const reservation = this.task?.reservation;
    if (reservation === undefined) return;
    const { batch_id, coordinator, caller } = reservation;
    const inbox = actorOf<InboxApi>(this.env, this.place.workspace, coordinator);
    const outcome = await inbox.batchOutcome(coordinator, batch_id);
    this.#end(batch_id, outcome, (transition) => this.settle(caller, transition));
  }

  #end(batchId: string, outcome: BatchOutcome, keep: (transition: Transition) => void): void {
    const { task } = this;
    if (task?.reservation === undefined) return;
    const transition = settleReservation(task, batchId, outcome, this.turn(task.reservation.caller));
    if (transition !== null) keep(transition);
  }
}

function noSuchRequest(): Failure {
  return fail("APPROVAL_NOT_FOUND", "there is no such approval request").error;
}

/** The batch that stands in the way, if nothing else does. */
function rivalOf({ reservation }: TaskRecord, { results }: Judgement): Pick<BatchVote, "rival"> {
  if (reservation === undefined || results.some(({ error }) => error?.code !== "BATCH_IN_PROGRESS")) return {};
  return { rival: { batch_id: reservation.batch_id, began_at: reservation.began_at } };
}

/** What could have been decided is not, for one and the same reason. */
function refuseRest(results: Judgement["results"], { code, message }: Failure): Judgement["results"] {
  return results.map((one) => (one.success ? { ...one, success: false, error: { code, message } } : one));
}
