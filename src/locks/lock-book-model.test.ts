/**
 * The lock book against its rules read literally: random histories of every operation, by few sessions on one lock, with
 * spans so short that much falls due in the same instant, stale ids, and a clock that also goes back.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  abort,
  abortSession,
  acquire,
  downgrade,
  type Entry,
  emptyBook,
  estimatedWaitSeconds,
  heartbeat,
  isCurrent,
  isLease,
  isUpgrading,
  type LockBook,
  type LockEvent,
  letIn,
  nextDueAt,
  positionOf,
  release,
  restoredBook,
  type Session,
  type Step,
  setCapacity,
  settle,
  waitersOf,
} from "./lock-book.ts";
import { leaseTellsToken, numbersChanged } from "./stored-numbers.ts";

const session = fc.constantFrom<Session>(
  ...["a", "b", "c", "d"].map((id) => ({ agent_id: id, session_id: id })),
  { agent_id: "e", session_id: "a" },
  { agent_id: "a", session_id: "e" },
);
const span = fc.integer({ min: 1, max: 40 });
/** Names an entry: mostly one in the book, holders first, else any id that was ever handed out. */
const target = fc.oneof(
  { weight: 5, arbitrary: fc.record({ live: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ member: fc.integer({ min: 1, max: 30 }) }) },
);

const ask = fc.record({
  do: fc.constant("ask" as const),
  session,
  mode: fc.constantFrom("shared" as const, "shared" as const, "shared" as const, "exclusive" as const),
  ttl_ms: fc.integer({ min: 1, max: 25 }),
  wait_ms: fc.oneof(span, span, fc.constant(0)),
  queue_max: fc.integer({ min: 1, max: 5 }),
});
const ago = fc.integer({ min: -2, max: 9 });
const members = fc.uniqueArray(fc.integer({ min: 1, max: 12 }), { maxLength: 2 });
const command = fc.oneof(
  { weight: 12, arbitrary: ask },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("pass" as const), ms: fc.integer({ min: -3, max: 8 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("heartbeat" as const), target, extension_ms: span }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("release" as const), target, forced: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("downgrade" as const), target }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("abort" as const), target }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("abortSession" as const), session, ago, members }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("letIn" as const), target }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("setCapacity" as const), capacity: fc.integer({ min: 1, max: 4 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("settle" as const) }) },
);
type Command = typeof command extends fc.Arbitrary<infer C> ? C : never;

const history = fc.record({
  capacity: fc.constantFrom(null, null, null, null, 1, 3),
  commands: fc.array(command, { minLength: 40, maxLength: 80, size: "max" }),
});

/** One operation as it was carried out. */
interface Turn {
  readonly command: Command;
  readonly now: number;
  readonly before: LockBook;
  readonly member: number;
  readonly step: Step<unknown>;
}

/** Plays a history and shows each turn. Books are frozen to the bottom: whoever writes into an old one throws. */
function play(
  { capacity, commands }: { capacity: number | null; commands: Command[] },
  see: (turn: Turn) => void,
): void {
  let book = frozen(emptyBook(capacity));
  let now = 1_000;
  let last = 0;
  for (const command of commands) {
    const member = "target" in command ? named(command.target, book) : last + 1;
    const before = book;
    if (command.do === "pass") now += command.ms;
    const step = carryOut(command, book, member, now);
    if (command.do === "ask") last = member;
    book = frozen(step.book);
    see({ command, now, before, member, step });
  }
}

function named(target: { live: number } | { member: number }, book: LockBook): number {
  if ("member" in target) return target.member;
  const entries = entriesOf(book);
  return entries[target.live % entries.length]?.member ?? 0;
}

