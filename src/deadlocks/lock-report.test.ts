import { describe, expect, it } from "vitest";
import { LockWorld } from "./lock-world.fixture.ts";

const L = "database:orders";

describe("a lock's reports to the coordinator", () => {
  it("are none while nobody waits, however it is used", () => {
    const world = new LockWorld();
    world.ask("a", L);
    world.release("a", L);
    world.ask("b", L, "shared");
    world.ask("c", L, "shared");
    expect(world.report(L)).toBeUndefined();
  });

  it("begin with a snapshot when the queue becomes non-empty, upgrades first", () => {
    const world = new LockWorld();
    world.ask("a", L, "shared");
    world.ask("b", L, "shared");
    world.ask("c", L, "exclusive", { priority: 7 });
    world.now += 5;
    world.ask("b", L, "exclusive");
    const report = world.report(L);
    expect(report).toMatchObject({ kind: "snapshot", lock: L, epoch: 1, seq: 1 });
    expect(report?.holders).toMatchObject([
      { agent: "a", session: "a", lease: world.idIn("a", L), token: 1, mode: "shared", since: 1_000_000 },
      { session: "b", token: 2 },
    ]);
    expect(report?.queue).toMatchObject([
      { session: "b", claim: world.idIn("b", L), mode: "exclusive", since: 1_000_005 },
      { session: "c", claim: world.idIn("c", L), mode: "exclusive", since: 1_000_000, priority: 7 },
    ]);
  });

  it("go on as deltas, with everything since the last report merged", () => {
    const world = new LockWorld();
    world.ask("a", L);
    world.ask("b", L);
    world.ask("c", L);
    world.report(L);
    const [a, b] = [world.idIn("a", L), world.idIn("b", L)];
    world.ask("d", L, "shared");
    world.ask("e", L);
    world.release("e", L);
    world.release("a", L);
    expect(world.report(L)).toMatchObject({
      kind: "delta",
      after: 1,
      seq: 2,
      gone_leases: [a],
      gone_claims: [b],
      holders: [{ session: "b", lease: b, token: 2 }],
      queue: [{ session: "d", mode: "shared" }],
    });
    expect(world.report(L)).toBeUndefined();
  });

  it("pass over heartbeats", () => {
    const world = new LockWorld();
    world.ask("a", L);
    world.ask("b", L);
    world.report(L);
    world.now += 10;
    world.ask("a", L, "exclusive", { ttl_ms: 2e12 });
    expect(world.report(L)).toBeUndefined();
  });

  it("end with an empty snapshot when nobody waits any more", () => {
    const world = new LockWorld();
    world.ask("a", L);
    world.ask("b", L);
    world.report(L);
    world.release("b", L);
    expect(world.report(L)).toMatchObject({ kind: "snapshot", seq: 2, holders: [], queue: [] });
    expect(world.report(L)).toBeUndefined();
  });

  it("tell of an upgrade that is given up as a claim gone, with its lease unchanged", () => {
    const world = new LockWorld();
    world.ask("a", L, "shared");
    world.ask("b", L, "shared");
    world.ask("c", L);
    world.ask("b", L, "exclusive");
    world.report(L);
    const b = world.idIn("b", L);
    world.downgrade("b", L);
    expect(world.report(L)).toMatchObject({ kind: "delta", gone_leases: [], gone_claims: [b], holders: [], queue: [] });
  });

  it("tell of a claim that was granted and upgrades in the same millisecond, under the same id and in the same mode", () => {
    const world = new LockWorld();
    world.ask("a", L);
    world.ask("b", L);
    world.ask("c", L);
    world.report(L);
    world.release("a", L);
    world.downgrade("b", L);
    world.release("c", L);
    world.ask("d", L, "shared");
    world.ask("b", L, "exclusive");
    expect(world.report(L)).toMatchObject({
      holders: [{ session: "b", mode: "shared" }, { session: "d" }],
      queue: [{ session: "b", mode: "exclusive" }],
    });
  });

  it("repeat the same version when asked for a snapshot and nothing changed, else count up", () => {
    const world = new LockWorld();
    world.ask("a", L);
    world.ask("b", L);
    expect(world.snapshot(L)).toMatchObject({ seq: 1 });
    expect(world.snapshot(L)).toMatchObject({ seq: 1, queue: [{ session: "b" }] });
    world.ask("c", L);
    expect(world.snapshot(L)).toMatchObject({ seq: 2 });
    expect(world.report(L)).toBeUndefined();
  });

  it("begin anew under a higher epoch in the next life of the actor", () => {
    const world = new LockWorld();
    world.ask("a", L);
    world.ask("b", L);
    world.report(L);
    world.restart(L);
    expect(world.report(L)).toMatchObject({ kind: "snapshot", epoch: 2, seq: 1, queue: [{ session: "b" }] });
  });

  it("exist for an agent lock of one permit only: with a second one it leaves the graph, and comes back without it", () => {
    const world = new LockWorld();
    world.lock(L, 1);
    for (const session of ["a", "b", "c"]) world.ask(session, L);
    expect(world.report(L)).toMatchObject({ holders: [{ session: "a", mode: "exclusive" }], queue: [{}, {}] });
    world.resize(L, 2);
    expect(world.report(L)).toMatchObject({ kind: "snapshot", holders: [], queue: [] });
    expect(world.report(L)).toBeUndefined();
    world.resize(L, 1);
    expect(world.report(L)).toMatchObject({ holders: [{ session: "a" }, { session: "b" }], queue: [{ session: "c" }] });
  });
});
