import { describe, expect, it } from "vitest";
import { positionOf } from "./lock-book.ts";
import { LockScenario } from "./lock-scenario.fixture.ts";

describe("a grant", () => {
  it("is given at once on a free lock, with token 1 and an expiry of now + ttl", () => {
    const lock = new LockScenario();
    const answer = lock.ask("a", "exclusive", { ttl_ms: 5_000, purpose: "migrate" });
    expect(answer).toMatchObject({
      kind: "held",
      reentrant: false,
      lease: { member: 1, token: 1, acquired_at: lock.now, expires_at: lock.now + 5_000, purpose: "migrate" },
    });
    expect(lock.happened).toEqual(["acquired"]);
    expect(lock.touched).toEqual([1]);
  });

  it("is given to every reader while only readers hold and wait", () => {
    const lock = new LockScenario();
    lock.ask("a", "shared");
    lock.ask("b", "shared");
    expect(lock.holders).toEqual(["a", "b"]);
  });

  it("is not given to a writer while a reader holds, nor to anybody while a writer holds", () => {
    const lock = new LockScenario();
    lock.ask("reader", "shared");
    expect(lock.ask("writer", "exclusive")).toMatchObject({ kind: "queued", position: 1 });
    lock.release("reader");
    expect(lock.holders).toEqual(["writer"]);
    expect(lock.ask("late reader", "shared")).toMatchObject({ kind: "queued", position: 1 });
  });

  it("makes a reader wait behind a queued writer, so that writers do not starve", () => {
    const lock = new LockScenario();
    lock.ask("a", "shared");
    lock.ask("writer", "exclusive");
    expect(lock.ask("b", "shared")).toMatchObject({ kind: "queued", position: 2 });
    expect(lock.holders).toEqual(["a"]);
  });

  it("goes to all leading readers together, and to none behind the next writer", () => {
    const lock = new LockScenario();
    lock.ask("w1", "exclusive");
    for (const reader of ["r1", "r2", "r3"]) lock.ask(reader, "shared");
    lock.ask("w2", "exclusive");
    lock.ask("r4", "shared");
    lock.release("w1");
    expect(lock.holders).toEqual(["r1", "r2", "r3"]);
    expect(lock.queue).toEqual(["w2", "r4"]);
    expect(lock.happened).toEqual(["released", "acquired", "acquired", "acquired"]);
    expect(lock.touched).toEqual([1, 2, 3, 4]);
  });

  it("keeps the id of the claim, and its age counts from the grant", () => {
    const lock = new LockScenario();
    lock.ask("a", "exclusive");
    const asked = lock.now;
    lock.ask("b", "exclusive", { ttl_ms: 7_000 });
    lock.pass(1_000);
    lock.release("a");
    const b = { member: 2, token: 2, requested_at: asked, acquired_at: lock.now, expires_at: lock.now + 7_000 };
    expect(lock.book.holders).toMatchObject([b]);
    expect(lock.book.holders[0]).not.toHaveProperty("deadline");
    expect(lock.events.at(-1)).toMatchObject({ kind: "acquired", waited: true, upgraded: false });
  });

  it("unblocks those behind a waiter that withdraws, times out or is aborted", () => {
    const vanish: Record<string, (lock: LockScenario) => void> = {
      withdraws: (lock) => lock.release("writer"),
      "times out": (lock) => {
        lock.pass(5_000);
        lock.settle();
      },
      "is aborted": (lock) => lock.abort("writer"),
    };
    for (const [how, vanishing] of Object.entries(vanish)) {
      const lock = new LockScenario();
      lock.ask("a", "shared");
      lock.ask("writer", "exclusive", { wait_ms: 5_000 });
      lock.ask("b", "shared");
      vanishing(lock);
      expect(lock.holders, how).toEqual(["a", "b"]);
    }
  });

  it("is refused to a try without queueing it, naming the holder or, where none conflicts, the waiter ahead", () => {
    const lock = new LockScenario();
    lock.ask("a", "shared");
    expect(lock.ask("b", "exclusive", { wait_ms: 0 })).toMatchObject({ kind: "refused", blocker: { session_id: "a" } });
    expect(lock.touched).toEqual([]);
    lock.ask("writer", "exclusive");
    expect(lock.ask("b", "shared", { wait_ms: 0 })).toMatchObject({
      kind: "refused",
      blocker: { session_id: "writer" },
    });
    expect(lock.queue).toEqual(["writer"]);
  });
});

