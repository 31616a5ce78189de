/** A lock with a clock and a member counter around it, so that tests of the rules read as stories. */
import {
  type Acquired,
  type AcquireRequest,
  abort,
  abortSession,
  acquire,
  downgrade,
  type Entry,
  emptyBook,
  heartbeat,
  isLease,
  type LockBook,
  type LockEvent,
  type LockMode,
  letIn,
  release,
  type Step,
  setCapacity,
  settle,
} from "./lock-book.ts";

export type Asking = Partial<Omit<AcquireRequest, "member" | "mode">>;

export class LockScenario {
  now = 1_000_000;
  events: readonly LockEvent[] = [];
  touched: readonly number[] = [];
  book: LockBook;
  #member = 0;

  constructor(capacity: number | null = null) {
    this.book = emptyBook(capacity);
  }

  /** A session named after its agent asks: TTL 30 s and at most 60 s of waiting unless told otherwise. */
  ask(session_id: string, mode: LockMode, asking: Asking = {}): Acquired {
    this.#member += 1;
    const defaults = {
      agent_id: session_id,
      session_id,
      ttl_ms: 30_000,
      wait_ms: 60_000,
      priority: 50,
      queue_max: 1000,
    };
    return this.#take(acquire(this.book, { member: this.#member, mode, ...defaults, ...asking }, this.now));
  }

  /** Lets `ms` pass (or go back) without anybody looking at the lock. */
  pass(ms: number): void {
    this.now += ms;
  }

  settle(): void {
    this.#take(settle(this.book, this.now));
  }

  heartbeat(session: string, extension_ms = 30_000) {
    return this.#take(heartbeat(this.book, this.memberOf(session), extension_ms, this.now));
  }

  release(session: string, forced = false) {
    return this.#take(release(this.book, this.memberOf(session), this.now, { forced }));
  }

  releaseMember(member: number) {
    return this.#take(release(this.book, member, this.now));
  }

  downgrade(session: string) {
    return this.#take(downgrade(this.book, this.memberOf(session), this.now));
  }

  abort(session: string) {
    return this.#take(abort(this.book, this.memberOf(session), this.now));
  }

  abortAll(session_id: string, before: number, members: readonly number[] = []) {
    return this.#take(abortSession(this.book, { agent_id: session_id, session_id }, { before, members }, this.now));
  }

  letIn(session: string) {
    return this.#take(letIn(this.book, this.memberOf(session), this.now));
  }

  resize(capacity: number): void {
    this.#take(setCapacity(this.book, capacity, this.now));
  }

  entry(session: string): Entry | undefined {
    return [...this.book.holders, ...this.book.queue].find((entry) => entry.session_id === session);
  }

  /** -1, which no entry has, for a session that is not in the book. */
  memberOf(session: string): number {
    return this.entry(session)?.member ?? -1;
  }

  tokenOf(session: string): number | undefined {
    const entry = this.entry(session);
    return entry && isLease(entry) ? entry.token : undefined;
  }

  get holders(): string[] {
    return this.book.holders.map((lease) => lease.session_id);
  }

  get queue(): string[] {
    return this.book.queue.map((claim) => claim.session_id);
  }

  /** The kinds of what the last operation did, in order. */
  get happened(): string[] {
    return this.events.map((event) => event.kind);
  }

  #take<T>(step: Step<T>): T {
    this.book = step.book;
    this.events = step.events;
    this.touched = step.touched;
    return step.value;
  }
}
