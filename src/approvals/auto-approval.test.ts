import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type AutoApprovalSubject, autoApproval } from "./auto-approval.ts";
import type { ReviewerPolicy } from "./contract.ts";
import { database, policy } from "./policy.fixture.ts";

const subject: AutoApprovalSubject = {
  score: 12,
  author_roles: ["author", "sre"],
  resources: [database("orders"), database("stock")],
};

function verdict(auto_approve_if: ReviewerPolicy["auto_approve_if"], given: Partial<AutoApprovalSubject> = {}) {
  return autoApproval([policy("low-risk", { auto_approve_if })], { ...subject, ...given });
}

describe("a task is approved without a person", () => {
  test("when the one matching policy has all its conditions true, and the reasons say so", () => {
    const given = { risk_below: 20, author_has_role: ["lead", "sre"], resources_in_scope: ["prod/*"] };
    expect(verdict(given)).toEqual({
      approvable: true,
      reasons: [
        "policy low-risk: risk 12 is below 20",
        "policy low-risk: author has role sre",
        "policy low-risk: every resource is in scope",
      ],
    });
  });

  test("when every matching policy agrees", () => {
    const both = [
      policy("b", { auto_approve_if: { risk_below: 20 } }),
      policy("a", { auto_approve_if: { risk_below: 13 } }),
    ];
    expect(autoApproval(both, subject)).toEqual({
      approvable: true,
      reasons: ["policy a: risk 12 is below 13", "policy b: risk 12 is below 20"],
    });
  });

  test("when different patterns cover different resources", () => {
    expect(verdict({ resources_in_scope: ["prod/orders", "prod/stock"] }).approvable).toBe(true);
  });
});

describe("a task waits for people", () => {
  test("when no policy matched", () => {
    expect(autoApproval([], subject)).toEqual({ approvable: false, reasons: ["no policy matched"] });
  });

  test("when one of the matching policies has no auto-approval, which is what the reasons tell", () => {
    const one = policy("low-risk", { auto_approve_if: { risk_below: 20 } });
    expect(autoApproval([one, policy("strict")], subject)).toEqual({
      approvable: false,
      reasons: ["policy strict: has no auto-approval"],
    });
  });

  test("when the auto-approval gives no condition, given as undefined or not at all", () => {
    for (const empty of [{}, { risk_below: undefined, author_has_role: undefined, resources_in_scope: undefined }]) {
      expect(verdict(empty)).toEqual({
        approvable: false,
        reasons: ["policy low-risk: its auto-approval gives no condition"],
      });
    }
  });

  test("when the risk is at the limit, over it, or no number", () => {
    expect(verdict({ risk_below: 12 })).toEqual({
      approvable: false,
      reasons: ["policy low-risk: risk 12 is not below 12"],
    });
    expect(verdict({ risk_below: 0 }, { score: 0 }).approvable).toBe(false);
    expect(verdict({ risk_below: 20 }, { score: Number.NaN }).approvable).toBe(false);
  });

  test("when the author holds none of the roles, or the list of roles is empty", () => {
    expect(verdict({ author_has_role: ["lead", "cto"] }).reasons).toEqual([
      "policy low-risk: author has none of the roles lead, cto",
    ]);
    expect(verdict({ author_has_role: [] })).toEqual({
      approvable: false,
      reasons: ["policy low-risk: no author role is named that would do"],
    });
    expect(verdict({ author_has_role: [] }, { author_roles: [] }).approvable).toBe(false);
    expect(verdict({ author_has_role: ["sr"] }).approvable).toBe(false);
  });

  test("when a single resource is out of scope, which is named", () => {
    const resources = [...subject.resources, database("orders", { namespace: "staging" })];
    expect(verdict({ resources_in_scope: ["prod/*"] }, { resources })).toEqual({
      approvable: false,
      reasons: ["policy low-risk: out of scope: database:staging/orders"],
    });
  });

  test("when a resource is in scope by nothing but the name its author gave it", () => {
    const resources = [database("orders", { name: "sandbox/orders" })];
    expect(verdict({ resources_in_scope: ["sandbox/*"] }, { resources }).approvable).toBe(false);
  });

  test("when the scope is empty, or there is no resource that could be in it", () => {
    expect(verdict({ resources_in_scope: [] }).approvable).toBe(false);
    expect(verdict({ resources_in_scope: ["**"] }, { resources: [] }).approvable).toBe(false);
    expect(verdict({ resources_in_scope: [] }, { resources: [] }).approvable).toBe(false);
  });

  test("when one condition of several fails, and only that one is told", () => {
    expect(verdict({ risk_below: 20, author_has_role: ["lead"] }).reasons).toEqual([
      "policy low-risk: author has none of the roles lead",
    ]);
  });
});

test("adding a policy or a condition never makes a task approvable that was not", () => {
  const conditions = fc.record(
    {
      risk_below: fc.integer({ min: 0, max: 25 }),
      author_has_role: fc.subarray(["sre", "lead"]),
      resources_in_scope: fc.subarray(["prod/*", "staging/*"]),
    },
    { requiredKeys: [] },
  );
  const given = fc.option(conditions, { nil: undefined });
  fc.assert(
    fc.property(fc.array(given, { minLength: 1, maxLength: 3 }), given, (some, another) => {
      const policies = some.map((auto_approve_if, index) => policy(`p${index}`, { auto_approve_if }));
      const before = autoApproval(policies, subject);
      const after = autoApproval([policy("another", { auto_approve_if: another }), ...policies], subject);
      if (!before.approvable) expect(after.approvable).toBe(false);
      expect(after.reasons.length).toBeGreaterThan(0);
      const stricter = policies.map((one) => ({
        ...one,
        auto_approve_if: { ...one.auto_approve_if, risk_below: 0 },
      }));
      expect(autoApproval(stricter, subject).approvable).toBe(false);
    }),
  );
});
