import { describe, expect, it } from "vitest";
import { estimatedWaitSeconds } from "./lock-book.ts";
import { LockScenario } from "./lock-scenario.fixture.ts";

function estimate(lock: LockScenario, session: string): number | undefined {
  return estimatedWaitSeconds(lock.book, lock.memberOf(session), lock.now);
}

describe("the estimated wait", () => {
  it("is there only for whoever waits", () => {
    const lock = new LockScenario();
    lock.ask("a", "shared");
    expect(estimate(lock, "a")).toBeUndefined();
    expect(estimate(lock, "nobody")).toBeUndefined();
  });

  it("counts the holder's rest and the TTLs of those ahead while no lease has ended yet", () => {
    const lock = new LockScenario();
    lock.ask("a", "exclusive", { ttl_ms: 30_000 });
    lock.ask("b", "exclusive", { ttl_ms: 20_000 });
    lock.ask("c", "exclusive");
    lock.pass(10_000);
    expect(estimate(lock, "b")).toBe(20);
    expect(estimate(lock, "c")).toBe(40);
  });

  it("counts with the observed hold time once there is one, but never beyond the holder's expiry", () => {
    const lock = new LockScenario();
    lock.ask("x", "exclusive");
    lock.pass(4_000);
    lock.release("x");
    lock.ask("a", "exclusive", { ttl_ms: 60_000 });
    lock.ask("b", "exclusive");
    lock.ask("c", "exclusive");
    lock.pass(1_000);
    expect(estimate(lock, "b")).toBe(3);
    expect(estimate(lock, "c")).toBe(7);
    lock.pass(10_000);
    expect(estimate(lock, "b")).toBe(0);
    expect(estimate(lock, "c")).toBe(4);
  });

  it("follows the hold times as they change", () => {
    const lock = new LockScenario();
    for (const held of [8_000, 16_000]) {
      lock.ask("x", "exclusive");
      lock.pass(held);
      lock.release("x");
    }
    expect(lock.book.mean_hold_ms).toBe(9_000);
    lock.ask("y", "exclusive");
    lock.pass(-5_000);
    lock.release("y");
    expect(lock.book.mean_hold_ms).toBe(7_875);
  });

  it("lets readers next to each other share a turn", () => {
    const lock = new LockScenario();
    lock.ask("w", "exclusive", { ttl_ms: 10_000 });
    lock.ask("r1", "shared", { ttl_ms: 20_000 });
    lock.ask("r2", "shared", { ttl_ms: 30_000 });
    lock.ask("w2", "exclusive", { ttl_ms: 40_000 });
    lock.ask("r3", "shared");
    expect(["r1", "r2", "w2", "r3"].map((session) => estimate(lock, session))).toEqual([10, 10, 40, 80]);
  });

  it("of an upgrade is the rest of the other holders, and those behind wait for its turn too", () => {
    const lock = new LockScenario();
    lock.ask("a", "shared", { ttl_ms: 60_000 });
    lock.ask("b", "shared", { ttl_ms: 10_000 });
    lock.ask("a", "exclusive", { ttl_ms: 5_000 });
    lock.ask("r", "shared");
    expect(estimate(lock, "a")).toBe(10);
    expect(estimate(lock, "r")).toBe(65);
  });

  it("of a counting lock follows the permits as they come free, then goes round", () => {
    const lock = new LockScenario(2);
    lock.ask("a", "exclusive", { ttl_ms: 20_000 });
    lock.ask("b", "exclusive", { ttl_ms: 10_000 });
    for (const session of ["c", "d", "e"]) lock.ask(session, "exclusive", { ttl_ms: 30_000 });
    expect(["c", "d", "e"].map((session) => estimate(lock, session))).toEqual([10, 20, 40]);
    lock.resize(1);
    expect(estimate(lock, "c")).toBe(20);
  });
});
