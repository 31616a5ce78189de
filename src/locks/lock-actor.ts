/** The part of an actor that carries a lock: tasks, resources and agents extend it (04-locks-and-deadlocks). */
import { Actor } from "../actor/actor.ts";
import { type Caller, hasRole } from "../actor/caller.ts";
import { type Commit, housekeeper } from "../actor/commit.ts";
import type { ChainedEntry } from "../actor/journal.ts";
import type { ActorKey } from "../actor/remote.ts";
import { fail, ok, type Result } from "../actor/result.ts";
import type { ReadModelChange } from "../db/read-model.ts";
import type { Env } from "../env.ts";
import type { Lock } from "./contract.ts";
import type { AcquireCommand, LockApi } from "./lock-api.ts";
import * as rules from "./lock-book.ts";
import { endedBy, entryIn, LOCK_MIGRATION, LOCK_TIMER, type LockName, LockTable, taskOfSession } from "./lock-table.ts";
import { blockerView, leaseView, lockView } from "./lock-view.ts";
import { QueueFullBackoff } from "./queue-full.ts";
import type { SagaNews } from "./saga-news.ts";
import { Waiters } from "./waiters.ts";

/** An effect that frees what a saga's session holds here or waits for; the same one twice frees nothing else. */
export interface ReleaseEffect extends rules.Session {
  readonly do: "lock.release";
}

