/** Two reviewers' batches over the same two tasks, and everything that can go wrong between them, for tests. */
import { expect } from "vitest";
import { freshTaskAddress, idOf } from "../actor/ids.ts";
import { ann, bob, reviewing, T0, turn } from "../tasks/task.fixture.ts";
import { allows, type TaskRecord } from "../tasks/task.ts";
import { RespondInput } from "../tasks/task-contract.ts";
import { agreed, decideAll, PREPARED_MS, reserve, settleReservation } from "./batch-decision.ts";
import type { BatchOrder } from "./batch-order.ts";
import { type Answered, type BatchOutcome, conclude, whenAsked } from "./batch-outcome.ts";

/** What happens next: the number given along says to whom or to which message. */
export const STEPS = [
  "begin",
  ...Array<"deliver">(12).fill("deliver"),
  "lose",
  "repeat",
  "conclude",
  "crash coordinator",
  "ask",
  "ask",
  "tell again",
  "decide alone",
] as const;
type Step = (typeof STEPS)[number];

const CALLERS = [ann, bob] as const;
const TASKS = 2;
const APPROVE = RespondInput.parse({ action: "approve" });

type Message =
  | { readonly to: "task"; readonly n: number; readonly order: BatchOrder; readonly by: number }
  | {
      readonly to: "coordinator";
      readonly by: number;
      readonly batch_id: string;
      readonly n: number;
      readonly yes: boolean;
    }
  | { readonly to: "asked"; readonly by: number; readonly batch_id: string; readonly n: number }
  | { readonly to: "ended"; readonly n: number; readonly batch_id: string; readonly outcome: BatchOutcome };

/** What a coordinator has in memory: lost in a crash. */
interface Run {
  readonly order: BatchOrder;
  readonly answers: Map<string, Answered>;
}

interface Coordinator {
  run: Run | undefined;
  /** durable */
  readonly recorded: Map<string, BatchOutcome>;
  /** durable: the outbox of a commit */
  readonly owed: Extract<Message, { to: "ended" }>[];
}

export class BatchWorld {
  readonly #tasks: TaskRecord[] = Array.from({ length: TASKS }, () => reviewing());
  readonly #coordinators: Coordinator[] = CALLERS.map(() => ({ run: undefined, recorded: new Map(), owed: [] }));
  /** What became of each batch in each task that had promised to it. */
  readonly #ends = new Map<string, BatchOutcome[]>();
  #wire: Message[] = [];
  #batches = 0;

  get committed(): number {
    return this.#coordinators.reduce((sum, { recorded }) => sum + [...recorded.values()].filter(isCommit).length, 0);
  }

  take(step: Step, at: number): void {
    const by = at % CALLERS.length;
    const coordinator = this.#coordinators[by];
    if (coordinator === undefined) return;
    switch (step) {
      case "begin":
        this.#begin(coordinator, by);
        return;
      case "deliver":
      case "repeat":
      case "lose": {
        const message = this.#wire[at % Math.max(1, this.#wire.length)];
        if (message === undefined) return;
        if (step !== "repeat") this.#wire = this.#wire.filter((one) => one !== message);
        if (step !== "lose") this.#receive(message);
        return;
      }
      case "conclude":
        this.#conclude(coordinator);
        return;
      case "crash coordinator":
        coordinator.run = undefined;
        return;
      case "ask":
        this.#ask(at % TASKS);
        return;
      case "tell again":
        this.#wire.push(...coordinator.owed);
        return;
      case "decide alone":
        this.#decideAlone(at % TASKS, by);
        return;
    }
  }

