/** One per workspace: sees the wait-for graph, ends deadlocks (04-locks-and-deadlocks, "Deadlocks"; docs/design/deadlocks.md). */
import { Actor } from "../actor/actor.ts";
import type { Caller } from "../actor/caller.ts";
import { type Commit, housekeeper } from "../actor/commit.ts";
import type { NumberedRequest } from "../actor/numbered-page.ts";
import type { Env } from "../env.ts";
import { taskOfSession } from "../locks/lock-table.ts";
import { causeOf, log } from "../log.ts";
import type { GraphView } from "./contract.ts";
import { Coordination, WATCH_MS } from "./coordination.ts";
import { COORDINATOR, type CoordinatorApi, type HistoryPage } from "./coordinator-api.ts";
import { type Conclusion, CoordinatorCommands } from "./coordinator-commands.ts";
import { COORDINATOR_MIGRATION, CoordinatorStore, type Sweep } from "./coordinator-store.ts";
import { graphView } from "./graph-view.ts";
import type { ToldEffect } from "./notice.ts";
import type { Command } from "./resolution.ts";
import type { Report } from "./snapshot.ts";
import { DEADLOCK_STRATEGIES, type DeadlockStrategy } from "./victim.ts";

const TICK_TIMER = "tick";
const SWEEP_TIMER = "sweep";
const SWEEP_MS = 1_000;
const SWEEP_RETRY_MS = 10_000;

