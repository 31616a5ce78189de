import { describe, expect, it } from "vitest";
import { Detector, type Found } from "./detector.ts";
import { LockWorld } from "./lock-world.fixture.ts";
import { WaitForGraph } from "./wait-for-graph.ts";

/** A world whose every change reaches the graph at once, and is searched from. */
class Observed {
  readonly world = new LockWorld();
  readonly graph = new WaitForGraph();
  readonly detector: Detector;

  constructor(budget?: number) {
    this.detector = new Detector(this.graph.order, budget);
  }

  ask(session: string, lock: string, mode: "shared" | "exclusive" = "exclusive"): Found[] {
    this.world.ask(session, lock, mode);
    return this.tell(lock);
  }

  tell(lock: string): Found[] {
    const report = this.world.report(lock);
    return report === undefined ? [] : this.detector.find(this.graph.apply(report, this.world.now).roots);
  }

  /** How many steps this took. */
  steps(run: () => unknown): number {
    const before = this.detector.steps;
    run();
    return this.detector.steps - before;
  }

  finish(): Found[] {
    const found: Found[] = [];
    while (this.detector.isBusy) found.push(...this.detector.slice());
    return found;
  }
}

/** s0 holds l-s0 and waits for l-s1, which s1 holds, and so on; the last closes the ring, if there is one. */
function chain(observed: Observed, length: number, name = "s"): void {
  for (let at = 0; at < length; at += 1) observed.ask(`${name}${at}`, `l-${name}${at}`);
  for (let at = 0; at < length - 1; at += 1) observed.ask(`${name}${at}`, `l-${name}${at + 1}`);
}

/** Two chains, of which one begins to wait for the other against the order. */
function joinedChains(observed: Observed, length: number): { behind: string; ahead: string; found: Found[] } {
  chain(observed, length, "s");
  chain(observed, length, "t");
  for (const [behind, ahead] of [["s", "t"] as const, ["t", "s"] as const]) {
    const [waiter, lock] = [`${behind}${length - 1}`, `l-${ahead}0`];
    const found = observed.ask(waiter, lock);
    if (observed.detector.isBusy) return { behind, ahead, found };
    observed.world.release(waiter, lock);
    observed.tell(lock);
  }
  throw new Error("one way or the other a wait has to disagree with the order");
}

function sessions([found]: readonly Found[]): string[] {
  return found?.cycle.map(({ wait }) => wait.session.session_id) ?? [];
}

