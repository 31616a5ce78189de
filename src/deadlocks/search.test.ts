/** Both ways of looking for a cycle against the literal conflicts of real lock books, deadlocks and all. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { linksOf } from "./cycle.ts";
import { LockWorld } from "./lock-world.fixture.ts";
import { lookAhead, lookBack, searchFrom } from "./search.ts";
import { WaitForGraph } from "./wait-for-graph.ts";

const SESSIONS = ["a", "b", "c", "d", "e", "f"];
const session = fc.constantFrom(...SESSIONS);
const lock = fc.constantFrom("database:l1", "database:l2", "database:l3", "database:l4");
const mode = fc.constantFrom("shared" as const, "exclusive" as const);
const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant("ask" as const), session, lock, mode }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("release" as const, "downgrade" as const), session, lock }) },
);
const ENOUGH = 10_000;

function played(history: readonly (typeof step extends fc.Arbitrary<infer T> ? T : never)[]) {
  const world = new LockWorld();
  const graph = new WaitForGraph();
  for (const one of history) {
    if (one.do === "ask") world.ask(one.session, one.lock, one.mode);
    else world[one.do](one.session, one.lock);
    for (const report of world.reports()) graph.apply(report, world.now);
  }
  return { world, sessions: [...graph.sessions()] };
}

describe.each([
  ["looking ahead", lookAhead],
  ["looking back", lookBack],
  ["both in turns", searchFrom],
])("%s", (_, look) => {
  it("finds a cycle in every knot and none elsewhere, the same as the other way, and every hop of it stands", () => {
    let cycles = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength: 10, maxLength: 50, size: "max" }), (history) => {
        const { world, sessions } = played(history);
        const waits = world.waits();
        const knotted = sessions.filter((root) => look(root, ENOUGH).kind === "cycle");
        expect(knotted).toEqual(sessions.filter((root) => lookAhead(root, ENOUGH).kind === "cycle"));
        for (const one of sessions) {
          // Of the literal conflicts, the graph leaves out those that lead where others lead, too.
          const isFound = knotted.some((root) => world.isKnot([one, root], waits));
          expect(isFound).toBe(world.isKnot([one], waits));
        }
        for (const root of knotted) {
          const found = look(root, ENOUGH);
          const cycle = found.kind === "cycle" ? found.cycle : [];
          expect(cycle.map(({ wait }) => wait.session)).toEqual([root, ...cycle.slice(0, -1).map(({ next }) => next)]);
          expect(cycle.at(-1)?.next).toBe(root);
          expect(new Set(cycle.map(({ next }) => next)).size).toBe(cycle.length);
          expect(linksOf(cycle)).toHaveLength(cycle.length);
          expect(world.isKnot([root], waits)).toBe(true);
          cycles += 1;
        }
      }),
      { numRuns: 200 },
    );
    expect(cycles).toBeGreaterThan(100);
  });
});
