/**
 * The protocol of a batch against a network that loses, repeats, delays and reorders, and against crashes of everybody: no batch
 * is ever decided in one task and called off in another, and every promise ends. The tasks are real ones, under the real rules.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Answered, conclude, mayWaitFor, whenAsked } from "./batch-outcome.ts";
import { BatchWorld, STEPS } from "./batch-world.fixture.ts";

/** Steps, each with a number that says to whom, or to which message; the oldest messages are the likeliest. */
const schedule = fc.array(fc.tuple(fc.constantFrom(...STEPS), fc.oneof(fc.nat(1), fc.nat(20))), {
  minLength: 10,
  maxLength: 80,
  size: "max",
});

describe("a batch of several tasks under any schedule", () => {
  it("is decided in all of its tasks or in none, and every promise ends", () => {
    fc.assert(
      fc.property(schedule, (steps) => {
        const world = new BatchWorld();
        for (const [step, at] of steps) {
          world.take(step, at);
          world.expectNothingMixed();
        }
        world.healAndFinish();
        world.expectNothingMixed();
        world.expectEveryPromiseEnded();
      }),
      { numRuns: 1_500 },
    );
  });

  it("can end in both ways, and decides all that it said it did", () => {
    const ends = fc.sample(schedule, { numRuns: 200, seed: 7 }).map((steps) => {
      const world = new BatchWorld();
      for (const [step, at] of steps) world.take(step, at);
      world.healAndFinish();
      return world.committed > 0;
    });
    expect(new Set(ends)).toEqual(new Set([true, false]));
  });
});

describe("the conclusion", () => {
  const answers = (...given: Answered[]) => new Map(given.map((answer, n) => [`task:${n}`, answer]));

  it("is a commit only if every task promised, and nobody was told otherwise", () => {
    expect(conclude(answers("promised", "promised"), undefined).outcome).toBe("committed");
    expect(conclude(answers("promised", "promised"), "aborted").outcome).toBe("aborted");
    expect(conclude(answers("promised", "refused"), undefined).outcome).toBe("aborted");
    expect(conclude(answers("promised", "unheard"), undefined).outcome).toBe("aborted");
  });

  it("is told to whoever promised, or may have", () => {
    expect(conclude(answers("promised", "refused", "unheard"), undefined).told).toEqual(["task:0", "task:2"]);
    expect(conclude(answers("refused"), undefined).told).toEqual([]);
  });

  it("when asked too early is an abort, and stays what it was when asked later", () => {
    expect(whenAsked(undefined)).toBe("aborted");
    expect(whenAsked("committed")).toBe("committed");
    expect(whenAsked("aborted")).toBe("aborted");
  });
});

describe("of two batches that meet", () => {
  const rival = fc.record({ batch_id: fc.uuid(), began_at: fc.nat(3) });

  it("exactly one may wait, so nobody ever waits in a circle", () => {
    fc.assert(
      fc.property(rival, rival, (a, b) => {
        fc.pre(a.batch_id !== b.batch_id);
        expect(mayWaitFor(a, b)).toBe(!mayWaitFor(b, a));
      }),
    );
    fc.assert(
      fc.property(rival, rival, rival, (a, b, c) => {
        if (mayWaitFor(a, b) && mayWaitFor(b, c)) expect(mayWaitFor(a, c)).toBe(true);
      }),
    );
  });

  it("the one that began first may", () => {
    expect(mayWaitFor({ batch_id: "z", began_at: 1 }, { batch_id: "a", began_at: 2 })).toBe(true);
  });
});
