/** Real lock books with their reports, and the whole truth about who waits for whom in them. For tests only. */
import { hashedAddress, idOf, parseId } from "../actor/ids.ts";
import {
  type Acquired,
  abort,
  abortSession,
  acquire,
  type Claim,
  downgrade,
  emptyBook,
  isLease,
  isSameSession,
  isUpgrading,
  type Lease,
  type LockBook,
  type LockMode,
  letIn,
  release,
  type Session,
  type Step,
  setCapacity,
  settle,
  waitersOf,
} from "../locks/lock-book.ts";
import { type Answer, type Question, verdictOf } from "./confirmation.ts";
import { sessionKey } from "./graph-node.ts";
import { isContended, type Reporting, reportOf, silent, snapshotOf } from "./lock-report.ts";
import type { Report, Snapshot } from "./snapshot.ts";

interface WorldLock {
  book: LockBook;
  reporting: Reporting;
  /** When each claim was ended by a deadlock: an abort that is repeated is answered as the first one was. */
  readonly aborted: Map<string, number>;
}

export interface Asking {
  readonly ttl_ms?: number;
  readonly wait_ms?: number;
  readonly priority?: number;
}

/** An agent with the one session that bears its name. */
export function sessionOf(name: string): Session {
  return { agent_id: name, session_id: name };
}

export class LockWorld {
  now = 1_000_000;
  /** How often clients changed anything. */
  changes = 0;
  readonly #locks = new Map<string, WorldLock>();
  #member = 0;

