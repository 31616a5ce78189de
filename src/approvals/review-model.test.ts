import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { command, opening, Review } from "./review-model.fixture.ts";

const script = fc.array(command, { minLength: 4, maxLength: 25, size: "max" });

test("the model gives a delegate a request of their own, in nobody else's place", () => {
  const review = new Review({ policies: 0, delegations: [], dbas: ["ann"] });
  expect(review.open().map((one) => one.reviewer_id)).toEqual(["ann", "bob", "cid"]);
  review.give({ do: "delegate", nth: 1, to: "dan", admin: false });
  expect(review.open().map((one) => one.reviewer_id)).toEqual(["ann", "cid", "dan"]);
});

describe("no sequence of decisions, delegations, additional approvers, edits, lost roles and departures", () => {
  test("approves a change but by distinct eligible people who are no authors, nor leaves it where nobody can", () => {
    const seen = new Map<string, number>();
    const note = (what: string) => seen.set(what, (seen.get(what) ?? 0) + 1);
    fc.assert(
      fc.property(opening, script, (given, commands) => {
        const review = new Review(given);
        for (const one of commands) {
          const before = review.task;
          review.give(one);
          const { task } = review;
          if (task === before) continue;
          const open = review.open();
          if (task.state !== "REVIEWING") expect(open).toEqual([]);
          for (const request of open) {
            expect(request.revision).toBe(task.revision);
            expect(review.authors).not.toContain(request.reviewer_id);
            expect(request.on_behalf_of).not.toBe(request.reviewer_id);
          }
          for (const { id, reviewer_id } of before.requests) {
            expect(task.requests.find((request) => request.id === id)?.reviewer_id).toBe(reviewer_id);
          }
          expect(new Set(task.requests.map(({ id }) => id)).size).toBe(task.requests.length);
          expect(new Set(task.decisions.map(({ id }) => id)).size).toBe(task.decisions.length);
          if (task.state === "REVIEWING") expect(review.afterAllApprove().state).toBe("APPROVED");
          if (task.state === "APPROVED") expect(review.unmet()).toEqual([]);
          if (task.state === "APPROVED" && before.state === "REVIEWING") note("approved");
        }
        for (const what of review.trail) note(what);
        if (review.task.requests.some(({ follows }) => follows !== undefined)) note("follows");
        if (review.task.decisions.some((one) => one.on_behalf_of !== undefined)) note("on behalf");
      }),
      { numRuns: 500 },
    );

    for (const what of [
      "approved",
      "approve",
      "delegate",
      "edit",
      "reject",
      "follows",
      "on behalf",
      "QUORUM_IMPOSSIBLE",
      "REVIEWER_NOT_ELIGIBLE",
      "SELF_APPROVAL",
      "FORBIDDEN",
      "NOT_ENOUGH_REVIEWERS",
    ]) {
      expect(seen.get(what) ?? 0, what).toBeGreaterThan(0);
    }
  });
});
