/** A coordinator and the locks of a world, with messages that take as long as a test likes. For tests only. */

import type { Answer } from "./confirmation.ts";
import { Coordination } from "./coordination.ts";
import type { LockWorld } from "./lock-world.fixture.ts";
import type { Case, Command, DoomedCase, Resolved } from "./resolution.ts";
import type { Report } from "./snapshot.ts";
import type { DeadlockStrategy, PastAborts } from "./victim.ts";

interface Message {
  readonly arrive: () => void;
  /** What happens instead if it is lost; absent: the sender repeats it until it arrives. */
  readonly lost?: () => void;
}

export interface Watching {
  /** Called when a case is to be confirmed, a lock answers, a victim is chosen, and right before its claim is ended. */
  readonly asked?: (one: Case) => void;
  readonly answered?: (answer: Answer) => void;
  readonly condemned?: (one: DoomedCase) => void;
  readonly aborting?: (one: DoomedCase) => void;
}

/** Carries out a coordinator's commands. What is under way is a list of messages, to be delivered in any order. */
export class CoordinatorScenario {
  readonly world: LockWorld;
  readonly resolved: Resolved[] = [];
  readonly letIn: string[] = [];
  readonly underWay: Message[] = [];
  coordination: Coordination;
  readonly #watching: Watching;
  readonly #strategy: DeadlockStrategy;
  readonly #budget: number | undefined;
  readonly #names = new Set<string>();
  readonly #doomed = new Map<string, DoomedCase>();
  #lives = 0;
  readonly #past = new Map<string, PastAborts>();

  constructor(
    world: LockWorld,
    {
      strategy = "abort_youngest",
      budget,
      ...watching
    }: Watching & { strategy?: DeadlockStrategy; budget?: number } = {},
  ) {
    this.world = world;
    this.#strategy = strategy;
    this.#budget = budget;
    this.#watching = watching;
    this.coordination = new Coordination(strategy, this.#nextLife(), budget);
  }

  /** Sends what this lock has to report. */
  report(name: string): void {
    this.#send(this.world.report(name));
  }

  /** Sends a lock's periodic snapshot. */
  beat(name: string): void {
    if (this.world.isContended(name)) this.#send(this.world.snapshot(name));
  }

  deliver(at = 0): void {
    this.underWay.splice(at, 1)[0]?.arrive();
  }

  lose(at = 0): void {
    const message = this.underWay[at];
    if (message?.lost === undefined) return;
    this.underWay.splice(at, 1);
    message.lost();
  }

  /** The coordinator's actor is evicted and comes back with what it stored. */
  restart(): void {
    const past = [...this.#past.values()];
    this.coordination = new Coordination(this.#strategy, this.#nextLife(), this.#budget);
    this.#carryOut(this.coordination.restore({ locks: [...this.#names], doomed: [...this.#doomed.values()], past }));
  }

  tick(): void {
    this.#carryOut(this.coordination.tick(this.world.now));
  }

  /** Lets everything come to its end: all messages delivered, all snapshots repeated, until nothing is left to do. */
  settle(rounds = 3): void {
    for (let round = 0; round < rounds; round += 1) {
      this.world.now += 70_000;
      for (const name of this.world.names) {
        this.report(name);
        this.beat(name);
      }
      this.calm();
    }
  }

  /** Delivers what is under way, in order, and ticks as long as the coordinator has work. */
  calm(): void {
    for (let turn = 0; ; turn += 1) {
      if (turn > 100_000) throw new Error("the coordinator does not come to rest");
      this.deliverAll();
      this.tick();
      const busy = this.coordination.nextTickAt(this.world.now) === this.world.now;
      if (!busy && this.underWay.length === 0) return;
    }
  }

  /** Delivers what is under way, in order, and what comes of it, until the coordinator waits for its timer. */
  deliverAll(): void {
    for (let turn = 0; this.underWay.length > 0; turn += 1) {
      if (turn > 100_000) throw new Error("the coordinator and the locks go on without end");
      this.deliver();
    }
  }

  /** Reports of all locks, a millisecond after the last change, and whatever follows from them. */
  flush(): void {
    this.world.now += 1;
    for (const name of this.world.names) this.report(name);
    this.calm();
  }

  #nextLife(): string {
    this.#lives += 1;
    return String(this.#lives);
  }

  #send(report: Report | undefined): void {
    if (report === undefined) return;
    this.underWay.push({
      arrive: () => this.#carryOut(this.coordination.report(report, this.world.now)),
      lost: () => undefined,
    });
  }

  /** A call to a lock and its answer; each may be lost. `settle` gets undefined then, unless the call is repeated. */
  #call<T>(run: () => T, done: (answer: T | undefined) => void, { repeated = false } = {}): void {
    const caller = this.coordination;
    const finish = (answer: T | undefined) => {
      if (this.coordination === caller) done(answer);
    };
    const lost = repeated ? {} : { lost: () => finish(undefined) };
    this.underWay.push({
      arrive: () => {
        const answer = run();
        this.underWay.push({ arrive: () => finish(answer), ...lost });
      },
      ...lost,
    });
  }

  #carryOut(commands: readonly Command[]): void {
    for (const command of commands) this.#start(command);
  }

