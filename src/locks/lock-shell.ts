/** The shell of a lock: its book in memory and on disk, its commits, its timers, its reports. Rules live elsewhere. */
import type { Caller } from "../actor/caller.ts";
import { ChannelActor } from "../actor/channel-actor.ts";
import { type Commit, housekeeper } from "../actor/commit.ts";
import { parseId } from "../actor/ids.ts";
import type { ChainedEntry, Entry } from "../actor/journal.ts";
import { nextLife } from "../actor/lives.ts";
import type { ActorKey } from "../actor/remote.ts";
import { Waiters } from "../actor/waiters.ts";
import type { ReadModelChange } from "../db/read-model.ts";
import { coordinatorOf } from "../deadlocks/coordinator-api.ts";
import { isContended } from "../deadlocks/lock-report.ts";
import type { ToldEffect } from "../deadlocks/notice.ts";
import type { Env } from "../env.ts";
import type { EventBody } from "../realtime/channel-api.ts";
import { type NotesEffect, noted, notesEffects } from "../realtime/notes.ts";
import { claimantKey, claimantNotes } from "./claimants.ts";
import type { Lock } from "./contract.ts";
import { lockEventOf } from "./events.ts";
import * as rules from "./lock-book.ts";
import { LockReporting } from "./lock-reporting.ts";
import {
  type Cause,
  endedBy,
  entryIn,
  LOCK_MIGRATIONS,
  LOCK_TIMER,
  type LockName,
  LockTable,
  taskOfSession,
} from "./lock-table.ts";
import { leaseView, lockView } from "./lock-view.ts";
import type { SagaNews } from "./saga-news.ts";

/** An effect that frees what a saga's session holds here or waits for; the same one twice frees nothing else. */
export interface ReleaseEffect extends rules.Session {
  readonly do: "lock.release";
}

/** While a lock is contended it repeats to the coordinator how it stands: soon at first, in case that nobody heard of it. */
const REPORT_TIMER = "report";
const FIRST_BEAT_MS = 5_000;
const BEAT_MS = 30_000;
/** How many lives of the lock have reported. */
const EPOCH_DOCUMENT = "reporting";

