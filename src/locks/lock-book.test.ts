import { describe, expect, it } from "vitest";
import { emptyBook, isCurrent, nextDueAt, restoredBook, setCapacity } from "./lock-book.ts";
import { LockScenario } from "./lock-scenario.fixture.ts";

describe("a downgrade", () => {
  it("makes an exclusive lease shared, keeps its token, and lets in the readers at the head only", () => {
    const lock = new LockScenario();
    lock.ask("a", "exclusive");
    lock.ask("r1", "shared");
    lock.ask("w", "exclusive");
    lock.ask("r2", "shared");
    expect(lock.downgrade("a")).toMatchObject({ kind: "held", lease: { member: 1, mode: "shared", token: 1 } });
    expect(lock.holders).toEqual(["a", "r1"]);
    expect(lock.queue).toEqual(["w", "r2"]);
    expect(lock.happened).toEqual(["downgraded", "acquired"]);
  });

  it("leaves a shared lease as it is", () => {
    const lock = new LockScenario();
    lock.ask("a", "shared");
    const before = lock.book;
    expect(lock.downgrade("a")).toMatchObject({ kind: "held", lease: { mode: "shared" } });
    expect(lock.book).toBe(before);
  });

  it("of a lease that waits to upgrade gives up the upgrade", () => {
    const lock = new LockScenario();
    lock.ask("a", "shared");
    lock.ask("b", "shared");
    lock.ask("a", "exclusive");
    lock.ask("c", "shared");
    lock.downgrade("a");
    expect(lock.happened).toEqual(["cancelled", "acquired"]);
    expect(lock.holders).toEqual(["a", "b", "c"]);
    expect(lock.entry("a")).not.toHaveProperty("upgrade");
  });

  it("of a queued writer makes it a reader in its place, granted if readers hold", () => {
    const lock = new LockScenario();
    lock.ask("a", "shared");
    lock.ask("w", "exclusive");
    lock.ask("b", "shared");
    expect(lock.downgrade("w")).toMatchObject({ kind: "held", lease: { member: 2, mode: "shared" } });
    expect(lock.holders).toEqual(["a", "w", "b"]);
  });

  it("names a lease: an ended or unknown one is not found", () => {
    const lock = new LockScenario();
    lock.ask("a", "exclusive");
    const stale = lock.memberOf("a");
    lock.pass(30_000);
    expect(lock.downgrade("a")).toEqual({ kind: "unknown" });
    expect(lock.touched).toEqual([stale]);
    expect(lock.downgrade("nobody")).toEqual({ kind: "unknown" });
  });
});

describe("fencing tokens", () => {
  it("rise by one with every grant and upgrade, and survive expiry, release and an empty lock", () => {
    const lock = new LockScenario();
    lock.ask("a", "shared");
    lock.ask("a", "exclusive");
    lock.release("a");
    lock.ask("b", "exclusive", { ttl_ms: 5_000 });
    lock.pass(5_000);
    lock.settle();
    expect(lock.holders).toEqual([]);
    lock.ask("c", "exclusive");
    expect(lock.tokenOf("c")).toBe(4);
    expect(lock.book.token).toBe(4);
  });

  it("are not spent on re-entry, heartbeats, downgrades, refusals or queueing", () => {
    const lock = new LockScenario();
    lock.ask("a", "exclusive");
    lock.ask("a", "shared");
    lock.heartbeat("a", 300_000);
    lock.ask("b", "exclusive", { wait_ms: 0 });
    lock.ask("b", "exclusive");
    lock.downgrade("a");
    expect(lock.book.token).toBe(1);
  });

  it("are current only while a lease held now has them", () => {
    const lock = new LockScenario();
    lock.ask("a", "shared");
    lock.ask("a", "exclusive", { ttl_ms: 30_000 });
    expect(isCurrent(lock.book, 1, lock.now)).toBe(false);
    expect(isCurrent(lock.book, 2, lock.now)).toBe(true);
    expect(isCurrent(lock.book, 3, lock.now)).toBe(false);
    expect(isCurrent(lock.book, 2, lock.now + 29_999)).toBe(true);
    expect(isCurrent(lock.book, 2, lock.now + 30_000)).toBe(false);
  });
});