export class CoordinatorActor extends Actor implements CoordinatorApi {
  readonly #memory: CoordinatorStore;
  readonly #commands: CoordinatorCommands;
  readonly #sweeping = new Set<string>();
  #coordination: Coordination | undefined;
  /** When the timer rings next, as far as this life knows (ms). */
  #tickAt = Number.POSITIVE_INFINITY;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#memory = new CoordinatorStore(ctx.storage.sql, this.store);
    this.#commands = new CoordinatorCommands({
      env,
      workspace: this.place.workspace,
      coordination: () => this.#awake(),
      follow: (commands) => this.#follow(commands),
      dropped: (doomed) => this.#keep(() => this.#memory.dropDoomed(doomed)),
      concluded: (conclusion) => this.#conclude(conclusion),
    });
  }

  async ping(): Promise<true> {
    return true;
  }

  async report(report: Report): Promise<void> {
    this.#follow(this.#awake().report(report, Date.now()));
  }

  async deadlocks(request: NumberedRequest): Promise<HistoryPage> {
    return this.exists ? this.#memory.history(request) : { rows: [], total: 0, more: false };
  }

  async graph(): Promise<GraphView> {
    return graphView(this.#awake().graph);
  }

  protected override get migrations(): readonly string[] {
    return [COORDINATOR_MIGRATION];
  }

  protected override receive(_tx: Commit, _caller: Caller, source: string): void {
    throw new Error(`the coordinator takes no effects, one came from ${source}`);
  }

  protected override onTimer(name: string, now: number): void {
    if (name === SWEEP_TIMER) this.#sweepDue(now);
    else if (name === TICK_TIMER) this.#tick(now);
    else throw new Error(`the coordinator has no timer ${name}`);
  }

  // --- internals

  /** The coordination; in a new life it takes up first what the one before left. */
  #awake(): Coordination {
    if (this.#coordination !== undefined) return this.#coordination;
    this.identify(COORDINATOR);
    const coordination = new Coordination(strategyOf(this.env));
    this.#coordination = coordination;
    if (this.exists) {
      const now = Date.now();
      const left = coordination.restore(this.#memory.remembered(now));
      this.#follow([...left, ...coordination.tick(now)]);
    }
    return coordination;
  }

  #tick(now: number): void {
    this.#tickAt = Number.POSITIVE_INFINITY;
    this.#follow(this.#awake().tick(now));
  }

  /** Stores first what has to outlive a crash, then does what there is to do. Nobody waits for it. */
  #follow(commands: readonly Command[]): void {
    this.#remember(commands);
    for (const command of commands) {
      const work = this.#commands.carryOut(command);
      if (work !== undefined) this.ctx.waitUntil(work.catch((thrown) => failed(command.do, thrown)));
    }
  }

  #remember(commands: readonly Command[]): void {
    const kept = commands.filter(({ do: what }) => ["remember_lock", "forget_lock", "abort"].includes(what));
    const now = Date.now();
    const next = this.#nextTickAt(kept, now);
    const isSooner = next !== undefined && next < this.#tickAt;
    if (kept.length === 0 && !isSooner) return;
    this.#keep((tx) => {
      for (const command of kept) {
        if (command.do === "remember_lock") this.#memory.addLock(command.lock);
        else if (command.do === "forget_lock") this.#memory.dropLock(command.lock);
        else if (command.do === "abort") this.#memory.addDoomed(command.case);
      }
      if (isSooner) tx.timerBy(TICK_TIMER, next);
    });
    if (isSooner) this.#tickAt = next;
  }

  #nextTickAt(kept: readonly Command[], now: number): number | undefined {
    const next = this.#coordination?.nextTickAt(now);
    if (next !== undefined) return next;
    const underWay = kept.some((command) => command.do === "abort") || (this.exists && this.#memory.isUnderWay);
    return underWay ? now + WATCH_MS : undefined;
  }

  #conclude({ case: doomed, before, heard_at, notice, resolved, told }: Conclusion): void {
    const { deadlock, retry_after_ms } = notice;
    const taskId = taskOfSession(doomed.victim.session_id);
    const effect: ToldEffect = { do: "deadlock.told", notice, claim: doomed.victim.claim };
    this.#keep((tx) => {
      this.#memory.dropDoomed(doomed);
      this.#memory.addDeadlock(resolved.deadlock);
      this.#memory.savePast(resolved.past, tx.now);
      this.#memory.addSweep({ case: doomed, before, heard_at, notice }, tx.now + SWEEP_MS);
      tx.timerBy(SWEEP_TIMER, tx.now + SWEEP_MS);
      tx.journal({
        action: "deadlock.resolved",
        subject_type: "deadlock",
        subject_id: doomed.id,
        details: { ...deadlock, retry_after_ms, ...(taskId !== undefined && { task_id: taskId }) },
      });
      for (const lock of told) tx.effect(lock, effect);
    });
  }

  #sweepDue(now: number): void {
    const due = this.#memory.sweeps(now).filter((sweep) => !this.#sweeping.has(sweep.case.id));
    const again = due.length > 0 || this.#sweeping.size > 0 ? now + SWEEP_RETRY_MS : undefined;
    const next = Math.min(again ?? Number.POSITIVE_INFINITY, this.#memory.nextSweepAt(now) ?? Number.POSITIVE_INFINITY);
    this.#keep((tx) => tx.timer(SWEEP_TIMER, Number.isFinite(next) ? next : undefined));
    for (const sweep of due) this.ctx.waitUntil(this.#sweep(sweep).catch((thrown) => failed("sweep", thrown)));
  }

  async #sweep(sweep: Sweep): Promise<void> {
    const { id } = sweep.case;
    this.#sweeping.add(id);
    try {
      if (await this.#commands.sweep(sweep)) this.#keep(() => this.#memory.dropSweep(sweep));
    } finally {
      this.#sweeping.delete(id);
    }
  }

  #keep(work: (tx: Commit) => void): void {
    this.commit(housekeeper(this.place.workspace), work);
  }
}

function failed(what: string, thrown: unknown): void {
  log("error", "deadlock.failed", { what, cause: causeOf(thrown) });
}

function strategyOf({ DEADLOCK_STRATEGY: wanted }: Env): DeadlockStrategy {
  const strategy = DEADLOCK_STRATEGIES.find((one) => one === wanted);
  if (strategy === undefined) log("error", "deadlock.unknown_strategy", { wanted });
  return strategy ?? "abort_youngest";
}