export abstract class LockShell extends ChannelActor {
  protected readonly table: LockTable;
  protected readonly waiters = new Waiters<number>();
  protected readonly reporting: LockReporting;
  #book: rules.LockBook | undefined;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const { address, workspace } = this.place;
    this.table = new LockTable(ctx.storage.sql, address);
    this.reporting = new LockReporting({
      epoch: () => this.#nextEpoch(),
      key: () => this.key,
      address,
      settled: () => {
        this.settleLock(Date.now());
        return this.book;
      },
      send: (report) => coordinatorOf(env, workspace).report(report),
    });
  }

  // --- what a kind of lock says of itself

  protected abstract get lockName(): LockName;
  /** Permits of a counting lock before any were stored; null for shared/exclusive. */
  protected get initialCapacity(): number | null {
    return null;
  }
  protected abstract get ownMigrations(): readonly string[];
  protected abstract receiveOther(tx: Commit, caller: Caller, source: ActorKey, body: unknown): void;
  protected abstract onOtherTimer(name: string, now: number): Promise<void> | void;
  /** Tells a task what became of a claim or lease of its saga. */
  protected tellTask(tx: Commit, taskId: string, news: SagaNews): void {
    tx.effect(`task:${taskId}`, news);
  }

  protected override get migrations(): readonly string[] {
    return [...LOCK_MIGRATIONS, ...this.ownMigrations];
  }

  protected get book(): rules.LockBook {
    if (this.#book !== undefined) return this.#book;
    this.#book = this.exists ? this.table.load(this.initialCapacity) : rules.emptyBook(this.initialCapacity);
    this.reporting.loaded(this.#book);
    return this.#book;
  }

  // --- for the actors that carry the lock

  /** Commits a step of the book, with whatever belongs to it, and wakes those who wait for its outcome. */
  protected applyStep(
    caller: Caller,
    step: rules.Step<unknown>,
    now: number,
    along?: (tx: Commit) => void,
    cause: Cause = {},
  ): void {
    const changed = step.touched.length > 0 || step.events.length > 0;
    if (!changed && (along === undefined || caller.idempotency === undefined)) return;
    this.commit(
      caller,
      (tx) => {
        this.applyWithin(tx, step, cause);
        along?.(tx);
      },
      now,
    );
  }

  /** Drops what is over and grants what can be granted, if there is any such thing. */
  protected settleLock(now: number): void {
    this.applyStep(housekeeper(this.place.workspace), rules.settle(this.book, now), now);
  }

  protected currentLock(now: number): Lock | undefined {
    this.settleLock(now);
    const [first] = this.book.holders;
    return first && lockView(this.place.address, this.lockName, this.book, first, now);
  }

  // --- kit

  protected override receive(tx: Commit, caller: Caller, source: ActorKey, body: unknown): void {
    if (isRelease(body)) this.releaseSession(tx, body);
    else if (isTold(body)) this.#told(tx, body);
    else this.receiveOther(tx, caller, source, body);
  }

  /** A step inside a commit that is under way; memory follows once that commit stands. */
  protected applyWithin(tx: Commit, step: rules.Step<unknown>, cause: Cause = {}): void {
    const before = this.book;
    tx.afterwards(() => {
      this.#book = step.book;
      this.waiters.wake(step.events.flatMap(wokenBy));
      this.reporting.changed(step.book);
    });
    const journaled = tx.entries.length;
    this.table.write(tx, before, step, this.lockName, cause);
    const told = claimantNotes(tx.entries.slice(journaled), this.key);
    for (const { target, body } of notesEffects(told)) tx.effect(target, body);
    const contended = isContended(step.book);
    if (contended !== isContended(before)) tx.timer(REPORT_TIMER, contended ? tx.now + FIRST_BEAT_MS : undefined);
    this.#tellTasks(tx, step, cause.reason);
  }

  /** Frees what a session holds here, or withdraws its claim. */
  protected releaseSession(tx: Commit, session: rules.Session): void {
    const entry = [...this.book.holders, ...this.book.queue].find((one) => rules.isSameSession(one, session));
    if (entry !== undefined) this.applyWithin(tx, rules.release(this.book, entry.member, tx.now));
  }

  protected override onTimer(name: string, now: number): Promise<void> | void {
    if (name !== LOCK_TIMER && name !== REPORT_TIMER) return this.onOtherTimer(name, now);
    this.settleLock(now);
    if (name === REPORT_TIMER) this.reporting.beat();
    const next = name === LOCK_TIMER ? rules.nextDueAt(this.book) : isContended(this.book) ? now + BEAT_MS : undefined;
    this.commit(housekeeper(this.place.workspace), (tx) => tx.timer(name, next), now);
  }

  /** A lock that is taken again and again keeps its timer; one that is left alone must not wake its actor when nothing is to expire. */
  protected override clearUp(tx: Commit): void {
    if (rules.nextDueAt(this.book) === undefined) tx.timer(LOCK_TIMER, undefined);
  }

  protected override eventOf(entry: Entry): EventBody | null {
    return lockEventOf(entry);
  }

  protected override project(entries: readonly ChainedEntry[]): readonly ReadModelChange[] {
    return this.table.project(entries, this.book, this.lockName);
  }

  protected override standing(): readonly ReadModelChange[] {
    return this.table.standing(this.book, this.lockName);
  }

  // --- internals

  #nextEpoch(): number {
    // What has never been used has no life that could be taken for another one.
    if (!this.exists) return 0;
    const commit = (work: (tx: Commit) => void) => this.commit(housekeeper(this.place.workspace), work);
    return nextLife({ store: this.store, commit, document: EPOCH_DOCUMENT });
  }

  /** A deadlock is over: its victim is answered now. The lock that they gave up waiting for tells them, too. */
  #told(tx: Commit, { notice, claim }: ToldEffect): void {
    this.table.tell(notice);
    const waited = parseId(claim);
    const ended = waited?.address === this.place.address ? this.table.ended(waited.member, tx.now) : undefined;
    const target = ended && claimantKey(ended.agent_id, ended.kind);
    const { deadlock, retry_after_ms } = notice;
    const note = { event: "lock:deadlock_detected", payload: { ...deadlock, retry_after_ms } };
    if (target === this.key) tx.journal(noted(note));
    else if (target !== undefined) tx.effect(target, { do: "notes", notes: [note] } satisfies NotesEffect);
    const members = this.table.endedIn(notice.case_id);
    tx.afterwards(() => this.waiters.wake(members));
  }

  #tellTasks(tx: Commit, step: rules.Step<unknown>, reason?: string): void {
    for (const event of step.events) {
      if (event.kind === "queue_full") continue;
      const entry = entryIn(event);
      const taskId = taskOfSession(entry.session_id);
      if (taskId === undefined) continue;
      if (event.kind === "acquired" && event.waited) {
        const lock = lockView(this.place.address, this.lockName, step.book, entry, tx.now);
        this.tellTask(tx, taskId, { do: "lease.granted", lease: leaseView(lock), session_id: entry.session_id });
      }
      const gone = endedBy(event, step.book);
      if (gone !== undefined && gone.reason !== "released" && gone.reason !== "cancelled") {
        const { id } = lockView(this.place.address, this.lockName, step.book, gone.entry, tx.now);
        const why = gone.reason === "forced" && reason !== undefined ? `forced: ${reason}` : gone.reason;
        this.tellTask(tx, taskId, { do: "lease.lost", lock_id: id, session_id: entry.session_id, reason: why });
      }
    }
  }
}

function isRelease(body: unknown): body is ReleaseEffect {
  return typeof body === "object" && body !== null && "do" in body && body.do === "lock.release";
}

function isTold(body: unknown): body is ToldEffect {
  return typeof body === "object" && body !== null && "do" in body && body.do === "deadlock.told";
}

/** Whose open request is answered by this event. A deadlock's victim is told once all that it had is released. */
function wokenBy(event: rules.LockEvent): number[] {
  switch (event.kind) {
    case "queue_full":
    case "aborted":
    case "queued":
    case "mode_changed":
      return [];
    default:
      return [entryIn(event).member];
  }
}
