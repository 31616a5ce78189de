import { describe, expect, it } from "vitest";
import { LockScenario } from "./lock-scenario.fixture.ts";

describe("abort", () => {
  it("ends a claim that still waits, and those behind it move up", () => {
    const lock = new LockScenario();
    lock.ask("a", "shared");
    lock.ask("victim", "exclusive");
    lock.ask("b", "shared");
    expect(lock.abort("victim")).toMatchObject({ session_id: "victim" });
    expect(lock.happened).toEqual(["aborted", "acquired"]);
    expect(lock.holders).toEqual(["a", "b"]);
  });

  it("leaves alone what was granted in the meantime, also when that is found out only now", () => {
    const lock = new LockScenario();
    lock.ask("a", "exclusive", { ttl_ms: 5_000 });
    lock.ask("b", "exclusive");
    lock.pass(5_000);
    expect(lock.abort("b")).toBeUndefined();
    expect(lock.holders).toEqual(["b"]);
    expect(lock.abort("b")).toBeUndefined();
    expect(lock.abort("nobody")).toBeUndefined();
    expect(lock.holders).toEqual(["b"]);
  });

  it("leaves alone a claim that timed out by itself", () => {
    const lock = new LockScenario();
    lock.ask("a", "exclusive");
    lock.ask("b", "exclusive", { wait_ms: 5_000 });
    lock.pass(5_000);
    expect(lock.abort("b")).toBeUndefined();
    expect(lock.happened).toEqual(["timed_out"]);
  });

  it("ends an upgrade that waits together with its lease", () => {
    const lock = new LockScenario();
    lock.ask("a", "shared");
    lock.ask("b", "shared");
    lock.ask("a", "exclusive");
    lock.ask("b", "exclusive");
    expect(lock.abort("b")).toMatchObject({ session_id: "b", token: 2 });
    expect(lock.happened).toEqual(["aborted", "acquired"]);
    expect(lock.book.holders).toMatchObject([{ session_id: "a", mode: "exclusive", token: 3 }]);
  });
});

describe("abortSession", () => {
  it("ends the session's lease or claim asked for before the abort", () => {
    const lock = new LockScenario();
    lock.ask("victim", "exclusive");
    lock.ask("b", "exclusive");
    lock.pass(1);
    expect(lock.abortAll("victim", lock.now)).toMatchObject([{ session_id: "victim", token: 1 }]);
    expect(lock.holders).toEqual(["b"]);
    expect(lock.touched).toEqual([1, 2]);
  });

  it("never ends what the victim's retry asked for, not even in the same millisecond", () => {
    const lock = new LockScenario();
    const aborted_at = lock.now;
    lock.ask("victim", "exclusive");
    lock.pass(1_000);
    expect(lock.abortAll("victim", aborted_at)).toEqual([]);
    expect(lock.holders).toEqual(["victim"]);
    expect(lock.touched).toEqual([]);
  });

  it("ends what was known of the victim whatever its clock says, and only what is the victim's", () => {
    const lock = new LockScenario();
    const aborted_at = lock.now;
    lock.pass(1_000);
    lock.ask("victim", "shared");
    lock.ask("other", "shared");
    const known = lock.book.holders.map(({ member }) => member);
    expect(lock.abortAll("victim", aborted_at, known)).toMatchObject([{ session_id: "victim", token: 1 }]);
    expect(lock.holders).toEqual(["other"]);
  });

  it("ends a claim asked for before the abort although it was granted after", () => {
    const lock = new LockScenario();
    lock.ask("a", "exclusive");
    lock.ask("victim", "exclusive");
    lock.pass(10);
    const aborted_at = lock.now;
    lock.pass(10);
    lock.release("a");
    expect(lock.abortAll("victim", aborted_at)).toMatchObject([{ session_id: "victim", token: 2 }]);
  });

  it("spares the session of the same name under another agent", () => {
    const lock = new LockScenario();
    lock.ask("victim", "exclusive", { agent_id: "another" });
    lock.pass(1);
    expect(lock.abortAll("victim", lock.now)).toEqual([]);
  });
});

describe("letIn", () => {
  it("lets a reader in ahead of the writers that alone hold it up, and tells whom it overtook", () => {
    const lock = new LockScenario();
    lock.ask("a", "shared");
    lock.ask("w", "exclusive");
    lock.ask("r1", "shared");
    lock.ask("r2", "shared");
    expect(lock.letIn("r2")).toMatchObject({ session_id: "r2", token: 2, member: 4 });
    expect(lock.events).toMatchObject([
      { kind: "reordered", ahead_of: [2, 3] },
      { kind: "acquired", waited: true },
    ]);
    expect(lock.holders).toEqual(["a", "r2"]);
    expect(lock.queue).toEqual(["w", "r1"]);
  });

  it("lets it in ahead of an upgrade that waits", () => {
    const lock = new LockScenario();
    lock.ask("a", "shared");
    lock.ask("b", "shared");
    lock.ask("a", "exclusive");
    lock.ask("r", "shared");
    expect(lock.letIn("r")).toMatchObject({ session_id: "r" });
    expect(lock.events[0]).toMatchObject({ kind: "reordered", ahead_of: [1] });
  });

  it("does nothing for a writer, against a writer that holds, on a counting lock, or for what no longer waits", () => {
    const shared = new LockScenario();
    shared.ask("a", "shared");
    shared.ask("w", "exclusive");
    const exclusive = new LockScenario();
    exclusive.ask("w", "exclusive");
    exclusive.ask("r", "shared");
    const counting = new LockScenario(1);
    counting.ask("a", "exclusive");
    counting.ask("b", "shared");
    for (const [lock, session] of [
      [shared, "w"],
      [shared, "a"],
      [shared, "nobody"],
      [exclusive, "r"],
      [counting, "b"],
    ] as const) {
      const before = lock.book;
      expect(lock.letIn(session)).toBeUndefined();
      expect(lock.book).toBe(before);
    }
  });
});
