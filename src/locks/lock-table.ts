/** A lock book on disk, and its steps as rows, audit entries and read-model changes. Used by every actor that carries a lock. */
import { SYSTEM } from "../actor/caller.ts";
import type { Commit } from "../actor/commit.ts";
import { type Address, idOf, parseId } from "../actor/ids.ts";
import type { ChainedEntry, Happening } from "../actor/journal.ts";
import { timestamp } from "../actor/timestamp.ts";
import type { LockRow, ReadModelChange } from "../db/read-model.ts";
import type { DeadlockNotice } from "../deadlocks/notice.ts";
import type { LockKind } from "./contract.ts";
import {
  type Entry,
  entryOf,
  isLease,
  type LockBook,
  type LockEvent,
  nextDueAt,
  restoredBook,
  type Step,
} from "./lock-book.ts";
import { numbersChanged } from "./stored-numbers.ts";

export const LOCK_MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE lock (id INTEGER PRIMARY KEY CHECK (id = 0), capacity INTEGER, token INTEGER NOT NULL, mean_hold_ms REAL) STRICT;
  CREATE TABLE entries (member INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT;
  CREATE TABLE ended (member INTEGER PRIMARY KEY, reason TEXT NOT NULL, agent_id TEXT NOT NULL, at INTEGER NOT NULL, case_id TEXT, notice TEXT) STRICT;
  CREATE INDEX ended_at ON ended (at);
  CREATE INDEX ended_case ON ended (case_id) WHERE case_id IS NOT NULL;`,
  "ALTER TABLE ended ADD COLUMN kind TEXT;",
];

export const LOCK_TIMER = "lock";
/** How long a lease or claim that ended can still be asked about (04, `GET /locks/:id`). */
const ENDED_MS = 10 * 60 * 1000;
const FORGET_EVERY_MS = 60 * 1000;

export type EndedReason = "released" | "cancelled" | "expired" | "wait_timeout" | "forced" | "deadlock";

export interface Ended {
  readonly reason: EndedReason;
  readonly agent_id: string;
  /** `user` for a person's */
  readonly kind: string | null;
  /** ms */
  readonly at: number;
  /** of a deadlock's victim */
  readonly notice?: DeadlockNotice;
}

/** Why a step was taken, where its events do not say it: a person's reason, the deadlock that it ends. */
export interface Cause {
  readonly reason?: string | undefined;
  readonly notice?: DeadlockNotice | undefined;
}

/** What the lock protects, as the API names it. */
export interface LockName {
  readonly resource_type: LockKind;
  readonly resource_id: string;
}

export class LockTable {
  readonly #sql: SqlStorage;
  readonly #address: Address;
  /** ms */
  #forgottenAt = 0;

  constructor(sql: SqlStorage, address: Address) {
    this.#sql = sql;
    this.#address = address;
  }

  /** The stored book. `capacity` is what a lock without any row starts with. */
  load(capacity: number | null): LockBook {
    const lock = this.#sql
      .exec<{ capacity: number | null; token: number; mean_hold_ms: number | null }>(
        "SELECT capacity, token, mean_hold_ms FROM lock",
      )
      .toArray()[0];
    const entries = this.#sql
      .exec<{ body: string }>("SELECT body FROM entries")
      .toArray()
      .map((row) => JSON.parse(row.body) as Entry);
    return restoredBook(lock ?? { capacity, token: 0, mean_hold_ms: null }, entries);
  }

  /** Writes what a step changed: rows, journal, tombstones, timer. Part of a commit. */
  write(
    tx: Commit,
    before: LockBook,
    { book, events, touched }: Step<unknown>,
    name: LockName,
    { reason, notice }: Cause,
  ): void {
    if (numbersChanged(before, book)) {
      this.#sql.exec("INSERT OR REPLACE INTO lock VALUES (0, ?, ?, ?)", book.capacity, book.token, book.mean_hold_ms);
    }
    for (const member of touched) {
      const entry = entryOf(book, member);
      if (entry === undefined) this.#sql.exec("DELETE FROM entries WHERE member = ?", member);
      else this.#sql.exec("INSERT OR REPLACE INTO entries VALUES (?, ?)", member, JSON.stringify(entry));
    }
    for (const event of events) {
      tx.journal(this.#happening(event, name, reason));
      const gone = endedBy(event, book);
      if (gone === undefined) continue;
      this.#sql.exec(
        "INSERT OR REPLACE INTO ended VALUES (?, ?, ?, ?, ?, ?, ?)",
        gone.entry.member,
        gone.reason,
        gone.entry.agent_id,
        tx.now,
        gone.reason === "deadlock" ? (notice?.case_id ?? null) : null,
        gone.reason === "deadlock" && notice !== undefined ? JSON.stringify(notice) : null,
        gone.entry.kind ?? null,
      );
    }
    if (events.length > 0) this.#forgetEnded(tx.now);
    const due = nextDueAt(book);
    if (due !== undefined) tx.timerBy(LOCK_TIMER, due);
  }

  /** How a lease or claim ended, for ten minutes. */
  ended(member: number, now: number): Ended | undefined {
    const row = this.#sql
      .exec<{ reason: EndedReason; agent_id: string; kind: string | null; at: number; notice: string | null }>(
        "SELECT reason, agent_id, kind, at, notice FROM ended WHERE member = ? AND at >= ?",
        member,
        now - ENDED_MS,
      )
      .toArray()[0];
    if (row === undefined) return undefined;
    const { notice, ...ended } = row;
    return notice === null ? ended : { ...ended, notice: JSON.parse(notice) as DeadlockNotice };
  }

  /** Now and then: none is ever shown that is too old. */
  #forgetEnded(now: number): void {
    if (Math.abs(now - this.#forgottenAt) < FORGET_EVERY_MS) return;
    this.#forgottenAt = now;
    this.#sql.exec("DELETE FROM ended WHERE at < ?", now - ENDED_MS);
  }

  /** What ended here in this deadlock (members). */
  endedIn(caseId: string): number[] {
    return this.#sql
      .exec<{ member: number }>("SELECT member FROM ended WHERE case_id = ?", caseId)
      .toArray()
      .map(({ member }) => member);
  }

  /** How the deadlock ended, for those that ended with it. */
  tell(notice: DeadlockNotice): void {
    this.#sql.exec("UPDATE ended SET notice = ? WHERE case_id = ?", JSON.stringify(notice), notice.case_id);
  }

  /** The `locks` rows that these journal entries touched. */
  project(entries: readonly ChainedEntry[], book: LockBook, name: LockName): ReadModelChange[] {
    const ids = new Set(
      entries.flatMap(({ entry }) =>
        entry.action.startsWith("lock.") && typeof entry.details?.lock_id === "string" ? [entry.details.lock_id] : [],
      ),
    );
    return [...ids].map((id) => {
      const entry = entryOf(book, parseId(id)?.member ?? 0);
      return { table: "locks", id, row: entry === undefined ? null : lockRow(id, entry, name) };
    });
  }

  /** The `locks` rows of everybody who holds or waits, however long ago that began. */
  standing(book: LockBook, name: LockName): ReadModelChange[] {
    return [...book.queue, ...book.holders].map((entry) => {
      const id = idOf(this.#address, entry.member);
      return { table: "locks", id, row: lockRow(id, entry, name) };
    });
  }

  /** `reason` is the caller's, so what came about by itself along with it has none. */
  #happening(event: LockEvent, name: LockName, reason: string | undefined): Happening {
    const about = { subject_type: name.resource_type, subject_id: name.resource_id };
    if (event.kind === "queue_full") return { ...about, action: "lock.queue_full", details: { depth: event.depth } };
    const entry = entryIn(event);
    const { action, own, more } = told(event, (member) => idOf(this.#address, member));
    const taskId = taskOfSession(entry.session_id);
    return {
      ...about,
      action,
      ...(!own && { who: SYSTEM }),
      // By force it was somebody else, in no session of this lock.
      ...(own &&
        more.forced !== true &&
        more.ended_reason !== "forced" && { acting: { session_id: entry.session_id } }),
      ...(own && reason !== undefined && { why: { reason } }),
      details: {
        lock_id: idOf(this.#address, entry.member),
        agent_id: entry.agent_id,
        ...(entry.kind !== undefined && { agent_kind: entry.kind }),
        session_id: entry.session_id,
        mode: entry.mode,
        ...(isLease(entry) && { fencing_token: entry.token }),
        ...(taskId !== undefined && { task_id: taskId }),
        ...more,
      },
    };
  }
}

function lockRow(id: string, entry: Entry, { resource_type, resource_id }: LockName): LockRow {
  return {
    id,
    resource_type,
    resource_id,
    agent_id: entry.agent_id,
    session_id: entry.session_id,
    status: isLease(entry) ? "held" : "queued",
    mode: entry.mode,
    fencing_token: isLease(entry) ? entry.token : null,
    since: timestamp(isLease(entry) ? entry.acquired_at : entry.requested_at),
  };
}

/** The task behind a session of the form `task:{id}:{attempt}`; clients may not use such session ids. */
export function taskOfSession(sessionId: string): string | undefined {
  const [prefix, id] = sessionId.split(":");
  return prefix === "task" ? id : undefined;
}

type EntryEvent = Exclude<LockEvent, { kind: "queue_full" }>;

export function entryIn(event: EntryEvent): Entry {
  if ("lease" in event) return event.lease;
  if ("claim" in event) return event.claim;
  return "waiter" in event ? event.waiter : event.entry;
}

/** The audit action of an event; `own`: whoever called did it, else it came about by itself. */
function told(
  event: EntryEvent,
  id: (member: number) => string,
): { action: string; own: boolean; more: Record<string, unknown> } {
  switch (event.kind) {
    case "acquired": {
      const { acquired_at, expires_at, purpose } = event.lease;
      const more = {
        acquired_at: timestamp(acquired_at),
        expires_at: timestamp(expires_at),
        ...(purpose !== undefined && { purpose }),
        ...(event.waited && { waited: true }),
        ...(event.upgraded && { upgraded: true }),
      };
      return { action: "lock.acquired", own: !event.waited, more };
    }
    case "queued":
    case "mode_changed":
      return { action: "lock.queued", own: true, more: { queue_position: event.position } };
    case "released":
      return { action: "lock.released", own: true, more: { ...(event.forced && { forced: true }) } };
    case "cancelled":
      return { action: "lock.released", own: true, more: { ended_reason: event.forced ? "forced" : "cancelled" } };
    case "expired":
      return { action: "lock.expired", own: false, more: { expired_at: timestamp(event.lease.expires_at) } };
    case "timed_out": {
      const { waiter } = event;
      const expired_at = timestamp(isLease(waiter) ? waiter.upgrade.deadline : waiter.deadline);
      return { action: "lock.expired", own: false, more: { expired_at, ended_reason: "wait_timeout" } };
    }
    case "downgraded":
      return { action: "lock.downgraded", own: true, more: {} };
    case "aborted":
      return { action: "lock.aborted", own: false, more: {} };
    case "reordered":
      return { action: "lock.reordered", own: false, more: { ahead_of: event.ahead_of.map(id) } };
  }
}

/** The entry that this event ended, unless it lives on in the book (an upgrade that was given up keeps its lease). */
export function endedBy(event: LockEvent, book: LockBook): { entry: Entry; reason: EndedReason } | undefined {
  const reason = endedReason(event);
  if (reason === undefined || event.kind === "queue_full") return undefined;
  const entry = entryIn(event);
  return entryOf(book, entry.member) === undefined ? { entry, reason } : undefined;
}

function endedReason(event: LockEvent): EndedReason | undefined {
  switch (event.kind) {
    case "released":
      return event.forced ? "forced" : "released";
    case "cancelled":
      return event.forced ? "forced" : "cancelled";
    case "expired":
      return "expired";
    case "timed_out":
      return "wait_timeout";
    case "aborted":
      return "deadlock";
    default:
      return undefined;
  }
}