describe("the search for cycles", () => {
  it("finds two sessions that wait for each other, with the request that closes the cycle", () => {
    const observed = new Observed();
    chain(observed, 2);
    expect(sessions(observed.ask("s1", "l-s0")).sort()).toEqual(["s0", "s1"]);
  });

  it("finds a ring of any length, each session followed by the one that it waits for", () => {
    const observed = new Observed();
    chain(observed, 50);
    const found = observed.ask("s49", "l-s0");
    expect(sessions(found)).toEqual(["s49", ...Array.from({ length: 49 }, (_, at) => `s${at}`)]);
    for (const { wait, next } of found[0]?.cycle ?? []) expect(next.holds.has(wait.lock)).toBe(true);
  });

  it("finds a ring of 10,000: within its budget, or parked and in slices", () => {
    const observed = new Observed();
    chain(observed, 10_000);
    const found = observed.ask("s9999", "l-s0");
    expect(sessions([...found, ...observed.finish()])).toHaveLength(10_000);
  });

  it("never takes an overflow for a deadlock: it parks the search, and a later slice decides", () => {
    const observed = new Observed(100);
    chain(observed, 1_000);
    expect(observed.ask("s999", "l-s0")).toEqual([]);
    expect(observed.detector.isBusy).toBe(true);
    const slices: Found[][] = [];
    while (observed.detector.isBusy) slices.push(observed.detector.slice(50));
    expect(slices.length).toBeGreaterThan(40);
    expect(slices.filter((found) => found.length > 0)).toHaveLength(1);
    expect(sessions(slices.flat())).toHaveLength(1_000);
  });

  it("searches alone, later, from those for whom others of the same report left too little of the budget", () => {
    const observed = new Observed(100);
    const { world, graph, detector } = observed;
    for (const ring of ["x", "y", "z"]) chain(observed, 30, ring);
    for (const ring of ["x", "y", "z"]) world.ask(`${ring}29`, `l-${ring}0`);
    const early = detector.find(world.reports().flatMap((report) => [...graph.apply(report, world.now).roots]));
    const late: Found[][] = [];
    while (detector.isBusy) late.push(detector.slice(1));
    const rings = [early, ...late].map((found) => new Set(sessions(found).map(([ring]) => ring)));
    expect(early).toHaveLength(1);
    // A scan in slices of one step would find nothing most of the time.
    for (const { size } of rings) expect(size).toBe(1);
    expect(new Set(rings.flatMap((ring) => [...ring]))).toEqual(new Set(["x", "y", "z"]));
  });

  it("finishes a parked search without a find when there is no cycle, with much ahead of it and many behind", () => {
    const observed = new Observed(100);
    expect(joinedChains(observed, 1_000).found).toEqual([]);
    expect(observed.finish()).toEqual([]);
  });

  it("finds, in one pass over all that was parked, one cycle for each knot", () => {
    const observed = new Observed(0);
    for (const ring of ["x", "y", "z"]) {
      for (const at of [0, 1, 2]) observed.ask(`${ring}${at}`, `${ring}-lock${at}`);
      for (const at of [0, 1, 2]) observed.ask(`${ring}${at}`, `${ring}-lock${(at + 1) % 3}`);
    }
    const found = observed.finish();
    expect(
      found.map(({ cycle }) =>
        cycle
          .map(({ wait }) => wait.session.session_id)
          .sort()
          .join(),
      ),
    ).toEqual(expect.arrayContaining(["x0,x1,x2", "y0,y1,y2", "z0,z1,z2"]));
    expect(found).toHaveLength(3);
  });

  it("finds a deadlock that closes while a scan is half way through it", () => {
    const observed = new Observed(100);
    const { ahead } = joinedChains(observed, 300);
    for (let slice = 0; slice < 3; slice += 1) observed.detector.slice(100);
    expect(observed.detector.isBusy).toBe(true);
    observed.ask(`${ahead}299`, `l-${ahead}200`);
    expect(sessions(observed.finish())).toHaveLength(100);
  });

  it("goes through sessions that were too far from one another to be put in order", () => {
    const observed = new Observed(100);
    const { behind, ahead } = joinedChains(observed, 200);
    expect(observed.finish()).toEqual([]);
    const found = [...observed.ask(`${ahead}199`, `l-${behind}100`), ...observed.finish()];
    expect(sessions(found)).toHaveLength(300);
  });

  it("goes through holders, of whom any may close the cycle", () => {
    const observed = new Observed();
    for (let at = 0; at < 100; at += 1) observed.ask(`reader${at}`, "shared-lock", "shared");
    observed.ask("w", "own");
    observed.ask("w", "shared-lock");
    expect(sessions(observed.ask("reader73", "own")).sort()).toEqual(["reader73", "w"]);
  });

  it("finds two upgraders of one lock, and none where only one upgrades", () => {
    const observed = new Observed();
    for (const session of ["a", "b", "c"]) observed.ask(session, "l", "shared");
    expect(observed.ask("a", "l")).toEqual([]);
    expect(sessions(observed.ask("c", "l")).sort()).toEqual(["a", "c"]);
  });

  it("finds a new holder that waits itself, when those who wait for the lock are on its way", () => {
    const observed = new Observed();
    observed.ask("h", "l");
    observed.ask("a", "l");
    observed.ask("b", "m");
    observed.ask("b", "l");
    expect(observed.ask("a", "m")).not.toEqual([]);
    observed.world.release("h", "l");
    expect(sessions(observed.tell("l")).sort()).toEqual(["a", "b"]);
  });

  it("finds a cycle through the order of a queue: somebody ahead waits elsewhere for somebody behind", () => {
    const observed = new Observed();
    observed.ask("h", "l");
    observed.ask("b", "m");
    observed.ask("a", "l");
    observed.ask("x", "l", "shared");
    observed.ask("b", "l");
    const found = observed.ask("a", "m");
    expect(sessions(found).sort()).toEqual(["a", "b"]);
  });

  it("finds it however long the way is, for somebody who holds nothing and is waited for in a queue only", () => {
    const observed = new Observed();
    chain(observed, 300);
    observed.ask("h", "l");
    observed.ask("a", "l");
    observed.ask("s299", "l");
    expect(sessions(observed.ask("a", "l-s0"))).toHaveLength(301);
  });

  it("sees no wait between readers who queue side by side", () => {
    const observed = new Observed();
    observed.ask("h", "l");
    observed.ask("b", "m");
    observed.ask("a", "l", "shared");
    observed.ask("b", "l", "shared");
    expect(observed.ask("a", "m")).toEqual([]);
  });

  it("sees the wait that begins when a reader between two others in the queue turns into a writer", () => {
    const observed = new Observed();
    observed.ask("h", "l");
    observed.ask("b", "m");
    observed.ask("a", "l", "shared");
    observed.ask("w", "l", "shared");
    observed.ask("b", "l", "shared");
    expect(observed.ask("a", "m")).toEqual([]);
    expect(sessions(observed.ask("w", "l", "exclusive")).sort()).toEqual(["a", "b"]);
  });

  it("does not take a session that waits for several locks for a deadlock", () => {
    const observed = new Observed();
    observed.ask("h", "l");
    observed.ask("h", "m");
    observed.ask("a", "l");
    expect(observed.ask("a", "m")).toEqual([]);
    expect(observed.ask("b", "l")).toEqual([]);
    expect(observed.ask("b", "m")).toEqual([]);
  });
});

