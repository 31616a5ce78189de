import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Assignment, type AssignmentInput, assign, foresee, partOf, type Reviewer } from "./assignment.ts";
import { delegation } from "./delegation.fixture.ts";
import { delegationsInForce } from "./delegation.ts";
import type { DelegationPolicy } from "./delegation-contract.ts";
import { policy } from "./policy.fixture.ts";
import { countApproval } from "./quorum.ts";

const SUBJECT = { task_type: "t", resources: [], tags: [], score: 0 };

function reviewer(id: string, ...roles: string[]): Reviewer {
  return { id, name: id.toUpperCase(), roles: ["reviewer", ...roles], pending: 0 };
}

function input(
  delegations: readonly DelegationPolicy[],
  given: Partial<Omit<AssignmentInput, "delegations">> = {},
): AssignmentInput {
  return {
    policies: [],
    risk_level: "LOW",
    reviewers: [reviewer("ann"), reviewer("bob"), { ...reviewer("dan"), roles: [] }],
    authors: [],
    requested_reviewers: [],
    delegations: delegationsInForce(delegations, SUBJECT, 0),
    ...given,
  };
}

function assigned(...given: Parameters<typeof input>): Assignment {
  const result = assign(input(...given));
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

function refused(...given: Parameters<typeof input>) {
  const result = assign(input(...given));
  if (result.ok) throw new Error("was assigned");
  return result.error;
}

describe("who is asked where people delegate", () => {
  test("is the last delegate, on behalf of the owner, whatever roles they hold", () => {
    const { asked } = assigned([delegation("ann", "bob"), delegation("bob", "dan")]);
    expect(asked.map((one) => [one.reviewer.id, one.delegated?.to.id, one.delegated?.via])).toEqual([
      ["ann", "dan", ["bob"]],
      ["bob", "dan", []],
    ]);
    expect(asked.map(partOf)).toEqual([
      { reviewer_id: "dan", policy_ids: ["builtin"], on_behalf_of: "ann" },
      { reviewer_id: "dan", policy_ids: ["builtin"], on_behalf_of: "bob" },
    ]);
  });

  test("is the owner with whom they follow, and what was skipped is kept for the journal", () => {
    const policies = [delegation("ann", "bob", { mode: "follow" }), delegation("bob", "author")];
    const { asked } = assigned(policies, { authors: ["author"] });
    expect(asked).toMatchObject([
      { reviewer: { id: "ann" }, follows: ["bob"] },
      { reviewer: { id: "bob" }, skipped: [{ to: "author", why: "wrote, filed or edited this change" }] },
    ]);
    expect(asked.every((one) => one.delegated === undefined)).toBe(true);
  });

  test("makes up for delegations with people beyond the ten", () => {
    const crowd = Array.from({ length: 12 }, (_, n) => reviewer(`r${String(n).padStart(2, "0")}`));
    const delegations = crowd.slice(0, 10).map(({ id }) => delegation(id, "dan"));
    const people = { reviewers: [...crowd, { ...reviewer("dan"), roles: [] }] };
    const two = assigned(delegations, { ...people, policies: [policy("two", { min_approvers: 2 })] });
    expect(new Set(two.asked.map((one) => partOf(one).reviewer_id))).toEqual(new Set(["dan", "r10"]));
    const four = refused(delegations, { ...people, policies: [policy("four", { min_approvers: 4 })] });
    expect(four.details).toMatchObject({ needed: 4, available: 3 });
  });
});

describe("a requirement that delegations leave without enough people", () => {
  const toOne = [delegation("ann", "dan"), delegation("bob", "dan")];

  test("is NOT_ENOUGH_REVIEWERS, naming it and who delegates to whom", () => {
    const error = refused(toOne, { policies: [policy("any"), policy("two", { min_approvers: 2 })] });
    expect(error).toMatchObject({
      code: "NOT_ENOUGH_REVIEWERS",
      details: {
        policy_id: "two",
        needed: 2,
        available: 1,
        delegated: [
          { from: "ann", to: "dan" },
          { from: "bob", to: "dan" },
        ],
      },
    });
    expect(error.message).toMatch(
      /two cannot be met: 2 needed, 1 available; ann delegates to dan; bob delegates to dan/,
    );
  });

  test("is shown beside what it asks for in an outlook, with all others like it", () => {
    const policies = [policy("any"), policy("three", { min_approvers: 3 }), policy("two", { min_approvers: 2 })];
    const outlook = foresee(input(toOne, { policies }));
    expect(outlook).toMatchObject({
      ok: true,
      value: {
        requirements: [{ policy_id: "any" }, { policy_id: "three" }, { policy_id: "two" }],
        shortages: [{ details: { policy_id: "three" } }, { details: { policy_id: "two" } }],
      },
    });
  });

  test("is none where required reviewers delegate: their delegate fills both parts", () => {
    const policies = [policy("both", { required_reviewers: ["ann", "bob"] })];
    expect(assigned(toOne, { policies }).asked).toHaveLength(2);
    const two = [policy("both", { required_reviewers: ["ann", "bob"], min_approvers: 2 })];
    expect(refused(toOne, { policies: two }).code).toBe("NOT_ENOUGH_REVIEWERS");
  });
});

describe("whatever delegations there are", () => {
  const ids = ["a", "b", "c", "d", "e", "f"];
  const id = fc.constantFrom(...ids);
  const situation = fc.record({
    people: fc.subarray(ids, { minLength: 3 }),
    roles: fc.array(fc.subarray(["reviewer", "dba"]), { minLength: 6, maxLength: 6 }),
    authors: fc.subarray(ids, { maxLength: 2 }),
    policies: fc.uniqueArray(
      fc
        .record({
          min_approvers: fc.integer({ min: 1, max: 3 }),
          required_roles: fc.subarray(["dba"]),
          required_reviewers: fc.uniqueArray(id, { maxLength: 2 }),
        })
        .chain((given) => fc.constantFrom("p", "q").map((name) => policy(name, given))),
      { maxLength: 2, selector: (one) => one.id },
    ),
    delegations: fc.uniqueArray(
      fc.record({ owner: id, to: id, cascade: fc.boolean() }).map((one) => delegation(one.owner, one.to, one)),
      { maxLength: 8, selector: (one) => one.id },
    ),
  });

  test("nobody is asked who wrote it or left, and all approving meet every requirement; a refusal is right", () => {
    const seen = { assigned: 0, refused: 0, delegated: 0 };
    fc.assert(
      fc.property(situation, ({ people, roles, authors, policies, delegations }) => {
        const reviewers = people.map((one, at) => ({ id: one, name: one, roles: roles[at] ?? [], pending: 0 }));
        const outlook = foresee(input(delegations, { reviewers, authors, policies }));
        if (!outlook.ok) throw new Error(outlook.error.message);
        const { requirements, asked, shortages } = outlook.value;
        const parts = asked.map(partOf);
        for (const { reviewer_id, on_behalf_of = reviewer_id } of parts) {
          for (const one of [reviewer_id, on_behalf_of]) {
            expect(people).toContain(one);
            expect(authors).not.toContain(one);
          }
        }
        // Whoever passed their part on is not counted on for it, even if they are asked for somebody else's.
        const after = requirements.flatMap((requirement) =>
          parts
            .filter(({ policy_ids }) => policy_ids.includes(requirement.policy_id))
            .reduce(
              (now, part) => {
                const person = reviewers.find((one) => one.id === part.reviewer_id);
                return person === undefined ? now : countApproval(now, person, part);
              },
              [requirement],
            ),
        );
        const unmet = after.filter(({ satisfied }) => !satisfied).map(({ policy_id }) => policy_id);
        expect(shortages.map(({ details }) => details?.policy_id)).toEqual(unmet);
        seen[shortages.length === 0 ? "assigned" : "refused"] += 1;
        seen.delegated += asked.some((one) => one.delegated !== undefined) ? 1 : 0;
      }),
      { numRuns: 500 },
    );
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(30);
  });
});
