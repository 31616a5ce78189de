/**
 * Histories of a correct lock: commands carried out one after the other by the lock book, each then stretched to a call that
 * overlaps others at random. For tests only.
 */
import fc from "fast-check";
import {
  acquire,
  downgrade,
  type Entry,
  emptyBook,
  entryOf,
  heartbeat,
  isCurrent,
  isLease,
  isUpgrading,
  type LockBook,
  release,
  type Session,
  type Step,
  settle,
} from "../lock-book.ts";
import { type LockAnswer, type LockCall, type RecordedCall, type Sighting, sessionName } from "./lock-history.ts";
import type { Acquire } from "./lock-lives.ts";

const SESSIONS: readonly Session[] = [
  { agent_id: "a", session_id: "1" },
  { agent_id: "a", session_id: "2" },
  { agent_id: "b", session_id: "1" },
  { agent_id: "c", session_id: "1" },
  { agent_id: "d", session_id: "1" },
];
const LOST = Number.POSITIVE_INFINITY;

const chances = fc.record({
  /** ms since the one before */
  after: fc.integer({ min: 0, max: 12 }),
  early: fc.nat(15),
  late: fc.nat(15),
  /** The answer is lost, with the request or without. */
  fate: fc.oneof(
    { weight: 30, arbitrary: fc.constant("told" as const) },
    { weight: 1, arbitrary: fc.constantFrom("untold" as const, "never arrived" as const) },
  ),
  session: fc.constantFrom(...SESSIONS),
  /** which of the ids that the session was given, the latest first; a few belong to other sessions */
  target: fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(20) }),
  foreign: fc.nat(30).map((n) => n === 0),
});
const asking = fc.record({
  do: fc.constant("acquire" as const),
  mode: fc.constantFrom("shared" as const, "exclusive" as const),
  ttl_ms: fc.integer({ min: 20, max: 200 }),
  wait_ms: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 150 })),
  hold_ms: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 200 })),
});
const other = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("release" as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("heartbeat" as const), ttl_ms: fc.integer({ min: 20, max: 200 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("downgrade" as const, "read" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("verify" as const), back: fc.nat(3) }) },
);
/** One of several locks that are wanted together: kept, or given back after a while as another is not free. */
const together = fc.record({
  do: fc.constant("take together" as const),
  mode: fc.constantFrom("shared" as const, "exclusive" as const),
  ttl_ms: fc.integer({ min: 20, max: 200 }),
  undone_after: fc.option(fc.nat(10), { nil: undefined }),
});
const single = fc.record({ chances, what: fc.oneof(asking, other) });
const turn = fc.oneof(
  { weight: 8, arbitrary: single },
  { weight: 1, arbitrary: fc.record({ chances, what: together }) },
);
export type Turn = typeof turn extends fc.Arbitrary<infer T> ? T : never;

/** Commands for `simulated`; `sets`: some of them take the lock together with others. */
export function turns(
  count: { readonly minLength: number; readonly maxLength: number },
  { sets = true } = {},
): fc.Arbitrary<Turn[]> {
  return fc.array<Turn>(sets ? turn : single, { ...count, size: "max" });
}

type Gone = "LOCK_EXPIRED" | "LOCK_NOT_FOUND";

/** A call that is held open for its grant. */
interface Open {
  readonly call: Acquire;
  readonly member: number;
  readonly invoked: number;
  readonly late: number;
  readonly until: number;
  readonly isTold: boolean;
}

/** The history that the clients of a correct lock record. The lock's clock and the clients' are the same. */
export function simulated(commands: readonly Turn[]): RecordedCall[] {
  const lock = new SimulatedLock();
  for (const { chances, what } of commands) lock.carryOut(chances, what);
  return lock.finish();
}

class SimulatedLock {
  readonly #history: RecordedCall[] = [];
  readonly #given = new Map<Session, number[]>();
  readonly #owners = new Map<number, { readonly session: Session; ended?: Gone; timedOut?: boolean }>();
  #open: Open[] = [];
  /** What was taken together with others and is given back at `until`. */
  #undoing: Open[] = [];
  #book: LockBook = emptyBook();
  #member = 0;
  #now = 1_000;

