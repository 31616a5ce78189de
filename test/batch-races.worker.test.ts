/** Batches that race with other answers: all of a batch is decided, or nothing. */
import { beforeAll, describe, expect, it } from "vitest";
import {
  batch,
  decisions,
  expectSoundTrail,
  lanes,
  outcome,
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

describe("a batch and a single answer: one of them is first, a hundred times,", () => {
  it("where both answer the same request", async () => {
    await lanes(
      { count: 9, rounds: 10 },
      () => pairOf(stage, "many"),
      async (reviews, n, turn) => {
        const [first, second] = await decisions(reviews);
        const who = `r${n}`;
        const [all, one] = await together(
          turn,
          () => batch(stage, who, reviews, { turn }),
          () => reviews[1].approve(who),
        );
        if (all.ok) expect(["BATCH_IN_PROGRESS", "APPROVAL_ALREADY_RESOLVED"]).toContain(outcome(one));
        else expect([outcome(all), outcome(one)]).toEqual(["APPROVAL_ALREADY_RESOLVED", "ok"]);
        expect(await decisions(reviews)).toEqual([plus(first, who, all.ok), plus(second, who)]);
      },
    );
  });

  it("where either ends the review", async () => {
    await lanes(
      { count: 10, rounds: 1 },
      () => pairOf(stage, "one"),
      async (reviews, _, turn) => {
        const [all, one] = await together(
          turn,
          () => batch(stage, "r0", reviews, { turn }),
          () => reviews[1].approve("r1"),
        );
        if (all.ok) expect(["BATCH_IN_PROGRESS", "APPROVAL_ALREADY_RESOLVED"]).toContain(outcome(one));
        else expect([outcome(all), outcome(one)]).toEqual(["APPROVAL_ALREADY_RESOLVED", "ok"]);
        expect(await decisions(reviews)).toEqual(all.ok ? ["r0", "r0"] : ["", "r1"]);
      },
    );
  });
});

it("two batches of two people that overlap in one request: exactly one gets through, a hundred times", async () => {
  await lanes(
    { count: 10, rounds: 10 },
    async () => [...(await pairOf(stage, "many")), await Review.of(stage, "many")] as const,
    async (reviews, n, turn) => {
      const [first, second, third] = await decisions(reviews);
      const [who, instead] = [`r${n}`, `admin${n}`];
      const [one, two] = await together(
        turn,
        () => batch(stage, who, reviews.slice(0, 2), { turn }),
        () => batch(stage, instead, reviews.slice(1), { turn, of: who }),
      );
      expect([one, two].filter(({ ok }) => ok)).toHaveLength(1);
      expect(["BATCH_IN_PROGRESS", "APPROVAL_ALREADY_RESOLVED"]).toContain(outcome(one.ok ? two : one));
      expect(await decisions(reviews)).toEqual([
        plus(first, who, one.ok),
        plus(second, one.ok ? who : instead),
        plus(third, instead, two.ok),
      ]);
    },
  );
});

it("what came of all these races is a trail that verifies", async () => {
  await expectSoundTrail(stage);
});
