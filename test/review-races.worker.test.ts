/** Two who act on one review at the same time, up to a hundred rounds: the actor takes them one after the other. */
import { beforeAll, describe, expect, it } from "vitest";
import { expectSoundTrail, lanes, outcome, Review, reviewers, together, value } from "./support/reviews.ts";
import type { Stage } from "./support/stage.ts";

let stage: Stage;
beforeAll(async () => {
  stage = await reviewers();
});

describe("a race of", () => {
  it("two approvals: both count, neither is lost, a hundred times", async () => {
    await lanes(
      { count: 20, rounds: 5 },
      () => Review.of(stage, "many"),
      async (review, n, turn) => {
        const [one, two] = [`r${2 * n}`, `r${2 * n + 1}`];
        const answers = await together(
          turn,
          () => review.approve(one),
          () => review.approve(two),
        );
        expect(answers.map(outcome)).toEqual(["ok", "ok"]);
        const { state, approvals, current_approvals } = await review.now();
        const count = 2 * n + 2;
        expect([state, approvals.length, current_approvals]).toEqual([
          count < 10 ? "REVIEWING" : "APPROVED",
          count,
          count,
        ]);
      },
    );
  });

  it("two who each end the review: the later learns that it came too late", async () => {
    await lanes(
      { count: 10, rounds: 2 },
      () => Review.of(stage, "one"),
      async (review, n, turn) => {
        if (n > 0) await review.anew(n);
        const back = { action: "request_changes", reason: "smaller" };
        const answers = await together(
          turn,
          () => review.respond("r0", back),
          () => review.respond("r1", back),
        );
        expect(answers.map(outcome).sort()).toEqual(["APPROVAL_ALREADY_RESOLVED", "ok"]);
        expect(await review.now()).toMatchObject({ state: "DRAFT", approvals: [{ action: "request_changes" }] });
      },
    );
  });

  it("an approval and an edit: whatever came first, nothing of it counts for what nobody saw, a hundred times", async () => {
    await lanes(
      { count: 10, rounds: 10 },
      () => Review.of(stage, "four"),
      async (review, n, turn) => {
        const [yes, edit] = await together(
          turn,
          () => review.approve("r0"),
          () => review.edit(60 + n),
        );
        expect(["ok", "APPROVAL_ALREADY_RESOLVED"]).toContain(outcome(yes));
        const { state, revision, approvals, current_approvals } = await review.now();
        expect([state, approvals, current_approvals]).toEqual(["REVIEWING", [], 0]);
        expect(revision).toBe(review.asked.revision + 1);
        review.asked = value(edit);
      },
    );
  });

  it("a delegation and an approval of one request: one of them, and the part is filled once, a hundred times", async () => {
    await lanes(
      { count: 10, rounds: 10 },
      () => Review.of(stage, "many"),
      async (review, n, turn) => {
        const [who, delegate] = [`r${n}`, `d${n}`];
        const [passed, yes] = await together(
          turn,
          () => review.respond(who, { action: "delegate", delegate_to: delegate }, who, [delegate]),
          () => review.approve(`admin${n}`, who),
        );
        expect([passed, yes].map(outcome).sort()).toEqual(["APPROVAL_ALREADY_RESOLVED", "ok"]);
        review.asked = await review.now();
        expect(review.asked.approval_requests.some(({ reviewer_id }) => reviewer_id === delegate)).toBe(passed.ok);
        if (passed.ok) value(await review.approve(delegate));
        expect((await review.now()).current_approvals).toBe(n + 1);
      },
    );
  });

  it("two delegations to one and the same person: never both, or nobody could approve", async () => {
    await lanes(
      { count: 4, rounds: 5 },
      () => Review.of(stage, "many"),
      async (review, n, turn) => {
        const toDan = { action: "delegate", delegate_to: `d${n}` };
        const answers = await together(
          turn,
          () => review.respond(`r${2 * n}`, toDan, undefined, [`d${n}`]),
          () => review.respond(`r${2 * n + 1}`, toDan, undefined, [`d${n}`]),
        );
        expect(answers.map(outcome).sort()).toEqual(["QUORUM_IMPOSSIBLE", "ok"]);
      },
    );
  });

  it("two last approvals and a cancellation: cancelled in the end, approved before by one person at most, a hundred times", async () => {
    await lanes(
      { count: 10, rounds: 10 },
      async () => undefined,
      async (_, __, turn) => {
        const review = await Review.of(stage, "one");
        const [answers, cancelled] = await together(
          turn,
          () => Promise.all([review.approve("r0"), review.approve("r1")]),
          () => review.cancel(),
        );
        expect(cancelled.ok).toBe(true);
        const { state, approvals } = await review.now();
        const counted = answers.filter((one) => one.ok).length;
        expect([state, approvals.length]).toEqual(["CANCELLED", counted]);
        expect(counted).toBeLessThanOrEqual(1);
      },
    );
  });
});

it("what came of all these races is a trail that verifies", async () => {
  await expectSoundTrail(stage);
});