  get names(): string[] {
    return [...this.#locks.keys()];
  }

  /** The lock of that name, made at first sight; `capacity` as in `emptyBook`. */
  lock(name: string, capacity: number | null = null): WorldLock {
    const known = this.#locks.get(name);
    if (known !== undefined) return known;
    const address = hashedAddress("resource", name);
    const lock = { book: emptyBook(capacity), reporting: silent(name, address, 1), aborted: new Map<string, number>() };
    this.#locks.set(name, lock);
    return lock;
  }

  ask(session: string, name: string, mode: LockMode = "exclusive", asking: Asking = {}): Acquired {
    this.#member += 1;
    this.changes += 1;
    const defaults = { ttl_ms: 1e12, wait_ms: 1e12, priority: 50, queue_max: 1e6 };
    const request = { ...sessionOf(session), member: this.#member, mode, ...defaults, ...asking };
    return this.#take(name, acquire(this.lock(name).book, request, this.now));
  }

  /** Gives up the lease or claim, if there is one. */
  release(session: string, name: string): void {
    this.changes += 1;
    const entry = this.entry(session, name);
    if (entry !== undefined) this.#take(name, release(this.lock(name).book, entry.member, this.now));
  }

  downgrade(session: string, name: string): void {
    this.changes += 1;
    const entry = this.entry(session, name);
    if (entry !== undefined) this.#take(name, downgrade(this.lock(name).book, entry.member, this.now));
  }

  resize(name: string, capacity: number): void {
    this.#take(name, setCapacity(this.lock(name).book, capacity, this.now));
  }

  entry(session: string, name: string): Lease | Claim | undefined {
    const { holders, queue } = this.lock(name).book;
    return [...holders, ...queue].find((entry) => isSameSession(entry, sessionOf(session)));
  }

  idIn(session: string, name: string): string {
    return idOf(this.lock(name).reporting.address, this.entry(session, name)?.member ?? 0);
  }

  isWaiting(session: string): boolean {
    return this.names.some((name) =>
      waitersOf(this.lock(name).book).some((waiter) => isSameSession(waiter, sessionOf(session))),
    );
  }

  /** The lock's actor begins a new life: it has its book, but knows no more what it reported. One of a lower `epoch` is not believed. */
  restart(name: string, epoch = this.lock(name).reporting.epoch + 1): void {
    const lock = this.lock(name);
    lock.reporting = silent(name, lock.reporting.address, epoch);
  }

  // --- what a lock tells and is asked

  report(name: string): Report | undefined {
    const lock = this.#settled(name);
    const { reporting, report } = reportOf(lock.reporting, lock.book);
    lock.reporting = reporting;
    return report;
  }

  /** All that there is to report, of all locks. */
  reports(): Report[] {
    return this.names.flatMap((name) => this.report(name) ?? []);
  }

  snapshot(name: string): Snapshot {
    const lock = this.#settled(name);
    const { reporting, report } = snapshotOf(lock.reporting, lock.book);
    lock.reporting = reporting;
    return report;
  }

  isContended(name: string): boolean {
    return isContended(this.#settled(name).book);
  }

  answer(question: Question): Answer {
    const { lock, claim } = question;
    const verdict = verdictOf(this.#settled(lock).book, question);
    return { lock, claim, verdict, ...(verdict === "gone" && { report: this.snapshot(lock) }) };
  }

  /** Whether the rules of the lock would let this reader in. */
  canLetIn(name: string, claim: string): boolean {
    return letIn(this.#settled(name).book, memberOf(claim), this.now).value !== undefined;
  }

  letIn(name: string, claim: string): { done: boolean; report: Report } {
    const done = this.#take(name, letIn(this.lock(name).book, memberOf(claim), this.now)) !== undefined;
    return { done, report: this.snapshot(name) };
  }

  abort(name: string, claim: string): { ended_at: number | undefined; report: Report } {
    const lock = this.lock(name);
    const ended = this.#take(name, abort(lock.book, memberOf(claim), this.now)) !== undefined;
    if (ended) lock.aborted.set(claim, this.now);
    return { ended_at: lock.aborted.get(claim), report: this.snapshot(name) };
  }

  abortSession(
    name: string,
    session: Session,
    before: number,
    known: readonly string[],
  ): { ids: string[]; report: Report } {
    const lock = this.lock(name);
    const own = known.filter((id) => parseId(id)?.address === lock.reporting.address);
    const doomed = { before, members: own.map(memberOf) };
    const ended = this.#take(name, abortSession(lock.book, session, doomed, this.now));
    return { ids: ended.map(({ member }) => idOf(lock.reporting.address, member)), report: this.snapshot(name) };
  }

  // --- the truth

  /** Whom each session waits for, by the rules of the lock book read literally: every conflict with who goes first. */
  waits({ softToo = true } = {}): Map<string, Set<string>> {
    const edges = new Map<string, Set<string>>();
    for (const name of this.names) {
      const { book } = this.#settled(name);
      if (book.capacity !== null && book.capacity > 1) continue;
      const waiters = waitersOf(book);
      for (const [at, waiter] of waiters.entries()) {
        const mode = isUpgrading(waiter) ? "exclusive" : waiter.mode;
        const isLate = !isLease(waiter) && book.holders.some(isUpgrading);
        const conflicting = book.holders.filter(
          (one) => mode === "exclusive" || one.mode === "exclusive" || isUpgrading(one),
        );
        const isSoftOnly = mode === "shared" && !book.holders.some((one) => one.mode === "exclusive");
        if (isSoftOnly && !softToo) continue;
        const ahead = waiters
          .slice(0, at)
          .filter(
            (one) =>
              mode === "exclusive" || (isUpgrading(one) && isLate) || (!isLease(one) && one.mode === "exclusive"),
          );
        const blockers = new Set([...conflicting, ...ahead].filter((one) => one !== waiter).map(sessionKey));
        const known = edges.get(sessionKey(waiter)) ?? new Set();
        edges.set(sessionKey(waiter), new Set([...known, ...blockers]));
      }
    }
    return edges;
  }

  /** Whether all these sessions are on one cycle, or on cycles that hang together. */
  isKnot(sessions: readonly Session[], waits = this.waits()): boolean {
    const keys = sessions.map(sessionKey);
    return keys.every((from) => keys.every((to) => reachable(waits, from).has(to)));
  }

  hasDeadlock(waits = this.waits()): boolean {
    return [...waits.keys()].some((session) => reachable(waits, session).has(session));
  }

  #settled(name: string): WorldLock {
    this.#take(name, settle(this.lock(name).book, this.now));
    return this.lock(name);
  }

  #take<T>(name: string, step: Step<T>): T {
    this.lock(name).book = step.book;
    return step.value;
  }
}

/** Everything that can be reached by one edge or more. */
function reachable(edges: ReadonlyMap<string, ReadonlySet<string>>, from: string): Set<string> {
  const reached = new Set(edges.get(from));
  for (const key of reached) for (const next of edges.get(key) ?? []) reached.add(next);
  return reached;
}

function memberOf(id: string): number {
  return parseId(id)?.member ?? 0;
}