export abstract class LockActor extends Actor implements LockApi {
  readonly #table: LockTable;
  readonly #waiters = new Waiters();
  readonly #full = new QueueFullBackoff();
  #book: rules.LockBook | undefined;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#table = new LockTable(ctx.storage.sql, this.place.address);
  }

  // --- what a kind of lock says of itself

  protected abstract get lockName(): LockName;
  /** Permits of a counting lock before any were stored; null for shared/exclusive. */
  protected get initialCapacity(): number | null {
    return null;
  }
  /** Whether this lock exists and this caller may ask for it. */
  protected abstract admit(caller: Caller, command: AcquireCommand): Promise<Result<null>> | Result<null>;
  protected abstract get ownMigrations(): readonly string[];
  protected abstract receiveOther(tx: Commit, caller: Caller, source: ActorKey, body: unknown): void;
  protected abstract onOtherTimer(name: string, now: number): Promise<void> | void;
  /** Tells a task what became of a claim or lease of its saga. */
  protected tellTask(tx: Commit, taskId: string, news: SagaNews): void {
    tx.effect(`task:${taskId}`, news);
  }

  protected override get migrations(): readonly string[] {
    return [LOCK_MIGRATION, ...this.ownMigrations];
  }

  protected get book(): rules.LockBook {
    this.#book ??= this.exists ? this.#table.load(this.initialCapacity) : rules.emptyBook(this.initialCapacity);
    return this.#book;
  }

  // --- RPC

  async acquire(caller: Caller, key: ActorKey, command: AcquireCommand): Promise<Result<Lock>> {
    if (!this.identify(key)) return fail("NOT_FOUND", `there is no ${key}`);
    const replay = this.replayed<Lock>(caller);
    if (replay !== undefined) return replay;
    const admitted = await this.admit(caller, command);
    if (!admitted.ok) return admitted;
    const asked = this.ask(caller, command);
    if (!asked.ok || asked.value.status === "held" || command.hold_ms <= 0) return asked;
    const answer = await this.#held(asked.value.id, command.hold_ms);
    if (answer.ok && caller.idempotency !== undefined) this.commit(caller, (tx) => tx.remember(answer.value));
    return answer;
  }

  async heartbeat(caller: Caller, member: number, extensionMs: number): Promise<Result<Lock>> {
    const owned = this.#owned(caller, member);
    if (!owned.ok) return owned;
    const now = Date.now();
    const step = rules.heartbeat(this.book, member, extensionMs, now);
    this.applyStep(caller, step, now);
    return this.#standing(member, now);
  }

  async release(caller: Caller, member: number, force: { readonly reason: string } | null): Promise<Result<null>> {
    const replay = this.replayed<null>(caller);
    if (replay !== undefined) return replay;
    const owned = this.#owned(caller, member, force !== null);
    if (!owned.ok) return owned;
    const now = Date.now();
    // What a task holds is the task's to give back: it has to hear of it, whoever else does.
    const { agent_id, session_id = "" } = owned.value;
    const forced = agent_id !== caller.who.id || taskOfSession(session_id) !== undefined;
    const step = rules.release(this.book, member, now, { forced });
    const ended = step.value.kind !== "unknown";
    this.applyStep(caller, step, now, ended ? (tx) => tx.remember(null) : undefined, force?.reason);
    return ended ? ok(null) : this.#gone(member, now);
  }

  async readLock(caller: Caller, member: number): Promise<Result<Lock>> {
    const now = Date.now();
    const owned = this.#owned(caller, member, hasRole(caller.who, "admin"));
    if (!owned.ok) return owned;
    this.settleLock(now);
    return this.#standing(member, now);
  }

  // --- for the actors that carry the lock

  /** Asks for the lock, in a commit of its own, or finds that it is held or queued already. */
  protected ask(caller: Caller, command: AcquireCommand, now = Date.now()): Result<Lock> {
    const { hold_ms: _, purpose, ...asked } = command;
    const request = {
      ...asked,
      ...(purpose !== undefined && { purpose }),
      member: this.nextMember,
      queue_max: Number(this.env.LOCK_QUEUE_MAX),
    };
    const step = rules.acquire(this.book, request, now);
    const { value } = step;
    if (value.kind === "full") return this.#queueFull(caller, step, now);
    if (value.kind === "refused") {
      this.applyStep(caller, step, now);
      return fail("RESOURCE_LOCKED", "somebody else holds this lock", {
        ...blockerView(this.place.address, this.lockName, value.blocker),
      });
    }
    const entry = value.kind === "held" ? value.lease : value.waiter;
    const view: Lock = {
      ...lockView(this.place.address, this.lockName, step.book, entry, now),
      ...(value.kind === "held" && value.reentrant && { reentrant: true as const }),
    };
    this.#full.calm();
    this.applyStep(caller, step, now, (tx) => {
      if (entry.member === request.member) tx.member();
      tx.remember(view);
    });
    return ok(view);
  }

  /** Commits a step of the book, with whatever belongs to it, and wakes those who wait for its outcome. */
  protected applyStep(
    caller: Caller,
    step: rules.Step<unknown>,
    now: number,
    along?: (tx: Commit) => void,
    reason?: string,
  ): void {
    const changed = step.touched.length > 0 || step.events.length > 0;
    if (!changed && (along === undefined || caller.idempotency === undefined)) return;
    this.commit(
      caller,
      (tx) => {
        this.applyWithin(tx, step, reason);
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
    else this.receiveOther(tx, caller, source, body);
  }

  /** A step inside a commit that is under way; memory follows once that commit stands. */
  protected applyWithin(tx: Commit, step: rules.Step<unknown>, reason?: string): void {
    const before = this.book;
    tx.afterwards(() => {
      this.#book = step.book;
      this.#waiters.wake(step.events.flatMap((event) => (event.kind === "queue_full" ? [] : [entryIn(event).member])));
    });
    this.#table.write(tx, before, step, this.lockName, reason);
    this.#tellTasks(tx, step, reason);
  }

  /** Frees what a session holds here, or withdraws its claim. */
  protected releaseSession(tx: Commit, session: rules.Session): void {
    const entry = [...this.book.holders, ...this.book.queue].find((one) => rules.isSameSession(one, session));
    if (entry !== undefined) this.applyWithin(tx, rules.release(this.book, entry.member, tx.now));
  }

  protected override onTimer(name: string, now: number): Promise<void> | void {
    if (name !== LOCK_TIMER) return this.onOtherTimer(name, now);
    this.settleLock(now);
    this.commit(housekeeper(this.place.workspace), (tx) => tx.timer(LOCK_TIMER, rules.nextDueAt(this.book)), now);
  }

  protected override project(entries: readonly ChainedEntry[]): readonly ReadModelChange[] {
    return this.#table.project(entries, this.book, this.lockName);
  }

  // --- internals

  /** The entry, if the caller may act on it: its own principal; an admin by force; our own sagas. */
  #owned(caller: Caller, member: number, force = false): Result<{ agent_id: string; session_id?: string }> {
    const now = Date.now();
    const owned = rules.entryOf(this.book, member) ?? (this.exists ? this.#table.ended(member, now) : undefined);
    if (owned === undefined) return this.#gone(member, now);
    const { who } = caller;
    if (who.kind !== "system" && owned.agent_id !== who.id && !force) {
      return fail("NOT_LOCK_HOLDER", "somebody else holds this lock");
    }
    return ok(owned);
  }

  #standing(member: number, now: number): Result<Lock> {
    const entry = rules.entryOf(this.book, member);
    return entry === undefined
      ? this.#gone(member, now)
      : ok(lockView(this.place.address, this.lockName, this.book, entry, now));
  }

  #gone(member: number, now: number): Result<never> {
    const ended = this.exists ? this.#table.ended(member, now) : undefined;
    if (ended === undefined) return fail("LOCK_NOT_FOUND", "there is no such lease or claim");
    const details = { ended_reason: ended.reason };
    if (ended.reason === "deadlock") return fail("DEADLOCK_DETECTED", "this was given up to end a deadlock", details);
    return ended.reason === "expired"
      ? fail("LOCK_EXPIRED", "this lease has expired", details)
      : fail("LOCK_NOT_FOUND", `this lease or claim has ended: ${ended.reason}`, details);
  }

  async #held(id: string, holdMs: number): Promise<Result<Lock>> {
    const member = Number.parseInt(id.slice(-8), 16);
    await this.#waiters.until(member, holdMs);
    const now = Date.now();
    this.settleLock(now);
    const ended = this.#table.ended(member, now);
    if (ended?.reason === "wait_timeout") {
      const [holder] = this.book.holders;
      return fail("RESOURCE_LOCKED", "somebody else held this lock for as long as you would wait", {
        ...(holder !== undefined && blockerView(this.place.address, this.lockName, holder)),
      });
    }
    return this.#standing(member, now);
  }

  #queueFull(caller: Caller, step: rules.Step<unknown>, now: number): Result<never> {
    const { retryAfterSeconds, tell } = this.#full.hit(now);
    const events = step.events.filter((event) => tell || event.kind !== "queue_full");
    this.applyStep(caller, { ...step, events }, now);
    return fail("QUEUE_FULL", "too many wait for this lock already", { retry_after_seconds: retryAfterSeconds });
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
        const why = reason === undefined ? gone.reason : `${gone.reason}: ${reason}`;
        this.tellTask(tx, taskId, { do: "lease.lost", lock_id: id, session_id: entry.session_id, reason: why });
      }
    }
  }
}

function isRelease(body: unknown): body is ReleaseEffect {
  return typeof body === "object" && body !== null && "do" in body && body.do === "lock.release";
}