describe("the same session again", () => {
  it("gets the same lease, its expiry never earlier, and one release frees it", () => {
    const lock = new LockScenario();
    lock.ask("a", "exclusive", { ttl_ms: 20_000 });
    const expires_at = lock.now + 20_000;
    expect(lock.ask("a", "exclusive", { ttl_ms: 5_000 })).toMatchObject({
      kind: "held",
      reentrant: true,
      lease: { member: 1, token: 1, expires_at },
    });
    expect(lock.touched).toEqual([]);
    lock.pass(1_000);
    lock.ask("a", "exclusive", { ttl_ms: 20_000 });
    expect(lock.book.holders).toMatchObject([{ member: 1, token: 1, expires_at: expires_at + 1_000 }]);
    expect(lock.touched).toEqual([1]);
    expect(lock.happened).toEqual([]);
    lock.release("a");
    expect(lock.holders).toEqual([]);
  });

  it("keeps its exclusive lease when it asks for shared", () => {
    const lock = new LockScenario();
    lock.ask("a", "exclusive");
    expect(lock.ask("a", "shared")).toMatchObject({ kind: "held", reentrant: true, lease: { mode: "exclusive" } });
  });

  it("re-enters its shared lease ahead of a queued writer, even as a try and with a full queue", () => {
    const lock = new LockScenario();
    lock.ask("a", "shared");
    lock.ask("writer", "exclusive", { queue_max: 1 });
    expect(lock.ask("a", "shared", { queue_max: 1, wait_ms: 0 })).toMatchObject({ kind: "held", reentrant: true });
  });

  it("is another session under another agent", () => {
    const lock = new LockScenario();
    lock.ask("s", "exclusive", { agent_id: "alice" });
    expect(lock.ask("s", "exclusive", { agent_id: "mallory" })).toMatchObject({ kind: "queued", position: 1 });
  });

  it("gets the same claim while queued, unchanged, also when the queue is full", () => {
    const lock = new LockScenario();
    lock.ask("a", "exclusive");
    lock.ask("b", "exclusive");
    const [claim] = lock.book.queue;
    lock.pass(1_000);
    expect(lock.ask("b", "exclusive", { queue_max: 1, wait_ms: 9_000 })).toEqual({
      kind: "queued",
      waiter: claim,
      position: 1,
    });
    expect(lock.ask("b", "shared")).toMatchObject({ kind: "queued", waiter: { mode: "exclusive" } });
    expect(lock.touched).toEqual([]);
  });

  it("turns its queued shared claim exclusive in its place when it asks for more", () => {
    const lock = new LockScenario();
    lock.ask("w", "exclusive");
    lock.ask("a", "shared");
    lock.ask("b", "shared");
    expect(lock.ask("a", "exclusive")).toMatchObject({
      kind: "queued",
      waiter: { member: 2, mode: "exclusive" },
      position: 1,
    });
    expect(lock.happened).toEqual(["mode_changed"]);
    expect(lock.touched).toEqual([2]);
    lock.release("w");
    expect(lock.holders).toEqual(["a"]);
    expect(lock.queue).toEqual(["b"]);
  });

  it("is refused a try while its claim is queued, and the claim stays as it was", () => {
    const lock = new LockScenario();
    lock.ask("w", "exclusive");
    lock.ask("a", "shared");
    for (const mode of ["shared", "exclusive"] as const) {
      expect(lock.ask("a", mode, { wait_ms: 0 })).toMatchObject({ kind: "refused", blocker: { session_id: "w" } });
    }
    expect(lock.book.queue).toMatchObject([{ session_id: "a", mode: "shared" }]);
  });

  it("gets a fresh lease with a new token when its old one expired this very instant", () => {
    const lock = new LockScenario();
    lock.ask("a", "exclusive", { ttl_ms: 5_000 });
    lock.pass(5_000);
    expect(lock.ask("a", "exclusive")).toMatchObject({
      kind: "held",
      reentrant: false,
      lease: { member: 2, token: 2 },
    });
    expect(lock.happened).toEqual(["expired", "acquired"]);
    expect(lock.touched).toEqual([1, 2]);
  });

  it("queues behind the waiter that inherits its expired lease", () => {
    const lock = new LockScenario();
    lock.ask("a", "exclusive", { ttl_ms: 5_000 });
    lock.ask("b", "exclusive");
    lock.pass(5_000);
    expect(lock.ask("a", "exclusive")).toMatchObject({ kind: "queued", waiter: { member: 3 }, position: 1 });
    expect(lock.holders).toEqual(["b"]);
  });

  it("re-enters the lease that its claim becomes in the same instant", () => {
    const lock = new LockScenario();
    lock.ask("a", "exclusive", { ttl_ms: 5_000 });
    lock.ask("b", "exclusive");
    lock.pass(5_000);
    expect(lock.ask("b", "exclusive")).toMatchObject({ kind: "held", reentrant: true, lease: { member: 2, token: 2 } });
    expect(lock.touched).toEqual([1, 2]);
  });
});