describe("the cost of a wait", () => {
  it("is one step for whom nobody waits, be it the 10,000th waiter of a hot lock", () => {
    const observed = new Observed();
    observed.world.ask("h", "hot");
    for (let at = 0; at < 2_000; at += 1) observed.world.ask(`w${at}`, "hot");
    observed.tell("hot");
    expect(observed.steps(() => observed.ask("last", "hot"))).toBe(1);
  });

  it("does not grow with the waiters of a lock on the way, only with its holders", () => {
    const observed = new Observed();
    for (const holder of ["h0", "h1", "h2"]) observed.world.ask(holder, "hot", "shared");
    for (let at = 0; at < 2_000; at += 1) observed.world.ask(`w${at}`, "hot");
    observed.tell("hot");
    observed.ask("newcomer", "own");
    observed.ask("behind", "own");
    expect(observed.steps(() => observed.ask("newcomer", "hot"))).toBeLessThanOrEqual(5);
  });

  it("is small for whom few wait, however long the way ahead, and where the way is short, however many wait", () => {
    const observed = new Observed();
    chain(observed, 5_000);
    observed.ask("t", "free");
    observed.ask("u", "free");
    expect(observed.steps(() => observed.ask("t", "l-s0"))).toBeLessThan(200);
    observed.ask("h", "short");
    expect(observed.steps(() => observed.ask("s4999", "short"))).toBeLessThan(200);
  });

  it("is small for somebody ahead in a queue of the only one behind it, however long the way ahead", () => {
    const observed = new Observed();
    chain(observed, 1_000);
    observed.ask("h", "short");
    observed.ask("r", "own");
    observed.ask("r", "l-s0");
    observed.ask("u", "own");
    observed.ask("u", "l-s0");
    expect(observed.steps(() => observed.ask("r", "short"))).toBeLessThan(200);
  });

  it("is linear where many who wait for several locks stand in the same queues", () => {
    const observed = new Observed();
    observed.ask("h", "l");
    observed.ask("h", "m");
    for (let at = 0; at < 500; at += 1) {
      observed.ask(`w${at}`, "l");
      observed.ask(`w${at}`, "m");
    }
    expect(observed.steps(() => observed.ask("w500", "l"))).toBe(1);
    // Every pair of them would be 125,000 edges in each queue.
    expect(observed.steps(() => observed.ask("w500", "m"))).toBeLessThan(10_000);
  });
});