describe("expiry", () => {
  it("accepts a heartbeat only while now < expires_at", () => {
    const lock = new LockScenario();
    lock.ask("a", "exclusive", { ttl_ms: 5_000 });
    lock.pass(4_999);
    expect(lock.heartbeat("a", 5_000)).toMatchObject({ kind: "held", lease: { expires_at: lock.now + 5_000 } });
    expect(lock.touched).toEqual([1]);
    lock.pass(5_000);
    expect(lock.heartbeat("a", 5_000)).toEqual({ kind: "unknown" });
    expect(lock.happened).toEqual(["expired"]);
  });

  it("never moves earlier by a heartbeat, nor when the clock went back", () => {
    const lock = new LockScenario();
    lock.ask("a", "exclusive", { ttl_ms: 30_000 });
    const expires_at = lock.now + 30_000;
    lock.heartbeat("a", 5_000);
    lock.pass(-20_000);
    lock.heartbeat("a", 30_000);
    expect(lock.book.holders).toMatchObject([{ expires_at }]);
    expect(lock.touched).toEqual([]);
  });

  it("grants to the next waiter on any access, whether or not an alarm fired", () => {
    const lock = new LockScenario();
    lock.ask("a", "exclusive", { ttl_ms: 5_000 });
    lock.ask("b", "exclusive");
    lock.pass(5_000);
    expect(lock.releaseMember(99)).toEqual({ kind: "unknown" });
    expect(lock.holders).toEqual(["b"]);
    expect(lock.happened).toEqual(["expired", "acquired"]);
  });

  it("never grants to a waiter whose deadline passed in the instant in which the lease expired", () => {
    const lock = new LockScenario();
    lock.ask("a", "exclusive", { ttl_ms: 5_000 });
    lock.ask("dead", "exclusive", { wait_ms: 5_000 });
    lock.ask("alive", "exclusive", { wait_ms: 5_001 });
    lock.pass(5_000);
    lock.settle();
    expect(lock.happened).toEqual(["expired", "timed_out", "acquired"]);
    expect(lock.holders).toEqual(["alive"]);
  });

  it("is each lease's own: a short shared lease does not end a long one", () => {
    const lock = new LockScenario();
    lock.ask("short", "shared", { ttl_ms: 5_000 });
    lock.ask("long", "shared", { ttl_ms: 60_000 });
    lock.ask("writer", "exclusive");
    lock.pass(5_000);
    lock.settle();
    expect(lock.holders).toEqual(["long"]);
    expect(lock.queue).toEqual(["writer"]);
  });

  it("tells a queued claim its position on a heartbeat and extends nothing", () => {
    const lock = new LockScenario();
    lock.ask("a", "exclusive");
    lock.ask("b", "exclusive");
    lock.ask("c", "exclusive");
    const before = lock.book;
    lock.pass(10);
    expect(lock.heartbeat("c")).toMatchObject({ kind: "queued", position: 2 });
    expect(lock.book).toBe(before);
  });

  it("is due next at the earliest expiry, deadline or upgrade deadline", () => {
    const lock = new LockScenario();
    expect(nextDueAt(lock.book)).toBeUndefined();
    lock.ask("a", "shared", { ttl_ms: 30_000 });
    expect(nextDueAt(lock.book)).toBe(lock.now + 30_000);
    lock.ask("w", "exclusive", { wait_ms: 20_000 });
    expect(nextDueAt(lock.book)).toBe(lock.now + 20_000);
    lock.release("w");
    lock.ask("b", "shared");
    lock.ask("a", "exclusive", { wait_ms: 10_000 });
    expect(nextDueAt(lock.book)).toBe(lock.now + 10_000);
  });
});