function carryOut(command: Command, book: LockBook, member: number, now: number): Step<unknown> {
  switch (command.do) {
    case "ask": {
      const { session, mode, ttl_ms, wait_ms, queue_max } = command;
      return acquire(book, { ...session, member, mode, ttl_ms, wait_ms, queue_max, priority: 50 }, now);
    }
    case "heartbeat":
      return heartbeat(book, member, command.extension_ms, now);
    case "release":
      return release(book, member, now, command);
    case "downgrade":
      return downgrade(book, member, now);
    case "abort":
      return abort(book, member, now);
    case "abortSession":
      return abortSession(book, command.session, { before: now - command.ago, members: command.members }, now);
    case "letIn":
      return letIn(book, member, now);
    case "setCapacity":
      return book.capacity === null ? settle(book, now) : setCapacity(book, command.capacity, now);
    case "settle":
    case "pass":
      return settle(book, now);
  }
}

function frozen(book: LockBook): LockBook {
  for (const entry of entriesOf(book)) {
    if (isUpgrading(entry)) Object.freeze(entry.upgrade);
    Object.freeze(entry);
  }
  Object.freeze(book.holders);
  Object.freeze(book.queue);
  return Object.freeze(book);
}

function entriesOf(book: LockBook): Entry[] {
  return [...book.holders, ...book.queue];
}

function rowsOf(book: LockBook): Map<number, string> {
  return new Map(entriesOf(book).map((entry) => [entry.member, JSON.stringify(entry)]));
}

function grantsIn({ step }: Turn) {
  return step.events.filter((event) => event.kind === "acquired");
}

/** Each run of the tests plays other histories, unless a seed is given. */
function always(runs: number, see: (turn: Turn) => void, seed?: number): void {
  fc.assert(
    fc.property(history, (played) => play(played, see)),
    seed === undefined ? { numRuns: runs } : { numRuns: runs, seed },
  );
}

const RUNS = 150;