  #start(command: Command): void {
    const { world } = this;
    switch (command.do) {
      case "remember_lock":
        this.#names.add(command.lock);
        return;
      case "forget_lock":
        this.#names.delete(command.lock);
        return;
      case "ask_snapshot":
        this.#call(
          () => world.snapshot(command.lock),
          (report) => report && this.#carryOut(this.coordination.report(report, world.now)),
        );
        return;
      case "let_in":
        this.#call(
          () => {
            const { done, report } = world.letIn(command.lock, command.claim);
            if (done) this.letIn.push(command.claim);
            return report;
          },
          (report) => this.#carryOut(this.coordination.letIn(command.case, command.claim, report, world.now)),
        );
        return;
      case "confirm":
        this.#confirm(command.case, command.questions.length, (at) => {
          const question = command.questions[at];
          const answer = question && world.answer(question);
          if (answer !== undefined) this.#watching.answered?.(answer);
          return answer;
        });
        return;
      case "abort": {
        const doomed = command.case;
        if (!this.#doomed.has(doomed.id)) this.#watching.condemned?.(doomed);
        this.#doomed.set(doomed.id, doomed);
        const run = () => {
          this.#watching.aborting?.(doomed);
          return world.abort(doomed.victim.lock, doomed.victim.claim);
        };
        this.#call(
          run,
          (answer) => {
            if (answer === undefined) return;
            if (answer.ended_at === undefined) this.#doomed.delete(doomed.id);
            this.#carryOut(this.coordination.aborted(doomed, answer.ended_at, answer.report, world.now));
          },
          { repeated: true },
        );
        return;
      }
      case "release":
        this.#release(command.case, command.before);
    }
  }

  #confirm(asked: Case, count: number, answer: (at: number) => Answer | undefined): void {
    this.#watching.asked?.(asked);
    const answers: (Answer | undefined)[] = [];
    for (let at = 0; at < count; at += 1) {
      this.#call(
        () => answer(at),
        (one) => {
          answers.push(one);
          if (answers.length < count) return;
          const arrived = answers.flatMap((given) => given ?? []);
          this.#carryOut(this.coordination.answered(asked, arrived, this.world.now));
        },
      );
    }
  }

  #release(doomed: DoomedCase, before: number): void {
    const run = () => doomed.locks.map((name) => this.world.abortSession(name, doomed.victim, before, doomed.ids));
    this.#call(
      run,
      (released) => {
        if (released === undefined) return;
        const ids = [doomed.victim.claim, ...released.flatMap((one) => one.ids)];
        const reports = released.map((one) => one.report);
        const { resolved, commands } = this.coordination.released(doomed, ids, reports, this.world.now, 0.5);
        this.resolved.push(resolved);
        this.#doomed.delete(doomed.id);
        this.#past.set(doomed.victim.session_id, resolved.past);
        this.#carryOut(commands);
      },
      { repeated: true },
    );
  }
}
