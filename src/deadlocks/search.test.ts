/** The search and the order that it keeps up, against the literal conflicts of real lock books, deadlocks and all. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { eachBlocked, eachBlocker } from "./blockers.ts";
import { linksOf } from "./cycle.ts";
import { Detector, type Found } from "./detector.ts";
import type { Node, SessionNode } from "./graph-node.ts";
import { LockWorld } from "./lock-world.fixture.ts";
import { WaitForGraph } from "./wait-for-graph.ts";

const session = fc.constantFrom("a", "b", "c", "d", "e", "f", "g", "h", "i", "j");
const lock = fc.nat(9).map((n) => `database:l${n}`);
const mode = fc.constantFrom("shared" as const, "exclusive" as const);
const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant("ask" as const), session, lock, mode }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("release" as const, "downgrade" as const), session, lock }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("again" as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
/** Steps whose reports come together. */
const batch = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(step) },
  { weight: 1, arbitrary: fc.array(step, { minLength: 2, maxLength: 4, size: "max" }) },
);
const history = fc.array(batch, { minLength: 10, maxLength: 80, size: "max" });

/** A world whose every change is searched at once. What is found stays, and is searched again when a step says so. */
class Watched {
  readonly world = new LockWorld();
  readonly graph = new WaitForGraph();
  readonly detector: Detector;
  /** Where cycles were found that may still be there. */
  readonly kept = new Set<SessionNode>();

  constructor(budget?: number) {
    this.detector = new Detector(this.graph.order, budget);
  }

  play(steps: readonly Step[]): readonly Found[] {
    const { world, graph } = this;
    for (const one of steps) {
      if (one.do === "again") continue;
      if (one.do === "ask") world.ask(one.session, one.lock, one.mode);
      else world[one.do](one.session, one.lock);
    }
    const found = this.#find(world.reports().flatMap((report) => [...graph.apply(report, world.now).roots]));
    if (!steps.some((one) => one.do === "again")) return found;
    return [...found, ...this.again(), ...this.detector.slice()];
  }

  again(): readonly Found[] {
    return [...this.kept].flatMap((root) => {
      this.kept.delete(root);
      const found = this.#find([root]);
      if (!this.detector.isBusy) expect(found.length > 0).toBe(isOnCycle(root));
      return found;
    });
  }

  nodes(): Node[] {
    const nodes = new Set<Node>(this.graph.sessions());
    for (const node of nodes) for (const each of [eachBlocker, eachBlocked]) each(node, (other) => nodes.add(other));
    return [...nodes];
  }

  #find(roots: Iterable<SessionNode>): readonly Found[] {
    const found = this.detector.find(new Set(roots));
    for (const { again } of found) for (const root of again) this.kept.add(root);
    return found;
  }
}

/** Whether a way leads back to it, whatever the order says. */
function isOnCycle(root: SessionNode): boolean {
  const reached = new Set<Node>();
  eachBlocker(root, (to) => reached.add(to));
  for (const node of reached) eachBlocker(node, (to) => reached.add(to));
  return reached.has(root);
}

function edges(nodes: readonly Node[], each: typeof eachBlocker): Map<Node, Set<Node>> {
  return new Map(
    nodes.map((node) => {
      const others = new Set<Node>();
      each(node, (other) => others.add(other));
      return [node, others];
    }),
  );
}

describe("after each change", () => {
  it("whatever is in order stands below all that it waits for, and the same edges lead back", () => {
    let inOrder = 0;
    fc.assert(
      fc.property(history, fc.constantFrom(1, 5, undefined), (steps, budget) => {
        const watched = new Watched(budget);
        for (const one of steps) {
          watched.play(one);
          const nodes = watched.nodes();
          const [ahead, back] = [edges(nodes, eachBlocker), edges(nodes, eachBlocked)];
          const isIn = (node: Node) => node.kind !== "session" || node.settled;
          for (const [node, waitsFor] of ahead) {
            for (const to of waitsFor) {
              if (!back.get(to)?.has(node)) throw new Error("an edge leads one way only");
              if (!isIn(node) || !isIn(to)) continue;
              if (node.rank >= to.rank) throw new Error("an edge leads downwards");
              inOrder += 1;
            }
          }
          const count = (edges: Map<Node, Set<Node>>) => [...edges.values()].reduce((sum, { size }) => sum + size, 0);
          expect(count(back)).toBe(count(ahead));
          const present = new Set(nodes);
          expect([...watched.graph.order.nodes].filter((node) => !present.has(node))).toEqual([]);
        }
      }),
      { numRuns: 150 },
    );
    expect(inOrder).toBeGreaterThan(1_000);
  });

  it("a cycle was found for every knot and none elsewhere, and every hop of it stands", () => {
    let cycles = 0;
    fc.assert(
      fc.property(history, (steps) => {
        const watched = new Watched();
        for (const one of steps) {
          const wasKnotted = watched.world.hasDeadlock();
          const found = watched.play(one);
          const waits = watched.world.waits();
          if (!wasKnotted) expect(found.length > 0).toBe(watched.world.hasDeadlock(waits));
          for (const { cycle, again } of found) {
            const [root] = again;
            expect(cycle.map(({ wait }) => wait.session)).toEqual([
              root,
              ...cycle.slice(0, -1).map(({ next }) => next),
            ]);
            expect(cycle.at(-1)?.next).toBe(root);
            expect(new Set(cycle.map(({ next }) => next)).size).toBe(cycle.length);
            expect(linksOf(cycle)).toHaveLength(cycle.length);
            expect(
              watched.world.isKnot(
                cycle.map(({ next }) => next),
                waits,
              ),
            ).toBe(true);
            cycles += 1;
          }
          // Of the literal conflicts, the graph leaves out those that lead where others lead, too.
          const roots = watched.again().flatMap(({ again }) => again);
          for (const one of watched.graph.sessions()) {
            expect(roots.some((root) => watched.world.isKnot([one, root], waits))).toBe(
              watched.world.isKnot([one], waits),
            );
          }
        }
      }),
      { numRuns: 150 },
    );
    expect(cycles).toBeGreaterThan(100);
  });
});