describe("in every history of a lock", () => {
  it("two conflicting holders never exist, and no session is in the book twice", () => {
    always(RUNS, (turn) => {
      const { before, step } = turn;
      const { capacity, holders } = step.book;
      if (capacity === null) {
        if (holders.some((lease) => lease.mode === "exclusive")) expect(holders).toHaveLength(1);
      } else if (grantsIn(turn).length > 0) {
        expect(holders.length).toBeLessThanOrEqual(Math.max(capacity, before.capacity ?? 0));
      }
      const sessions = entriesOf(step.book).map((entry) => `${entry.agent_id}/${entry.session_id}`);
      expect(new Set(sessions).size).toBe(sessions.length);
    });
  });

  it("the queue keeps its order, grants go to its head, and only a reader let in overtakes", () => {
    always(RUNS, (turn) => {
      const { command, before, step, member } = turn;
      const left = step.book.queue.map((claim) => claim.member);
      const expected = before.queue.map((claim) => claim.member).filter((queued) => left.includes(queued));
      if (command.do === "ask" && left.includes(member)) expected.push(member);
      expect(left).toEqual(expected);
      if (command.do === "letIn") return;

      for (const { lease, waited, upgraded } of grantsIn(turn)) {
        if (upgraded) continue;
        expect(waitersOf(step.book).every((waiter) => isLease(waiter) || waiter.member > lease.member)).toBe(true);
        if (!waited) expect(waitersOf(step.book)).toEqual([]);
      }
    });
  });

  it("nobody whom rule 1 would grant is left waiting", () => {
    always(RUNS, ({ step: { book } }) => {
      waitersOf(book).forEach((waiter, index, waiters) => {
        const others = book.holders.filter((holder) => holder.member !== waiter.member);
        const conflicts = (entry: Entry) =>
          asks(entry) === "exclusive" || asks(waiter) === "exclusive" || book.capacity !== null;
        const blocked =
          waiters.slice(0, index).some(conflicts) ||
          (book.capacity === null
            ? others.some((holder) => holder.mode === "exclusive" || asks(waiter) === "exclusive")
            : others.length >= book.capacity);
        expect(blocked).toBe(true);
      });
    });
    function asks(entry: Entry) {
      return isUpgrading(entry) ? "exclusive" : entry.mode;
    }
  });

  it("tokens rise by one with every grant, never repeat, and are current exactly while their lease lives", () => {
    always(RUNS, (turn) => {
      const { before, step, now } = turn;
      const tokens = grantsIn(turn).map(({ lease }) => lease.token);
      expect(tokens).toEqual(tokens.map((_, index) => before.token + 1 + index));
      expect(step.book.token).toBe(before.token + tokens.length);
      const held = step.book.holders.map((lease) => lease.token);
      expect(held).toEqual([...new Set(held)].sort((a, b) => a - b));
      for (let token = 1; token <= step.book.token; token++) {
        expect(isCurrent(step.book, token, now)).toBe(held.includes(token));
      }
    });
  });

  it("nothing is granted to the dead, nothing dead stays, and nothing ends by time before its time", () => {
    always(RUNS, (turn) => {
      const { before, step, now } = turn;
      for (const { lease, waited } of grantsIn(turn)) {
        const asked = entriesOf(before).find((entry) => entry.member === lease.member);
        expect(lease.expires_at).toBeGreaterThan(now);
        if (waited) expect(asked && deadlineOf(asked)).toBeGreaterThan(now);
      }
      expect(nextDueAt(step.book) ?? Number.POSITIVE_INFINITY).toBeGreaterThan(now);
      for (const event of step.events) {
        if (event.kind === "expired") expect(event.lease.expires_at).toBeLessThanOrEqual(now);
        if (event.kind === "timed_out") expect(deadlineOf(event.waiter)).toBeLessThanOrEqual(now);
      }
    });
    function deadlineOf(entry: Entry) {
      return isLease(entry) ? entry.upgrade?.deadline : entry.deadline;
    }
  });

  it("an expiry moves only when its own session asks for it, and then to max(old, now + span)", () => {
    always(RUNS, (turn) => {
      const { command, before, step, now, member } = turn;
      const granted = new Set(grantsIn(turn).map(({ lease }) => lease.member));
      for (const lease of step.book.holders) {
        const old = before.holders.find((holder) => holder.member === lease.member);
        if (old === undefined || granted.has(lease.member)) continue;
        const mine =
          (command.do === "heartbeat" && lease.member === member) ||
          (command.do === "ask" &&
            !isUpgrading(lease) &&
            (command.mode === "shared" || lease.mode === "exclusive") &&
            command.session.agent_id === lease.agent_id &&
            command.session.session_id === lease.session_id);
        const by = command.do === "heartbeat" ? command.extension_ms : command.do === "ask" ? command.ttl_ms : 0;
        if (mine) expect(lease.expires_at).toBe(Math.max(old.expires_at, now + by));
        else if (!isUpgrading(lease)) expect(lease.expires_at).toBe(old.expires_at);
        expect(lease.acquired_at).toBe(old.acquired_at);
      }
    });
  });

  it("the touched entries are exactly those whose rows differ", () => {
    always(RUNS, ({ before, step }) => {
      const old = rowsOf(before);
      const rows = rowsOf(step.book);
      const differing = [...new Set([...old.keys(), ...rows.keys()])].filter((id) => old.get(id) !== rows.get(id));
      expect([...step.touched].sort((a, b) => a - b)).toEqual(differing.sort((a, b) => a - b));
    });
  });

  it("the events tell all that happened: replayed on the old book they give the new one", () => {
    always(RUNS, ({ before, step }) => {
      const told = new Map(entriesOf(before).map((entry) => [entry.member, standing(entry)]));
      for (const event of step.events) retell(told, event);
      expect(told).toEqual(new Map(entriesOf(step.book).map((entry) => [entry.member, standing(entry)])));
    });
    function standing(entry: Entry): string {
      if (!isLease(entry)) return `queued ${entry.mode}`;
      return `held ${entry.mode} ${entry.token}${entry.upgrade ? " upgrading" : ""}`;
    }
    function retell(told: Map<number, string>, event: LockEvent): void {
      switch (event.kind) {
        case "acquired":
        case "downgraded":
          told.set(event.lease.member, standing(event.lease));
          break;
        case "queued":
          told.set(event.waiter.member, standing(event.waiter));
          break;
        case "mode_changed":
          told.set(event.claim.member, standing(event.claim));
          break;
        case "released":
        case "expired":
          told.delete(event.lease.member);
          break;
        case "aborted":
          told.delete(event.entry.member);
          break;
        case "cancelled":
        case "timed_out":
          if (isLease(event.waiter)) told.set(event.waiter.member, `held shared ${event.waiter.token}`);
          else told.delete(event.waiter.member);
      }
    }
  });

  it("an entry ends by command only where the command names it", () => {
    always(RUNS, ({ command, step, member }) => {
      for (const event of step.events) {
        if (event.kind === "released") expect([command.do, member]).toEqual(["release", event.lease.member]);
        if (event.kind === "downgraded") expect([command.do, member]).toEqual(["downgrade", event.lease.member]);
        if (event.kind === "cancelled") {
          expect(member).toBe(event.waiter.member);
          expect(command.do).toBe(isLease(event.waiter) ? "downgrade" : "release");
        }
        if (event.kind === "aborted") {
          if (command.do === "abortSession") expect(event.entry).toMatchObject(command.session);
          else expect([command.do, member]).toEqual(["abort", event.entry.member]);
        }
      }
    });
  });

  it("a try never waits and the queue never grows beyond its limit", () => {
    always(RUNS, ({ command, before, step }) => {
      if (command.do !== "ask") return;
      const kinds = step.events.map((event) => event.kind);
      if (command.wait_ms === 0) {
        expect(kinds).not.toContain("queued");
        expect(step.value).toMatchObject({ kind: expect.stringMatching(/^(held|refused)$/) });
      }
      if (kinds.includes("queued")) expect(waitersOf(step.book).length).toBeLessThanOrEqual(command.queue_max);
      if (kinds.includes("queue_full"))
        expect(waitersOf(step.book).length).toBeLessThanOrEqual(waitersOf(before).length);
    });
  });

  it("a settled book has nothing to do until it is due, and then has", () => {
    always(RUNS, ({ step: { book }, now }) => {
      const due = nextDueAt(book);
      const quiet = settle(book, due === undefined ? now : due - 1);
      expect(quiet.book).toBe(book);
      expect(quiet.events).toEqual([]);
      if (due !== undefined) expect(settle(book, due).events).not.toEqual([]);
    });
  });

  it("the stored rows give the book back, and positions count all who wait", () => {
    always(RUNS, ({ before, step: { book }, now }) => {
      const stored = { ...before, token: leaseTellsToken(before) ? 0 : before.token };
      const numbers = numbersChanged(before, book) ? book : stored;
      expect(restoredBook(numbers, entriesOf(book).reverse())).toEqual(book);
      for (const [index, waiter] of waitersOf(book).entries()) {
        expect(positionOf(book, waiter.member)).toBe(index + 1);
        expect(estimatedWaitSeconds(book, waiter.member, now)).toBeGreaterThanOrEqual(0);
      }
    });
  });

  it("everything that can happen to a lock does happen in some history", () => {
    const seen = new Set<string>();
    always(
      4 * RUNS,
      ({ step }) => {
        for (const event of step.events) {
          seen.add(event.kind);
          if (event.kind === "acquired" && event.upgraded)
            seen.add(event.waited ? "upgrade waited" : "upgrade at once");
          if (event.kind === "expired" && event.lease.upgrade) seen.add("upgrade expired");
          if ("waiter" in event && isLease(event.waiter)) seen.add(`upgrade ${event.kind}`);
        }
      },
      1,
    );
    const kinds = ["acquired", "queued", "mode_changed", "released", "cancelled", "expired", "timed_out", "downgraded"];
    const rare = ["aborted", "reordered", "queue_full"];
    const upgrades = ["waited", "at once", "expired", "queued", "cancelled", "timed_out"].map(
      (how) => `upgrade ${how}`,
    );
    expect([...seen].sort()).toEqual([...kinds, ...rare, ...upgrades].sort());
  });
});
