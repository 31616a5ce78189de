/** Batches that race with edits and cancellations: all of a batch is decided on as it stood, or nothing. */
import { beforeAll, describe, expect, it } from "vitest";
import {
  batch,
  decisions,
  expectSoundTrail,
  lanes,
  outcome,
  type Pair,
  pairOf,
  plus,
  Review,
  reviewers,
  together,
} from "./support/reviews.ts";
import type { Stage } from "./support/stage.ts";

let stage: Stage;
beforeAll(async () => {
  stage = await reviewers();
});

describe("a batch and an edit: decided as it stood, or not at all, a hundred times,", () => {
  it("where the review goes on", async () => {
    await lanes(
      { count: 10, rounds: 9 },
      () => pairOf(stage, "four"),
      async (reviews, n, turn) => {
        const who = `r${n % 3}`;
        if (n % 3 === 0) await Promise.all(reviews.map((review) => review.anew(10 + n)));
        const [before, raced] = await decisions(reviews);
        const [all, edited] = await together(
          turn,
          () => batch(stage, who, reviews, { turn }),
          () => reviews[1].edit(50 + n),
        );
        if (!all.ok) expect(edited.ok).toBe(true);
        if (!edited.ok) expect(outcome(edited)).toBe("BATCH_IN_PROGRESS");
        const after = edited.ok ? "" : plus(raced, who);
        expect(await decisions(reviews)).toEqual([plus(before, who, all.ok), after]);
        const { revision } = await reviews[1].now();
        expect(revision).toBe(reviews[1].asked.revision + (edited.ok ? 1 : 0));
        if (edited.ok) reviews[1].asked = edited.value;
      },
    );
  });

  it("where the batch ends the review", async () => {
    await lanes(
      { count: 10, rounds: 1 },
      () => pairOf(stage, "one"),
      async (reviews, _, turn) => {
        const [all, edited] = await together(
          turn,
          () => batch(stage, "r0", reviews, { turn }),
          () => reviews[1].edit(60),
        );
        const { state, revision } = await reviews[1].now();
        expect([all.ok, edited.ok].filter(Boolean)).toHaveLength(1);
        if (all.ok) expect(["BATCH_IN_PROGRESS", "INVALID_STATE"]).toContain(outcome(edited));
        expect([state, revision]).toEqual(all.ok ? ["APPROVED", 1] : ["REVIEWING", 2]);
        expect(await decisions(reviews)).toEqual(all.ok ? ["r0", "r0"] : ["", ""]);
      },
    );
  });
});

describe("a batch and a cancellation: cancelled after it was decided, or nothing decided, a hundred times,", () => {
  it("where the batch ends no review", async () => {
    await lanes(
      { count: 23, rounds: 4 },
      () => Review.of(stage, "four"),
      async (stays, n, turn) => {
        const reviews = [stays, await Review.of(stage, "four")] as const;
        await raceWithCancellation(reviews, `r${n}`, turn, "REVIEWING");
      },
    );
  });

  it("where the batch ends them", async () => {
    await lanes(
      { count: 10, rounds: 1 },
      () => pairOf(stage, "one"),
      (reviews, _, turn) => raceWithCancellation(reviews, "r0", turn, "APPROVED"),
    );
  });

  async function raceWithCancellation(reviews: Pair, who: string, turn: number, otherwise: string): Promise<void> {
    const [before] = await decisions(reviews);
    const [all, cancelled] = await together(
      turn,
      () => batch(stage, who, reviews, { turn }),
      () => reviews[1].cancel(),
    );
    if (!all.ok) expect(cancelled.ok).toBe(true);
    if (!cancelled.ok) expect(outcome(cancelled)).toBe("BATCH_IN_PROGRESS");
    expect((await reviews[1].now()).state).toBe(cancelled.ok ? "CANCELLED" : otherwise);
    expect(await decisions(reviews)).toEqual([plus(before, who, all.ok), all.ok ? who : ""]);
  }
});

it("what came of all these races is a trail that verifies", async () => {
  await expectSoundTrail(stage);
});
