/** The part of an actor that carries a lock: tasks, resources and agents extend it (04-locks-and-deadlocks). */
import { type Caller, hasRole, withoutKey } from "../actor/caller.ts";
import type { Commit } from "../actor/commit.ts";
import type { ActorKey } from "../actor/remote.ts";
import { fail, ok, type Result } from "../actor/result.ts";
import type { Lease, Lock, LockInfo, Verification } from "./contract.ts";
import type { AcquireCommand, Attempt, AttemptCommand, LockApi, ReleaseCommand } from "./lock-api.ts";
import * as rules from "./lock-book.ts";
import { memberOf } from "./lock-id.ts";
import { taskOfSession } from "./lock-table.ts";
import { blockerView, isPending, leaseView, lockInfo, lockView } from "./lock-view.ts";
import { QueueFullBackoff } from "./queue-full.ts";
import { SuspectLock } from "./suspect-lock.ts";

export abstract class LockActor extends SuspectLock implements LockApi {
  readonly #full = new QueueFullBackoff();

  /** Whether this lock exists and this caller may ask for it. */
  protected abstract admit(caller: Caller, command: AcquireCommand): Promise<Result<null>> | Result<null>;

  /** Whether there is such a lock, for those who only ask about it. */
  protected present(): Promise<Result<unknown>> | Result<unknown> {
    return ok(null);
  }

  // --- RPC

  async acquire(caller: Caller, key: ActorKey, command: AcquireCommand): Promise<Result<Lock>> {
    if (!this.identify(key)) return fail("NOT_FOUND", `there is no ${key}`);
    const replay = this.replayed<Lock>(caller);
    if (replay !== undefined) return replay;
    const admitted = await this.admit(caller, command);
    if (!admitted.ok) return admitted;
    const asked = this.ask(caller, command);
    // Whoever asks for what it has is answered at once, though it waits for more.
    if (!asked.ok || asked.value.reentrant || !isPending(asked.value) || command.hold_ms <= 0) return asked;
    const answer = await this.#held(asked.value, command.hold_ms);
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

  async release(caller: Caller, member: number, { force, reason }: ReleaseCommand): Promise<Result<null>> {
    const replay = this.replayed<null>(caller);
    if (replay !== undefined) return replay;
    const owned = this.#owned(caller, member, force);
    if (!owned.ok) return owned;
    const now = Date.now();
    // What a task holds is the task's to give back: it has to hear of it, whoever else does.
    const { agent_id, session_id = "" } = owned.value;
    const forced = agent_id !== caller.who.id || taskOfSession(session_id) !== undefined;
    const step = rules.release(this.book, member, now, { forced });
    const ended = step.value.kind !== "unknown";
    this.applyStep(caller, step, now, ended ? (tx) => tx.remember(null) : undefined, { reason });
    return ended ? ok(null) : this.#gone(member, now);
  }

  async downgrade(caller: Caller, member: number): Promise<Result<Lock>> {
    const replay = this.replayed<Lock>(caller);
    if (replay !== undefined) return replay;
    const owned = this.#owned(caller, member);
    if (!owned.ok) return owned;
    const now = Date.now();
    // A task's lock is exclusive, whoever gives up what.
    const isTask = this.lockName.resource_type === "task";
    const step = isTask ? rules.settle(this.book, now) : rules.downgrade(this.book, member, now);
    const entry = rules.entryOf(step.book, member);
    const remember = entry && ((tx: Commit) => tx.remember(this.#view(step.book, entry, now)));
    this.applyStep(caller, step, now, remember);
    return this.#standing(member, now);
  }

  async attempt(caller: Caller, key: ActorKey, command: AttemptCommand): Promise<Result<Attempt>> {
    if (!this.identify(key)) return fail("NOT_FOUND", `there is no ${key}`);
    const attempt = { ...command, wait_ms: 0, hold_ms: 0 };
    const admitted = await this.admit(caller, attempt);
    if (!admitted.ok) return admitted;
    const fresh = this.nextMember;
    const asked = this.ask(withoutKey(caller), attempt);
    if (!asked.ok) return asked;
    const { reentrant, id } = asked.value;
    const took = reentrant ? "nothing" : memberOf(id) === fresh ? "lease" : "upgrade";
    return ok({ lease: leaseView(asked.value), took });
  }

  async recall(caller: Caller, key: ActorKey): Promise<Result<readonly Lease[]> | null> {
    return this.identify(key) ? (this.replayed<readonly Lease[]>(caller) ?? null) : null;
  }

  async keep(caller: Caller, key: ActorKey, answer: readonly Lease[]): Promise<void> {
    if (this.identify(key)) this.commit(caller, (tx) => tx.remember(answer));
  }

  async verify(key: ActorKey, token: number): Promise<Result<Verification>> {
    if (!this.identify(key)) return fail("NOT_FOUND", `there is no ${key}`);
    const present = await this.present();
    if (!present.ok) return present;
    const now = Date.now();
    this.settleLock(now);
    return ok({ current: rules.isCurrent(this.book, token, now), highest: this.book.token });
  }

  async infos(members: readonly number[], most: number): Promise<LockInfo[]> {
    if (!this.exists) return [];
    const now = Date.now();
    this.settleLock(now);
    const wanted = this.book.holders.filter(({ member }) => members.includes(member));
    return wanted.map((lease) => lockInfo(this.place.address, this.lockName, this.book, lease, now, most));
  }

  async readLock(caller: Caller, member: number): Promise<Result<Lock>> {
    const now = Date.now();
    const owned = this.#owned(caller, member, hasRole(caller.who, "admin"));
    if (!owned.ok) return owned;
    this.settleLock(now);
    return this.#standing(member, now);
  }

  // --- for the actors that carry the lock

  /**
   * Asks for the lock, in a commit of its own, or finds that it is held or queued already. What is granted or queued anew
   * takes `along` into its commit.
   */
  protected ask(
    caller: Caller,
    command: AcquireCommand,
    along?: (tx: Commit, lock: Lock) => void,
    now = Date.now(),
  ): Result<Lock> {
    const request = this.#request(caller, command);
    const step = rules.acquire(this.book, request, now);
    const { value } = step;
    if (value.kind === "full") return this.#queueFull(caller, step, now);
    if (value.kind === "refused") {
      this.applyStep(caller, step, now);
      const does = rules.isLease(value.blocker) ? "holds this lock" : "waits for this lock ahead of you";
      return fail("RESOURCE_LOCKED", `somebody else ${does}`, {
        ...blockerView(this.place.address, this.lockName, step.book, value.blocker),
      });
    }
    const entry = value.kind === "held" ? value.lease : value.waiter;
    const view: Lock = {
      ...this.#view(step.book, entry, now),
      ...(value.kind === "held" && value.reentrant && { reentrant: true as const }),
    };
    this.#full.calm();
    this.applyStep(caller, step, now, (tx) => {
      if (entry.member === request.member) tx.member();
      tx.remember(view);
      along?.(tx, view);
    });
    return ok(view);
  }

  /** Whether a session that has nothing of this lock yet would be granted it now. */
  protected isFree(caller: Caller, command: AcquireCommand): boolean {
    const { value } = rules.acquire(this.book, this.#request(caller, command), Date.now());
    return value.kind === "held" && !value.reentrant;
  }

  // --- internals

  #request(caller: Caller, { hold_ms: _, purpose, ...asked }: AcquireCommand) {
    return {
      ...asked,
      ...(purpose !== undefined && { purpose }),
      ...(isPerson(caller, asked) && { kind: "user" as const }),
      member: this.nextMember,
      queue_max: Number(this.env.LOCK_QUEUE_MAX),
    };
  }

  /** The entry, if the caller may act on it: its own principal; an admin by force; our own sagas. */
  #owned(caller: Caller, member: number, force = false): Result<{ agent_id: string; session_id?: string }> {
    const now = Date.now();
    const owned = rules.entryOf(this.book, member) ?? (this.exists ? this.table.ended(member, now) : undefined);
    if (owned === undefined) return this.#gone(member, now);
    const { who } = caller;
    if (who.kind !== "system" && owned.agent_id !== who.id && !force) {
      return fail("NOT_LOCK_HOLDER", "somebody else holds this lock");
    }
    return ok(owned);
  }

  #standing(member: number, now: number): Result<Lock> {
    const entry = rules.entryOf(this.book, member);
    return entry === undefined ? this.#gone(member, now) : ok(this.#view(this.book, entry, now));
  }

  #view(book: rules.LockBook, entry: rules.Entry, now: number): Lock {
    return lockView(this.place.address, this.lockName, book, entry, now);
  }

