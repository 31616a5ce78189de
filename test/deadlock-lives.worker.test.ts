import { abortAllDurableObjects, evictDurableObject, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Lock } from "../src/locks/contract.ts";
import {
  agents,
  ask,
  COORDINATOR,
  crossing,
  graph,
  held,
  read,
  release,
  resolved,
  spied,
  waits,
} from "./support/deadlocks.ts";
import { eventually, ok, pass, refusal, stopClock } from "./support/stage.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("a deadlock that is pending while objects die", () => {
  it("is found after the coordinator was aborted: it asks the locks whose names it stored", async () => {
    const { stage, a, b } = await agents();
    const { forTwo } = await crossing(a, b);
    await eventually(async () => expect((await graph(stage)).edges).toHaveLength(1));
    const forOne = ok<Lock>(await ask(b, "db:one"), 202);
    await stage.abort(COORDINATOR);
    await stage.ring(COORDINATOR);
    await resolved(stage);
    expect(refusal(await read(b, forOne))).toEqual([423, "DEADLOCK_DETECTED"]);
    ok(await forTwo, 201);
  });

  it("is found after every object was aborted at once", async () => {
    const { stage, a, b } = await agents();
    stopClock();
    await held(a, "db:one");
    await held(b, "db:two");
    const forTwo = ok<Lock>(await ask(a, "db:two"), 202);
    await eventually(async () => expect((await graph(stage)).edges).toHaveLength(1));
    const forOne = ok<Lock>(await ask(b, "db:one"), 202);
    await abortAllDurableObjects();
    pass(5_000);
    for (const key of [COORDINATOR, "resource:db:one", "resource:db:two"]) await stage.ring(key);
    await resolved(stage);
    expect(refusal(await read(b, forOne))).toEqual([423, "DEADLOCK_DETECTED"]);
    expect(ok<Lock>(await read(a, forTwo))).toMatchObject({ status: "held" });
  });

  it("is found although no report ever arrived: contended locks repeat how they stand", async () => {
    const { stage, a, b } = await agents();
    stopClock();
    await held(a, "db:one");
    pass(2);
    await held(b, "db:two");
    ok(await ask(a, "db:two"), 202);
    ok(await ask(b, "db:one"), 202);
    // Nothing of this instant outlives the crash but what the two locks committed.
    await abortAllDurableObjects();
    pass(5_000);
    await stage.ring("resource:db:one");
    await stage.ring("resource:db:two");
    await resolved(stage);
  });

  it("is brought to its end by the next life when the coordinator dies after it chose the victim", async () => {
    const { stage, a, b } = await agents();
    const { forTwo } = await crossing(a, b);
    await eventually(async () => expect((await graph(stage)).edges).toHaveLength(1));
    // The victim's lock does not answer the abort in this life of the coordinator.
    const { spy } = await spied(stage, "resource:db:one", "abortClaim");
    spy.mockRejectedValue(new Error("lost, for a test"));
    const forOne = ok<Lock>(await ask(b, "db:one"), 202);
    await eventually(() =>
      runInDurableObject(stage.stub(COORDINATOR), (_, state) => {
        expect(state.storage.sql.exec("SELECT id FROM doomed").toArray()).toHaveLength(1);
      }),
    );
    await stage.abort(COORDINATOR);
    spy.mockRestore();
    // Whatever wakes it.
    await graph(stage);
    await resolved(stage);
    expect(refusal(await read(b, forOne))).toEqual([423, "DEADLOCK_DETECTED"]);
    ok(await forTwo, 201);
  });

  it("is found after its locks were evicted between the two waits", async () => {
    const { stage, a, b } = await agents();
    await held(a, "db:one");
    await held(b, "db:two");
    ok(await ask(a, "db:two"), 202);
    await eventually(async () => expect((await graph(stage)).edges).toHaveLength(1));
    for (const key of ["resource:db:one", "resource:db:two", COORDINATOR]) await evictDurableObject(stage.stub(key));
    ok(await ask(b, "db:one"), 202);
    await stage.ring(COORDINATOR);
    await resolved(stage);
  });
});

describe("a lock that comes back on a machine whose clock is behind", () => {
  it("is believed: what it said before is over, and the next deadlock is found", async () => {
    const { stage, a, b } = await agents();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 600_000 });
    await held(a, "db:one");
    await held(b, "db:two");
    const claim = ok<Lock>(await ask(a, "db:two"), 202);
    await eventually(async () => expect((await graph(stage)).edges).toHaveLength(1));
    vi.useRealTimers();
    await evictDurableObject(stage.stub("resource:db:two"));
    await release(a, claim);
    await eventually(async () => expect((await graph(stage)).edges).toEqual([]));
    const forTwo = waits(a, "db:two");
    expect(refusal(await waits(b, "db:one"))).toEqual([423, "DEADLOCK_DETECTED"]);
    ok(await forTwo, 201);
  });
});