  /** Nothing is lost any more: what is owed arrives, whoever promised asks. */
  healAndFinish(): void {
    for (let round = 0; round < 3; round += 1) {
      for (const coordinator of this.#coordinators) {
        coordinator.run = undefined;
        this.#wire.push(...coordinator.owed);
      }
      for (let n = 0; n < TASKS; n += 1) this.#ask(n);
      while (this.#wire.length > 0) this.take("deliver", 0);
    }
  }

  expectNothingMixed(): void {
    for (const [batch, ends] of this.#ends) expect(new Set(ends).size, `${batch}: ${ends.join()}`).toBe(1);
  }

  expectEveryPromiseEnded(): void {
    for (const { reservation } of this.#tasks) expect(reservation).toBeUndefined();
    // All that was committed was decided everywhere.
    for (const { recorded } of this.#coordinators) {
      for (const [batch, outcome] of recorded) {
        if (isCommit(outcome)) expect(this.#ends.get(batch)).toEqual(Array(TASKS).fill("committed"));
      }
    }
  }

  #begin(coordinator: Coordinator, by: number): void {
    if (coordinator.run !== undefined) return;
    this.#batches += 1;
    const order = {
      batch_id: `batch-${this.#batches}`,
      coordinator: `inbox:${by}`,
      began_at: T0,
      decision: APPROVE,
      skip_validation: true,
    };
    const orders = this.#tasks.map((task): BatchOrder => {
      const own = task.requests.find(({ reviewer_id }) => reviewer_id === CALLERS[by]?.who.id);
      return { ...order, approval_ids: [own?.id ?? idOf(freshTaskAddress(T0), 1)] };
    });
    const [first] = orders;
    if (first === undefined) return;
    coordinator.run = { order: first, answers: new Map(orders.map((_, n) => [`${n}`, "unheard"])) };
    orders.forEach((own, n) => {
      this.#wire.push({ to: "task", n, order: own, by });
    });
  }

  #receive(message: Message): void {
    switch (message.to) {
      case "task":
        this.#prepare(message);
        return;
      case "coordinator": {
        const run = this.#coordinators[message.by]?.run;
        // Of repeated answers the first one counts, as it does for a call.
        if (run?.order.batch_id !== message.batch_id || run.answers.get(`${message.n}`) !== "unheard") return;
        run.answers.set(`${message.n}`, message.yes ? "promised" : "refused");
        return;
      }
      case "asked": {
        const coordinator = this.#coordinators[message.by];
        if (coordinator === undefined) return;
        const outcome = whenAsked(coordinator.recorded.get(message.batch_id));
        coordinator.recorded.set(message.batch_id, outcome);
        this.#wire.push({ to: "ended", n: message.n, batch_id: message.batch_id, outcome });
        return;
      }
      case "ended":
        this.#end(message);
        return;
    }
  }

  #prepare({ n, order, by }: Extract<Message, { to: "task" }>): void {
    const task = this.#tasks[n];
    const caller = CALLERS[by];
    if (task === undefined || caller === undefined) return;
    const yes = agreed(decideAll(task, order, turn(caller)).results);
    if (yes) this.#tasks[n] = reserve(task, order, caller, T0).task;
    this.#wire.push({ to: "coordinator", by, batch_id: order.batch_id, n, yes });
  }

  /** As it is carried out: whoever has not answered by now is unheard. */
  #conclude(coordinator: Coordinator): void {
    const { run } = coordinator;
    if (run === undefined) return;
    const { batch_id } = run.order;
    const { outcome, told } = conclude(run.answers, coordinator.recorded.get(batch_id));
    if (outcome === "committed") coordinator.recorded.set(batch_id, outcome);
    coordinator.owed.push(...told.map((n) => ({ to: "ended" as const, n: Number(n), batch_id, outcome })));
    coordinator.run = undefined;
  }

  #ask(n: number): void {
    const reservation = this.#tasks[n]?.reservation;
    if (reservation === undefined) return;
    expect(reservation.ask_at).toBe(T0 + PREPARED_MS);
    const by = Number(reservation.coordinator.slice("inbox:".length));
    this.#wire.push({ to: "asked", by, batch_id: reservation.batch_id, n });
  }

  #end({ n, batch_id, outcome }: Extract<Message, { to: "ended" }>): void {
    const task = this.#tasks[n];
    if (task?.reservation === undefined) return;
    const transition = settleReservation(task, batch_id, outcome, turn(task.reservation.caller));
    if (transition === null) return;
    this.#ends.set(batch_id, [...(this.#ends.get(batch_id) ?? []), outcome]);
    this.#tasks[n] = transition.task;
  }

  /** A single answer: it is held off as long as the task is promised. */
  #decideAlone(n: number, by: number): void {
    const task = this.#tasks[n];
    const caller = CALLERS[by];
    const own = task?.requests.find(({ reviewer_id }) => reviewer_id === caller?.who.id);
    if (task === undefined || caller === undefined || own === undefined) return;
    const order = { batch_id: "alone", approval_ids: [own.id], coordinator: "", began_at: 0, skip_validation: true };
    const { results, transition } = decideAll(task, { ...order, decision: APPROVE }, turn(caller));
    if (task.reservation !== undefined) expect([allows(task, "respond").ok, agreed(results)]).toEqual([false, false]);
    this.#tasks[n] = transition.task;
  }
}

function isCommit(outcome: BatchOutcome): boolean {
  return outcome === "committed";
}