  #gone(member: number, now: number): Result<never> {
    const ended = this.exists ? this.table.ended(member, now) : undefined;
    if (ended === undefined) return fail("LOCK_NOT_FOUND", "there is no such lease or claim");
    if (ended.notice !== undefined) {
      const { deadlock, retry_after_ms } = ended.notice;
      return fail("DEADLOCK_DETECTED", "this was given up to end a deadlock", { ...deadlock, retry_after_ms });
    }
    const details = { ended_reason: ended.reason };
    return ended.reason === "expired"
      ? fail("LOCK_EXPIRED", "this lease has expired", details)
      : fail("LOCK_NOT_FOUND", `this lease or claim has ended: ${ended.reason}`, details);
  }

  async #held({ id, upgrade_pending }: Lock, holdMs: number): Promise<Result<Lock>> {
    const member = memberOf(id);
    await this.waiters.until(member, holdMs);
    const now = Date.now();
    this.settleLock(now);
    const standing = this.#standing(member, now);
    // An upgrade that waited too long leaves its lease as it was.
    const gaveUp = standing.ok
      ? upgrade_pending === true && standing.value.mode === "shared" && !isPending(standing.value)
      : this.table.ended(member, now)?.reason === "wait_timeout";
    if (!gaveUp) return standing;
    const holder = this.book.holders.find((lease) => lease.member !== member);
    return fail("RESOURCE_LOCKED", "somebody else held this lock for as long as you would wait", {
      ...(holder !== undefined && blockerView(this.place.address, this.lockName, this.book, holder)),
    });
  }

  #queueFull(caller: Caller, step: rules.Step<unknown>, now: number): Result<never> {
    const { retryAfterSeconds, tell } = this.#full.hit(now);
    const events = step.events.filter((event) => tell || event.kind !== "queue_full");
    this.applyStep(caller, { ...step, events }, now);
    return fail("QUEUE_FULL", "too many wait for this lock already", { retry_after_seconds: retryAfterSeconds });
  }
}

/** Whether a person asks for themselves. */
function isPerson({ who }: Caller, { agent_id }: Pick<AcquireCommand, "agent_id">): boolean {
  return who.kind === "user" && who.id === agent_id;
}
