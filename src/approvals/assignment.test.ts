import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Assignment, type AssignmentInput, assign, MAX_ASKED, type Reviewer } from "./assignment.ts";
import { policy } from "./policy.fixture.ts";
import { countApproval, quorumReached } from "./quorum.ts";

function reviewer(id: string, pending = 0, roles: string[] = ["reviewer"]): Reviewer {
  return { id, name: id.toUpperCase(), roles, pending };
}

function attempt(given: Partial<AssignmentInput>) {
  return assign({
    policies: [],
    risk_level: "LOW",
    reviewers: [],
    authors: [],
    requested_reviewers: [],
    delegations: new Map(),
    ...given,
  });
}

function assigned(given: Partial<AssignmentInput>): Assignment {
  const result = attempt(given);
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

function refused(given: Partial<AssignmentInput>) {
  const result = attempt(given);
  if (result.ok) throw new Error("was assigned");
  return result.error;
}

function askedIds({ asked }: Assignment): string[] {
  return asked.map(({ reviewer: { id } }) => id);
}

const crowd = Array.from({ length: 14 }, (_, index) => reviewer(`r${String(index).padStart(2, "0")}`, index));

describe("without a matching policy", () => {
  test("the built-in requirement asks one reviewer for LOW and MEDIUM, two for HIGH and CRITICAL", () => {
    const needs = (risk_level: AssignmentInput["risk_level"]) =>
      assigned({ risk_level, reviewers: crowd }).requirements.map(({ min_approvers }) => min_approvers);
    expect([needs("LOW"), needs("MEDIUM"), needs("HIGH"), needs("CRITICAL")]).toEqual([[1], [1], [2], [2]]);
  });

  test("it is a requirement like any other, due after two days", () => {
    const { requirements, asked } = assigned({ reviewers: [reviewer("ann")] });
    expect(requirements).toEqual([
      {
        policy_id: "builtin",
        policy_name: "Built-in",
        min_approvers: 1,
        required_roles: [],
        required_reviewers: [],
        approved_by: [],
        satisfied: false,
      },
    ]);
    expect(asked).toEqual([{ reviewer: reviewer("ann"), policy_ids: ["builtin"], timeout_seconds: 172_800 }]);
  });

  test("one reviewer is not enough for a HIGH risk", () => {
    const error = refused({ risk_level: "HIGH", reviewers: [reviewer("ann")] });
    expect(error.code).toBe("NOT_ENOUGH_REVIEWERS");
    expect(error.details).toMatchObject({ policy_id: "builtin", policy_name: "Built-in", needed: 2, available: 1 });
  });
});

describe("candidates", () => {
  test("have the role reviewer and any of the required roles", () => {
    const reviewers = [
      reviewer("both", 0, ["reviewer", "dba"]),
      reviewer("other", 0, ["reviewer", "security"]),
      reviewer("plain"),
      reviewer("role-only", 0, ["dba"]),
      reviewer("admin", 0, ["admin", "dba"]),
    ];
    const policies = [policy("data", { required_roles: ["dba", "security"] })];
    expect(askedIds(assigned({ policies, reviewers }))).toEqual(["both", "other"]);
  });

  test("are also the required reviewers, who need no role at all", () => {
    const policies = [policy("p", { required_roles: ["dba"], required_reviewers: ["cto"] })];
    const reviewers = [reviewer("cto", 99, []), reviewer("ann")];
    expect(askedIds(assigned({ policies, reviewers }))).toEqual(["cto"]);
  });

  test("are never authors: not the author, not the admin who filed, nobody who edited", () => {
    const reviewers = ["author", "filer", "editor", "ann"].map((id) => reviewer(id));
    const authors = ["author", "filer", "editor"];
    expect(askedIds(assigned({ reviewers, authors }))).toEqual(["ann"]);
    const error = refused({ reviewers, authors: [...authors, "ann"] });
    expect(error).toMatchObject({ code: "NOT_ENOUGH_REVIEWERS", details: { needed: 1, available: 0 } });
  });
});

describe("who is asked", () => {
  test("at most ten for a requirement: fewest pending first, then by id", () => {
    const reviewers = [reviewer("b", 2), reviewer("a", 2), reviewer("z", 0), ...crowd.slice(3)];
    expect(askedIds(assigned({ reviewers }))).toEqual(["z", "a", "b", "r03", "r04", "r05", "r06", "r07", "r08", "r09"]);
  });

  test("the busiest too, if required or requested, within the ten", () => {
    const policies = [policy("p", { required_reviewers: ["r13"] })];
    const asked = askedIds(assigned({ policies, reviewers: crowd, requested_reviewers: ["r12"] }));
    expect(asked).toEqual(["r00", "r01", "r02", "r03", "r04", "r05", "r06", "r07", "r12", "r13"]);
  });

  test("more than ten only if more than ten are named", () => {
    const required_reviewers = crowd.slice(0, 10).map(({ id }) => id);
    const requested_reviewers = ["r11", "r13"];
    const policies = [policy("p", { required_reviewers })];
    const reviewers = [...crowd, reviewer("x", 20), reviewer("y", 20), reviewer("z", 20)];
    const asked = askedIds(assigned({ policies, reviewers, requested_reviewers }));
    expect(asked).toEqual([...required_reviewers, ...requested_reviewers]);
  });

  test("one person once, serving several policies and due after the shortest of their timeouts", () => {
    const policies = [
      policy("slow", { approval_timeout_seconds: 900, required_roles: ["dba"] }),
      policy("fast", { approval_timeout_seconds: 60 }),
      policy("faster", { approval_timeout_seconds: 1, required_roles: ["security"] }),
    ];
    const reviewers = [
      reviewer("dora", 0, ["reviewer", "dba"]),
      reviewer("seth", 1, ["reviewer", "security"]),
      reviewer("ann", 2),
    ];
    const { asked } = assigned({ policies, reviewers });
    expect(asked.map(({ reviewer: { id }, policy_ids, timeout_seconds }) => [id, policy_ids, timeout_seconds])).toEqual(
      [
        ["dora", ["fast", "slow"], 60],
        ["seth", ["fast", "faster"], 1],
        ["ann", ["fast"], 60],
      ],
    );
  });

  test("a requested reviewer serves every requirement they qualify for, and only those", () => {
    const policies = [
      policy("any"),
      policy("data", { required_roles: ["dba"] }),
      policy("sec", { required_roles: ["security"] }),
    ];
    const reviewers = [
      ...crowd.slice(0, 10),
      reviewer("seth", 0, ["reviewer", "security"]),
      reviewer("dora", 50, ["reviewer", "dba"]),
    ];
    const { asked } = assigned({ policies, reviewers, requested_reviewers: ["dora"] });
    expect(asked.find(({ reviewer: { id } }) => id === "dora")?.policy_ids).toEqual(["any", "data"]);
  });
});

describe("a requested reviewer who may not decide", () => {
  const policies = [policy("data", { required_roles: ["dba"], required_reviewers: ["cto"] })];
  const reviewers = [
    reviewer("dora", 0, ["reviewer", "dba"]),
    reviewer("cto", 0, []),
    reviewer("plain"),
    reviewer("dev", 0, ["author", "dba"]),
    reviewer("me", 0, ["reviewer", "dba"]),
  ];
  const request = (...requested_reviewers: string[]) => ({ policies, reviewers, authors: ["me"], requested_reviewers });

  test.each([
    ["ghost", "is not an active user"],
    ["me", "wrote, filed or edited this change"],
    ["dev", "does not have the role reviewer"],
    ["plain", "holds none of the roles asked for by data (dba)"],
  ])("%s is refused, with who and why", (id, why) => {
    const error = refused(request("dora", id));
    expect(error).toMatchObject({ code: "REVIEWER_NOT_ELIGIBLE", details: { reviewers: [{ id, why }] } });
    expect(error.message).toContain(`${id} ${why}`);
  });

  test("is named together with the others like them", () => {
    expect(refused(request("ghost", "dora", "me", "ghost")).details?.reviewers).toHaveLength(2);
  });

  test("is refused before a shortage of reviewers is looked at", () => {
    expect(refused({ requested_reviewers: ["ghost"] }).code).toBe("REVIEWER_NOT_ELIGIBLE");
  });

  test("is not somebody whom a policy requires by name, role or no role", () => {
    expect(askedIds(assigned(request("cto")))).toEqual(["cto", "dora"]);
  });
});

describe("a requirement that cannot be met", () => {
  test("is named with what it needs and what there is, though others can be met", () => {
    const policies = [policy("any"), policy("data", { required_roles: ["dba"], min_approvers: 2 })];
    const error = refused({ policies, reviewers: [...crowd, reviewer("dora", 0, ["reviewer", "dba"])] });
    expect(error.code).toBe("NOT_ENOUGH_REVIEWERS");
    expect(error.details).toEqual({
      policy_id: "data",
      policy_name: "The data policy",
      needed: 2,
      available: 1,
      missing_reviewers: [],
    });
  });

  test.each([
    ["an author", ["boss"], "wrote, filed or edited this change"],
    ["inactive", [], "is not an active user"],
  ])("is one whose required reviewer is %s, however many others there are", (_, authors, why) => {
    const policies = [policy("p", { required_reviewers: ["boss"] })];
    const reviewers = authors.length > 0 ? [...crowd, reviewer("boss")] : crowd;
    const error = refused({ policies, reviewers, authors });
    expect(error.code).toBe("NOT_ENOUGH_REVIEWERS");
    expect(error.details?.missing_reviewers).toEqual([{ id: "boss", why }]);
    expect(error.message).toContain(`boss ${why}`);
  });

  test("is not one that shares all its people with another: one approval counts toward both", () => {
    const policies = [policy("a", { min_approvers: 2 }), policy("b", { min_approvers: 2 })];
    expect(askedIds(assigned({ policies, reviewers: [reviewer("ann"), reviewer("bob")] }))).toEqual(["ann", "bob"]);
  });

  test("is one that a person listed twice would have to meet twice", () => {
    const policies = [policy("a", { min_approvers: 2, required_reviewers: ["ann", "ann"] })];
    expect(refused({ policies, reviewers: [reviewer("ann")] }).details).toMatchObject({ needed: 2, available: 1 });
  });
});

describe("whatever policies and people there are", () => {
  const ids = Array.from({ length: 25 }, (_, index) => `u${index}`);
  const people = fc.uniqueArray(
    fc.record({
      id: fc.constantFrom(...ids),
      name: fc.constant("Somebody"),
      pending: fc.integer({ min: 0, max: 3 }),
      roles: fc
        .tuple(fc.boolean(), fc.subarray(["dba", "security", "admin", "author"]))
        .map(([reviews, others]) => (reviews ? ["reviewer", ...others] : others)),
    }),
    { minLength: 10, maxLength: 25, selector: ({ id }) => id },
  );
  const policies = fc.uniqueArray(
    fc
      .record({
        min_approvers: fc.integer({ min: 1, max: 3 }),
        required_roles: fc.subarray(["dba", "security"]),
        required_reviewers: fc.uniqueArray(fc.constantFrom(...ids), { maxLength: 1 }),
        approval_timeout_seconds: fc.integer({ min: 1, max: 1000 }),
      })
      .chain((given) => fc.constantFrom("p", "q", "r").map((id) => policy(id, given))),
    { maxLength: 3, selector: ({ id }) => id },
  );
  const situation = fc.record({
    policies,
    reviewers: people,
    risk_level: fc.constantFrom("LOW" as const, "MEDIUM" as const, "HIGH" as const, "CRITICAL" as const),
    authors: fc.uniqueArray(fc.constantFrom(...ids), { maxLength: 3 }),
    requested_reviewers: fc.uniqueArray(fc.constantFrom(...ids), { maxLength: 2 }),
    delegations: fc.constant(new Map()),
  });

  test("no author is asked, and every requirement can be satisfied by those who are asked for it", () => {
    let assignments = 0;
    fc.assert(
      fc.property(situation, (input) => {
        const result = assign(input);
        if (!result.ok) return;
        assignments += 1;
        const { asked, requirements } = result.value;
        for (const { reviewer: person } of asked) expect(input.authors).not.toContain(person.id);
        for (const requirement of requirements) {
          const serving = asked.filter(({ policy_ids }) => policy_ids.includes(requirement.policy_id));
          const after = serving.reduce(
            (now, { reviewer: person, policy_ids }) =>
              countApproval(now, person, { reviewer_id: person.id, policy_ids }),
            [requirement],
          );
          expect(quorumReached(after)).toBe(true);
          expect(after[0]?.approved_by).toHaveLength(serving.length);
        }
      }),
      { numRuns: 400 },
    );
    expect(assignments).toBeGreaterThan(20);
  });

  test("nobody is asked twice, and at most ten and the named for each requirement", () => {
    fc.assert(
      fc.property(situation, (input) => {
        const result = assign(input);
        if (!result.ok) return;
        const { asked, requirements } = result.value;
        expect(new Set(asked.map(({ reviewer: { id } }) => id)).size).toBe(asked.length);
        for (const { policy_id, required_reviewers } of requirements) {
          const serving = asked.filter(({ policy_ids }) => policy_ids.includes(policy_id)).length;
          const named = new Set([...required_reviewers, ...input.requested_reviewers]).size;
          expect(serving).toBeLessThanOrEqual(Math.max(MAX_ASKED, named));
        }
        for (const id of [...input.requested_reviewers, ...requirements.flatMap((one) => one.required_reviewers)]) {
          expect(asked.some(({ reviewer: person }) => person.id === id)).toBe(true);
        }
      }),
      { numRuns: 400 },
    );
  });

  test("a refusal is right: too few people, or a named one who cannot", () => {
    fc.assert(
      fc.property(situation, (input) => {
        const result = assign({ ...input, requested_reviewers: [] });
        if (result.ok) return;
        expect(result.error.code).toBe("NOT_ENOUGH_REVIEWERS");
        const { policy_id } = result.error.details ?? {};
        const demand = input.policies.find(({ id }) => id === policy_id);
        const able = input.reviewers.filter(
          ({ id, roles }) =>
            !input.authors.includes(id) &&
            (demand?.required_reviewers.includes(id) ||
              (roles.includes("reviewer") &&
                (!demand?.required_roles.length || demand.required_roles.some((role) => roles.includes(role))))),
        );
        const absent = demand?.required_reviewers.some((id) => !able.some((person) => person.id === id)) ?? false;
        const builtIn = ["LOW", "MEDIUM"].includes(input.risk_level) ? 1 : 2;
        expect(absent || able.length < (demand?.min_approvers ?? builtIn)).toBe(true);
      }),
    );
  });

  test("the order of policies, reviewers and authors in the input changes nothing", () => {
    const shuffled = situation.chain((input) =>
      fc.record({
        input: fc.constant(input),
        again: fc.record({
          policies: fc.shuffledSubarray(input.policies, { minLength: input.policies.length }),
          reviewers: fc.shuffledSubarray(input.reviewers, { minLength: input.reviewers.length }),
          authors: fc.constant([...input.authors].reverse()),
          requested_reviewers: fc.constant(input.requested_reviewers),
          risk_level: fc.constant(input.risk_level),
          delegations: fc.constant(input.delegations),
        }),
      }),
    );
    fc.assert(
      fc.property(shuffled, ({ input, again }) => {
        expect(assign(again)).toEqual(assign(input));
      }),
      {
        numRuns: 300,
      },
    );
  });
});
