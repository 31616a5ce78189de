/**
 * The coordinator against the truth: random histories of real lock books, few sessions on few locks, with reports and calls
 * that are late, lost or overtake one another, and actors that are evicted in between.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CoordinatorScenario, type Watching } from "./coordination.fixture.ts";
import { LockWorld } from "./lock-world.fixture.ts";
import type { Case, DoomedCase } from "./resolution.ts";

const SESSIONS = ["a", "b", "c", "d", "e", "f"];
const LOCKS = ["database:l1", "database:l2", "database:l3", "database:l4"];

/** A lock of permits: with one of them it is in the graph, with more it is not. */
const AGENT = "agent:worker";

const session = fc.constantFrom(...SESSIONS);
const lock = fc.constantFrom(...LOCKS);
const mode = fc.constantFrom("shared" as const, "exclusive" as const);
const at = fc.nat(30);

const ask = fc.record({ do: fc.constant("ask" as const), session, lock, mode });
const calmClient = fc.oneof(
  { weight: 8, arbitrary: ask },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("release" as const), session, lock }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("downgrade" as const), session, lock }) },
);
const network = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("report" as const), lock }) },
  { weight: 10, arbitrary: fc.record({ do: fc.constant("deliver" as const), at }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("lose" as const), at }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("beat" as const), lock }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("restart_lock" as const), lock }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("tick" as const) }) },
);
const impatientClient = fc.record({
  do: fc.constant("ask" as const),
  session,
  lock: fc.constantFrom(...LOCKS, AGENT),
  mode,
  ttl_ms: fc.integer({ min: 1, max: 60 }),
  wait_ms: fc.integer({ min: 1, max: 60 }),
});

const resize = fc.record({ do: fc.constant("resize" as const), capacity: fc.integer({ min: 1, max: 3 }) });

type Step =
  | (typeof resize extends fc.Arbitrary<infer T> ? T : never)
  | (typeof network extends fc.Arbitrary<infer T> ? T : never)
  | (typeof calmClient extends fc.Arbitrary<infer T> ? T : never)
  | (typeof impatientClient extends fc.Arbitrary<infer T> ? T : never);

const budget = fc.constantFrom(1, 3, 20_000);
const patientHistory = fc.array(fc.oneof({ weight: 2, arbitrary: calmClient }, { weight: 3, arbitrary: network }), {
  minLength: 30,
  maxLength: 120,
  size: "max",
});
const impatientHistory = fc.array(
  fc.oneof(
    { weight: 2, arbitrary: impatientClient },
    { weight: 1, arbitrary: calmClient },
    { weight: 1, arbitrary: resize },
    { weight: 4, arbitrary: network },
  ),
  { minLength: 30, maxLength: 120, size: "max" },
);

/** `patient`: as threads of work are, a session that waits does nothing but ask for more. */
function play(history: readonly Step[], scenario: CoordinatorScenario, { patient }: { patient: boolean }): void {
  const { world } = scenario;
  for (const step of history) {
    world.now += 1;
    const blocked = patient && "session" in step && world.isWaiting(step.session);
    switch (step.do) {
      case "ask":
        world.ask(step.session, step.lock, step.mode, "ttl_ms" in step ? step : {});
        break;
      case "release":
      case "downgrade":
        if (!blocked) world[step.do](step.session, step.lock);
        break;
      case "report":
      case "beat":
        scenario[step.do](step.lock);
        break;
      case "deliver":
      case "lose":
        scenario[step.do](step.at % Math.max(1, scenario.underWay.length));
        break;
      case "resize":
        world.resize(AGENT, step.capacity);
        break;
      case "restart_lock":
        world.restart(step.lock);
        break;
      case "restart":
      case "tick":
        scenario[step.do]();
    }
  }
}

describe("the coordinator, whatever happens to its messages", () => {
  it("leaves no deadlock, takes a victim only from a real one that no reader could end, and one per cycle", () => {
    let victims = 0;
    let hard = 0;
    let readers = 0;
    fc.assert(
      fc.property(patientHistory, budget, (history, steps) => {
        const world = new LockWorld();
        const askedAt = new Map<string, number>();
        const watching: Watching = {
          asked: ({ id }) => askedAt.set(id, world.changes),
          answered: ({ lock, claim, verdict }) => {
            if (verdict === "hard") expect(world.canLetIn(lock, claim)).toBe(false);
          },
          aborting: ({ id, victim }) => {
            // After a restart the call is repeated and finds its work done.
            if (world.idIn(victim.session_id, victim.lock) !== victim.claim) return;
            expect(world.isKnot([victim])).toBe(true);
            // Somebody outside the cycle may have given up a lease since, and so have made a link soft.
            if (askedAt.get(id) !== world.changes) return;
            hard += 1;
            expect(world.isKnot([victim], world.waits({ softToo: false }))).toBe(true);
          },
        };
        const scenario = new CoordinatorScenario(world, { budget: steps, ...watching });
        play(history, scenario, { patient: true });
        scenario.settle();
        expect(world.hasDeadlock()).toBe(false);
        victims += scenario.resolved.length;
        readers += scenario.letIn.length;
      }),
      { numRuns: 1000 },
    );
    expect(victims).toBeGreaterThan(50);
    expect(hard).toBeGreaterThan(50);
    expect(readers).toBeGreaterThan(10);
  });

  it("confirms no cycle that was not real when it asked, even if leases lapse and clients give up", () => {
    let condemned = 0;
    fc.assert(
      fc.property(impatientHistory, budget, (history, steps) => {
        const world = new LockWorld();
        world.lock(AGENT, 1);
        const real = new Set<string>();
        const scenario = new CoordinatorScenario(world, {
          budget: steps,
          asked: ({ id, links }: Case) => {
            if (world.isKnot(links)) real.add(id);
          },
          condemned: ({ id }: DoomedCase) => {
            condemned += 1;
            expect(real.has(id)).toBe(true);
          },
        });
        play(history, scenario, { patient: false });
        scenario.settle();
        expect(world.hasDeadlock()).toBe(false);
      }),
      { numRuns: 1000 },
    );
    expect(condemned).toBeGreaterThan(20);
  });

  it("without any delay finds a cycle exactly when one is there", () => {
    fc.assert(
      fc.property(fc.array(calmClient, { minLength: 10, maxLength: 60, size: "max" }), budget, (history, steps) => {
        const world = new LockWorld();
        let found = 0;
        const scenario = new CoordinatorScenario(world, { budget: steps, aborting: () => found++ });
        for (const step of history) {
          play([step], scenario, { patient: true });
          const before = found + scenario.letIn.length;
          const isReal = world.hasDeadlock();
          scenario.flush();
          expect(found + scenario.letIn.length > before).toBe(isReal);
          expect(world.hasDeadlock()).toBe(false);
        }
      }),
      { numRuns: 300 },
    );
  });
});