  carryOut({ after, early, late, fate, session, target, foreign }: Turn["chances"], what: Turn["what"]): void {
    this.#pass(after);
    const invoked = this.#now - early;
    if (what.do === "acquire") {
      const call: Acquire = { ...what, by: session };
      if (fate === "never arrived") this.#note(call, invoked, LOST);
      else this.#acquire(call, invoked, late, fate === "told");
      return;
    }
    if (what.do === "take together") {
      const { undone_after, ...asked } = what;
      const by: Session = { agent_id: session.agent_id, session_id: `set-${this.#member + 1}` };
      const call: Acquire = { ...asked, do: "acquire", by, wait_ms: 0, hold_ms: 0, together: true };
      if (fate === "never arrived") this.#note(call, invoked, LOST);
      else this.#acquire(call, invoked, late, fate === "told", undone_after);
      return;
    }
    const ids = foreign ? [...this.#given.values()].flat() : (this.#given.get(session) ?? []);
    const member = ids.at(-1 - (target % Math.max(1, ids.length)));
    if (member === undefined) return;
    const id = idOf(member);
    const call: LockCall =
      what.do === "verify"
        ? { do: "verify", by: session, token: Math.max(1, this.#book.token - what.back) }
        : { ...what, by: session, id };
    const answer = fate === "never arrived" ? undefined : this.#answer(call, member);
    this.#note(call, invoked, fate === "told" ? this.#now + late : LOST, answer);
  }

  /** Everybody still waiting for an answer goes home without. */
  finish(): RecordedCall[] {
    for (const { call, invoked } of [...this.#open, ...this.#undoing]) this.#note(call, invoked, LOST);
    this.#open = [];
    return this.#history;
  }

  #acquire(call: Acquire, invoked: number, late: number, isTold: boolean, undone_after?: number): void {
    this.#member += 1;
    const request = { ...call, ...call.by, member: this.#member, priority: 50, queue_max: 1_000 };
    const value = this.#take(acquire(this.#book, request, this.#now));
    const answered = isTold ? this.#now + late : LOST;
    if (value.kind === "full") throw new Error("the queue has no limit here");
    if (value.kind === "refused") {
      const { blocker } = value;
      const by = { id: idOf(blocker.member), session: sessionName(blocker) };
      this.#note(call, invoked, answered, { kind: "refused", by });
      return;
    }
    const entry = value.kind === "held" ? value.lease : value.waiter;
    this.#owners.set(entry.member, { session: call.by });
    if (!isLease(entry) && call.hold_ms > 0) {
      const open = { call, member: entry.member, invoked, late, until: this.#now + call.hold_ms, isTold };
      this.#open.push(open);
      return;
    }
    if (undone_after !== undefined) {
      const until = this.#now + undone_after;
      this.#undoing.push({ call, member: entry.member, invoked, late, until, isTold });
      return;
    }
    const reentrant = value.kind === "held" && value.reentrant;
    this.#told(call, invoked, answered, { ...this.#sighting(entry), reentrant });
  }

  #answer(call: Exclude<LockCall, Acquire>, member: number): LockAnswer {
    if (call.do === "verify") {
      this.#take(settle(this.#book, this.#now));
      const current = isCurrent(this.#book, call.token, this.#now);
      return { kind: "verified", current, highest: this.#book.token };
    }
    const owner = this.#owners.get(member);
    if (call.do !== "read" && owner?.session.agent_id !== call.by.agent_id) return { kind: "denied" };
    if (call.do === "release") {
      const value = this.#take(release(this.#book, member, this.#now));
      return value.kind === "unknown" ? this.#gone(member) : { kind: "released" };
    }
    if (call.do === "heartbeat") this.#take(heartbeat(this.#book, member, call.ttl_ms, this.#now));
    else if (call.do === "downgrade") this.#take(downgrade(this.#book, member, this.#now));
    else this.#take(settle(this.#book, this.#now));
    return this.#standing(member);
  }

  /** Lets time go on to where those who waited long enough are told so. */
  #pass(ms: number): void {
    const end = this.#now + ms;
    const due = [...this.#open, ...this.#undoing].filter(({ until }) => until <= end);
    for (const open of due.sort((a, b) => a.until - b.until)) {
      if (this.#undoing.includes(open)) this.#undo(open);
      if (!this.#open.includes(open)) continue;
      this.#now = open.until;
      this.#take(settle(this.#book, this.#now));
      if (this.#open.includes(open)) this.#close(open);
    }
    this.#now = end;
  }

  #undo(undoing: Open): void {
    const { call, invoked, member, late, until, isTold } = undoing;
    this.#undoing = this.#undoing.filter((one) => one !== undoing);
    this.#now = until;
    this.#take(release(this.#book, member, until));
    this.#note(call, invoked, isTold ? until + late : LOST, { kind: "undone" });
  }

  #take<T>(step: Step<T>): T {
    this.#book = step.book;
    for (const event of step.events) {
      if (event.kind === "expired") this.#end(event.lease, "LOCK_EXPIRED");
      if (event.kind === "released") this.#end(event.lease, "LOCK_NOT_FOUND");
      if (event.kind === "cancelled") this.#end(event.waiter, "LOCK_NOT_FOUND");
      if (event.kind === "timed_out") this.#end(event.waiter, "LOCK_NOT_FOUND", true);
    }
    for (const open of this.#open) {
      const entry = entryOf(this.#book, open.member);
      if (entry === undefined || isLease(entry)) this.#close(open);
    }
    return step.value;
  }

  #end({ member }: Entry, ended: Gone, timedOut = false): void {
    const owner = this.#owners.get(member);
    if (owner !== undefined && entryOf(this.#book, member) === undefined) Object.assign(owner, { ended, timedOut });
  }

  #close(open: Open): void {
    this.#open = this.#open.filter((one) => one !== open);
    const { call, invoked, member, late, isTold } = open;
    const entry = entryOf(this.#book, member);
    const answered = isTold ? this.#now + late : LOST;
    if (entry !== undefined) this.#told(call, invoked, answered, this.#sighting(entry));
    else if (this.#owners.get(member)?.timedOut) this.#note(call, invoked, answered, { kind: "refused" });
    else this.#note(call, invoked, answered, this.#gone(member));
  }

  #told(call: Acquire, invoked: number, answered: number, lock: Sighting): void {
    if (answered < LOST) this.#given.set(call.by, [...(this.#given.get(call.by) ?? []), memberOf(lock.id)]);
    this.#note(call, invoked, answered, { kind: "lock", lock });
  }

  #standing(member: number): LockAnswer {
    const entry = entryOf(this.#book, member);
    return entry === undefined ? this.#gone(member) : { kind: "lock", lock: this.#sighting(entry) };
  }

  #gone(member: number): LockAnswer {
    return { kind: "gone", code: this.#owners.get(member)?.ended ?? "LOCK_NOT_FOUND" };
  }

  #sighting(entry: Entry): Sighting {
    const holders = this.#book.holders.map((lease) => ({
      id: idOf(lease.member),
      session: sessionName(lease),
      acquired_at: lease.acquired_at,
      ends_at: lease.expires_at,
    }));
    return {
      id: idOf(entry.member),
      status: isLease(entry) ? "held" : "queued",
      mode: entry.mode,
      ...(isLease(entry) && { token: entry.token, ends_at: entry.expires_at }),
      upgrading: isUpgrading(entry),
      holders,
    };
  }

  #note(call: LockCall, invoked: number, answered: number, answer?: LockAnswer): void {
    if (answered === LOST || answer === undefined) this.#history.push({ call, invoked, answered: LOST });
    else this.#history.push({ call, invoked, answered, answer });
  }
}

function idOf(member: number): string {
  return `lock-${member}`;
}

function memberOf(id: string): number {
  return Number(id.slice("lock-".length));
}