describe("an upgrade", () => {
  it("of the sole holder is granted at once, ahead of the queue, with a new token and the same id and age", () => {
    const lock = new LockScenario();
    lock.ask("a", "shared", { ttl_ms: 60_000 });
    const acquired_at = lock.now;
    lock.ask("writer", "exclusive");
    lock.pass(1_000);
    expect(lock.ask("a", "exclusive", { wait_ms: 0, ttl_ms: 5_000 })).toMatchObject({
      kind: "held",
      reentrant: false,
      lease: { member: 1, token: 2, mode: "exclusive", acquired_at, expires_at: acquired_at + 60_000 },
    });
    expect(lock.events).toMatchObject([{ kind: "acquired", waited: false, upgraded: true }]);
    expect(lock.queue).toEqual(["writer"]);
  });

  it("waits first in the queue for the other holders, keeping its lease shared", () => {
    const lock = new LockScenario();
    lock.ask("a", "shared");
    lock.ask("b", "shared");
    lock.ask("writer", "exclusive");
    expect(lock.ask("a", "exclusive")).toMatchObject({
      kind: "queued",
      waiter: { member: 1, mode: "shared", token: 1, upgrade: { deadline: lock.now + 60_000 } },
      position: 1,
    });
    expect(positionOf(lock.book, lock.memberOf("writer"))).toBe(2);
    lock.release("b");
    expect(lock.book.holders).toMatchObject([{ session_id: "a", mode: "exclusive", token: 3 }]);
    expect(lock.book.holders[0]).not.toHaveProperty("upgrade");
    expect(lock.events.at(-1)).toMatchObject({ kind: "acquired", waited: true, upgraded: true });
    expect(lock.queue).toEqual(["writer"]);
  });

  it("lets no new reader in while it waits", () => {
    const lock = new LockScenario();
    lock.ask("a", "shared");
    lock.ask("b", "shared");
    lock.ask("a", "exclusive");
    expect(lock.ask("c", "shared", { wait_ms: 0 })).toMatchObject({ kind: "refused", blocker: { session_id: "a" } });
    expect(lock.ask("c", "shared")).toMatchObject({ kind: "queued", position: 2 });
  });

  it("refused as a try, or with a full queue, leaves the shared lease", () => {
    const lock = new LockScenario();
    lock.ask("a", "shared");
    lock.ask("b", "shared");
    expect(lock.ask("a", "exclusive", { wait_ms: 0 })).toMatchObject({ kind: "refused", blocker: { session_id: "b" } });
    expect(lock.ask("a", "exclusive", { queue_max: 0 })).toEqual({ kind: "full", depth: 0 });
    expect(lock.book.holders).toMatchObject([{ session_id: "a", mode: "shared", token: 1 }, { session_id: "b" }]);
    expect(lock.book.holders[0]).not.toHaveProperty("upgrade");
  });

  it("asked for again is the same upgrade; shared asked meanwhile only re-enters", () => {
    const lock = new LockScenario();
    lock.ask("a", "shared");
    lock.ask("b", "shared");
    lock.ask("a", "exclusive");
    const before = lock.book;
    lock.pass(1_000);
    expect(lock.ask("a", "exclusive")).toMatchObject({ kind: "queued", position: 1 });
    expect(lock.book).toBe(before);
    expect(lock.ask("a", "shared")).toMatchObject({ kind: "held", reentrant: true, lease: { mode: "shared" } });
    expect(lock.book.holders[0]).toHaveProperty("upgrade");
  });

  it("goes with its lease when that expires, although the upgrade's own wait is not over", () => {
    const lock = new LockScenario();
    lock.ask("a", "shared", { ttl_ms: 5_000 });
    lock.ask("b", "shared");
    lock.ask("a", "exclusive");
    lock.ask("c", "shared");
    lock.pass(5_000);
    lock.settle();
    expect(lock.happened).toEqual(["expired", "acquired"]);
    expect(lock.holders).toEqual(["b", "c"]);
  });

  it("that waited too long leaves the shared lease and lets the readers behind it in", () => {
    const lock = new LockScenario();
    lock.ask("a", "shared");
    lock.ask("b", "shared");
    lock.ask("a", "exclusive", { wait_ms: 5_000 });
    lock.ask("c", "shared");
    lock.pass(5_000);
    lock.settle();
    expect(lock.happened).toEqual(["timed_out", "acquired"]);
    expect(lock.book.holders).toMatchObject([
      { session_id: "a", mode: "shared", token: 1 },
      { session_id: "b" },
      { session_id: "c" },
    ]);
    expect(lock.touched).toEqual([1, lock.memberOf("c")]);
  });

  it("is not granted when the other holder goes in the instant in which its wait is over", () => {
    const lock = new LockScenario();
    lock.ask("a", "shared");
    lock.ask("b", "shared", { ttl_ms: 5_000 });
    lock.ask("a", "exclusive", { wait_ms: 5_000 });
    lock.pass(5_000);
    lock.settle();
    expect(lock.book.holders).toMatchObject([{ session_id: "a", mode: "shared", token: 1 }]);
  });

  it("is given up together with the lease by a release", () => {
    const lock = new LockScenario();
    lock.ask("a", "shared");
    lock.ask("b", "shared");
    lock.ask("a", "exclusive");
    lock.ask("c", "shared");
    expect(lock.release("a")).toMatchObject({ kind: "released", lease: { upgrade: {} } });
    expect(lock.holders).toEqual(["b", "c"]);
  });

  it("stays a wait while a heartbeat keeps its lease alive", () => {
    const lock = new LockScenario();
    lock.ask("a", "shared");
    lock.ask("b", "shared");
    lock.ask("a", "exclusive");
    lock.pass(10_000);
    expect(lock.heartbeat("a")).toMatchObject({ kind: "held", lease: { mode: "shared", upgrade: {} } });
    expect(lock.entry("a")).toMatchObject({ expires_at: lock.now + 30_000, upgrade: { deadline: lock.now + 50_000 } });
  });

  it("of a second holder waits behind the first one's: a deadlock, until one of them gives in", () => {
    const lock = new LockScenario();
    lock.ask("a", "shared");
    lock.ask("b", "shared");
    lock.ask("b", "exclusive");
    lock.pass(1);
    expect(lock.ask("a", "exclusive")).toMatchObject({ kind: "queued", position: 2 });
    lock.abort("a");
    expect(lock.book.holders).toMatchObject([{ session_id: "b", mode: "exclusive", token: 3 }]);
  });
});

describe("the queue limit", () => {
  it("refuses the claim that is one too many and leaves the queue as it was", () => {
    const lock = new LockScenario();
    lock.ask("a", "exclusive");
    lock.ask("b", "exclusive", { queue_max: 2 });
    lock.ask("c", "shared", { queue_max: 2 });
    const before = lock.book;
    expect(lock.ask("d", "shared", { queue_max: 2 })).toEqual({ kind: "full", depth: 2 });
    expect(lock.events).toEqual([{ kind: "queue_full", depth: 2 }]);
    expect(lock.book).toBe(before);
  });

  it("does not answer a try, which never queues", () => {
    const lock = new LockScenario();
    lock.ask("a", "exclusive");
    expect(lock.ask("b", "exclusive", { queue_max: 0, wait_ms: 0 })).toMatchObject({ kind: "refused" });
  });

  it("does not count what ran out of time", () => {
    const lock = new LockScenario();
    lock.ask("a", "exclusive");
    lock.ask("b", "exclusive", { wait_ms: 5_000 });
    lock.pass(5_000);
    expect(lock.ask("c", "exclusive", { queue_max: 1 })).toMatchObject({ kind: "queued", position: 1 });
  });
});