describe("a release", () => {
  it("names a lease id: a stale retry does not touch the newer lease of the same session", () => {
    const lock = new LockScenario();
    lock.ask("a", "exclusive");
    const stale = lock.memberOf("a");
    lock.release("a");
    lock.ask("a", "exclusive");
    expect(lock.releaseMember(stale)).toEqual({ kind: "unknown" });
    expect(lock.holders).toEqual(["a"]);
  });

  it("withdraws a queued claim", () => {
    const lock = new LockScenario();
    lock.ask("a", "exclusive");
    lock.ask("b", "exclusive");
    expect(lock.release("b")).toMatchObject({ kind: "withdrawn", claim: { session_id: "b" } });
    expect(lock.events).toMatchObject([{ kind: "cancelled", forced: false }]);
    expect(lock.holders).toEqual(["a"]);
  });

  it("says in its event when it was forced", () => {
    const lock = new LockScenario();
    lock.ask("a", "exclusive");
    lock.ask("b", "exclusive");
    lock.release("b", true);
    expect(lock.events).toMatchObject([{ kind: "cancelled", forced: true }]);
    lock.release("a", true);
    expect(lock.events).toMatchObject([{ kind: "released", forced: true }]);
  });
});

describe("a counting lock", () => {
  it("holds as many leases as it has permits, whatever the mode, and queues the rest in order", () => {
    const lock = new LockScenario(2);
    lock.ask("a", "exclusive");
    lock.ask("b", "shared");
    expect(lock.ask("c", "shared")).toMatchObject({ kind: "queued", waiter: { mode: "exclusive" }, position: 1 });
    expect(lock.ask("d", "exclusive", { wait_ms: 0 })).toMatchObject({ kind: "refused", blocker: { session_id: "a" } });
    lock.ask("d", "exclusive");
    lock.release("b");
    expect(lock.holders).toEqual(["a", "c"]);
    expect(lock.queue).toEqual(["d"]);
  });

  it("gives a session one permit, re-entered in any mode", () => {
    const lock = new LockScenario(2);
    lock.ask("a", "shared");
    expect(lock.ask("a", "exclusive")).toMatchObject({ kind: "held", reentrant: true, lease: { token: 1 } });
    expect(lock.downgrade("a")).toMatchObject({ kind: "held" });
    expect(lock.happened).toEqual([]);
  });

  it("lets waiters in at once when its permits are raised", () => {
    const lock = new LockScenario(1);
    for (const session of ["a", "b", "c", "d"]) lock.ask(session, "exclusive");
    lock.resize(3);
    expect(lock.holders).toEqual(["a", "b", "c"]);
    expect(lock.touched).toEqual([2, 3]);
  });

  it("revokes nothing when they are lowered, and grants again only below the new number", () => {
    const lock = new LockScenario(3);
    for (const session of ["a", "b", "c", "d"]) lock.ask(session, "exclusive");
    lock.resize(1);
    expect(lock.holders).toEqual(["a", "b", "c"]);
    lock.release("a");
    lock.release("b");
    expect(lock.holders).toEqual(["c"]);
    lock.release("c");
    expect(lock.holders).toEqual(["d"]);
  });

  it("has at least one permit, and a shared/exclusive lock has none to change", () => {
    expect(() => emptyBook(0)).toThrow(RangeError);
    expect(() => setCapacity(emptyBook(1), 1.5, 0)).toThrow(RangeError);
    expect(() => setCapacity(emptyBook(), 2, 0)).toThrow(RangeError);
  });
});

describe("a large book", () => {
  it("is restored from its rows in any order", () => {
    const lock = new LockScenario();
    for (const reader of ["a", "b", "c"]) lock.ask(reader, "shared");
    for (const writer of ["w1", "w2"]) lock.ask(writer, "exclusive");
    const rows = [...lock.book.queue, ...lock.book.holders].reverse();
    expect(restoredBook(lock.book, rows)).toEqual(lock.book);
  });

  it("grants 100,000 waiting readers in one pass", () => {
    const lock = new LockScenario();
    lock.ask("w", "exclusive");
    lock.ask("r", "shared");
    const readers = lock.book.queue.flatMap((claim) =>
      Array.from({ length: 100_000 }, (_, i) => ({ ...claim, member: i + 2, session_id: `r${i}` })),
    );
    lock.book = { ...lock.book, queue: readers };
    lock.release("w");
    expect(lock.book.holders).toHaveLength(100_000);
    expect(lock.book.token).toBe(100_001);
    lock.pass(30_000);
    lock.settle();
    expect(lock.holders).toEqual([]);
  });
});
