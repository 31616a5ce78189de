/** The shell of a task: its record in memory and on disk, its commits, its timers, its own lock. Rules live elsewhere. */
import type { Caller } from "../actor/caller.ts";
import { type Commit, housekeeper } from "../actor/commit.ts";
import { idOf } from "../actor/ids.ts";
import type { ChainedEntry, Entry } from "../actor/journal.ts";
import { fail, ok, type Result } from "../actor/result.ts";
import type { ReadModelChange } from "../db/read-model.ts";
import type { Env } from "../env.ts";
import { LockActor } from "../locks/lock-actor.ts";
import type { ReleaseEffect } from "../locks/lock-shell.ts";
import type { LockName } from "../locks/lock-table.ts";
import type { SagaNews } from "../locks/saga-news.ts";
import type { EventBody } from "../realtime/channel-api.ts";
import { noted } from "../realtime/notes.ts";
import { taskChannelEventOf } from "./events.ts";
import { inFull, secondEvents, withUserNotes } from "./notes.ts";
import { pastExecutions } from "./past-executions.ts";
import type { TaskRecord } from "./task.ts";
import { taskRows } from "./task-rows.ts";
import { readTask, writeTask } from "./task-store.ts";
import { timersOf } from "./task-timers.ts";
import type { Transition, Turn } from "./transition.ts";

export abstract class TaskShell extends LockActor {
  #task: TaskRecord | undefined;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.identify(`task:${idOf(this.place.address)}`);
    if (this.exists) this.#task = readTask(this.store);
  }

  /** What a lock says of a claim or lease of one of this task's sagas. */
  protected abstract hear(caller: Caller, news: SagaNews): Promise<void>;
  /** Called after every commit of a transition: what the task does by itself now. */
  protected abstract proceed(): Promise<void>;

  protected get task(): TaskRecord | undefined {
    return this.#task;
  }

  protected override present(): Result<TaskRecord> {
    if (this.#task === undefined || this.#task.deleted) return fail("TASK_NOT_FOUND", "there is no such task");
    return ok(this.#task);
  }

  protected turn(caller: Caller): Turn {
    return { caller, now: Date.now(), mint: () => idOf(this.place.address, this.member()) };
  }

  /**
   * One command: its stored answer if it came before, else what the rule decides, committed with the answer. A rule that says
   * null changes nothing.
   */
  protected decide<T extends Transition | null, V>(
    caller: Caller,
    rule: (task: TaskRecord, turn: Turn) => Result<T>,
    view: (task: TaskRecord, done: T) => V,
  ): Result<V> {
    const replay = this.replayed<V>(caller);
    if (replay !== undefined) return replay;
    const task = this.present();
    if (!task.ok) return task;
    const turn = this.turn(caller);
    const decided = rule(task.value, turn);
    if (!decided.ok) return decided;
    const done = decided.value;
    return this.#answered(turn, done, view(done?.task ?? task.value, done));
  }

  /** What was decided already, committed with its answer. */
  protected answer<V>(turn: Turn, decided: Result<Transition>, view: (task: TaskRecord) => V): Result<V> {
    return decided.ok ? this.#answered(turn, decided.value, view(decided.value.task)) : decided;
  }

  #answered<V>({ caller, now }: Turn, transition: Transition | null, value: V): Result<V> {
    this.settle(caller, transition, (tx) => tx.remember(value), now);
    return ok(value);
  }

  /** Commits a transition. Effects to this very task are its own lock's. */
  protected settle(
    caller: Caller,
    transition: Transition | null,
    along?: (tx: Commit) => void,
    now = Date.now(),
  ): void {
    if (transition === null) return;
    this.commit(
      caller,
      (tx) => {
        this.write(tx, transition);
        along?.(tx);
      },
      now,
    );
  }

  /** Makes a transition part of a commit. */
  protected write(tx: Commit, { task, happenings, effects }: Transition): void {
    tx.afterwards(() => {
      this.#task = task;
      if (task.config.executor !== undefined) this.ctx.waitUntil(this.proceed());
    });
    const before = this.task;
    writeTask(tx, before, task);
    const journaled = tx.entries.length;
    for (const happening of happenings) tx.journal(inFull(happening, task));
    for (const event of secondEvents(before, task)) tx.journal(noted(event));
    for (const { target, body } of withUserNotes(effects, tx.entries.slice(journaled), task)) {
      if (target === this.key) this.releaseSession(tx, body as ReleaseEffect);
      else tx.effect(target, body);
    }
    this.setTimers(tx, task);
  }

  /** Timers follow from the state; nothing else sets them. */
  protected setTimers(tx: Commit, task: TaskRecord): void {
    for (const { name, due_at, lazy } of timersOf(task, tx.now)) {
      if (lazy && due_at !== undefined) tx.timerBy(name, due_at);
      else tx.timer(name, due_at);
    }
  }

  // --- what a lock's actor must say of itself

  protected override get lockName(): LockName {
    return { resource_type: "task", resource_id: idOf(this.place.address) };
  }

  protected override admit(): Result<null> {
    const task = this.present();
    return task.ok ? ok(null) : task;
  }

  protected override get ownMigrations(): readonly string[] {
    return [];
  }

  protected override get keepsWholeJournal(): boolean {
    return true;
  }

  protected override eventOf(entry: Entry): EventBody | null {
    return taskChannelEventOf(entry);
  }

  protected override watchable(): Result<null> {
    const task = this.present();
    return task.ok ? ok(null) : task;
  }

  protected override project(entries: readonly ChainedEntry[]): readonly ReadModelChange[] {
    // An attempt may have ended and the next one begun before the first was shipped: then the record has forgotten it.
    const ended = entries.some(({ entry }) => entry.action === "task.retrying");
    const told = entries.map(({ entry }) => entry);
    const rows = this.#task === undefined ? [] : taskRows(this.#task, told);
    return [...rows, ...(ended ? this.#past() : []), ...super.project(entries)];
  }

  protected override standing(): readonly ReadModelChange[] {
    return [...this.#past(), ...super.standing()];
  }

  #past(): readonly ReadModelChange[] {
    const task = this.#task;
    if (task === undefined || task.attempts < 2) return [];
    return pastExecutions(task, this.store.chain(0, Number.MAX_SAFE_INTEGER));
  }

  /** News from a lock that one of this task's sagas holds or awaits. */
  protected override receiveOther(tx: Commit, caller: Caller, source: string, body: unknown): void {
    const news = body as SagaNews;
    if (news.do !== "lease.granted" && news.do !== "lease.lost") throw new Error(`a task knows no news of ${source}`);
    tx.afterwards(() => this.ctx.waitUntil(this.hear(caller, news)));
  }

  protected override tellTask(tx: Commit, taskId: string, news: SagaNews): void {
    if (taskId === this.lockName.resource_id) {
      tx.afterwards(() => this.ctx.waitUntil(this.hear(housekeeper(this.place.workspace), news)));
    } else super.tellTask(tx, taskId, news);
  }
}
