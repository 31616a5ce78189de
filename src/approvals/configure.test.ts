import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Plan } from "../audit/plan.ts";
import {
  freshPolicyId,
  MAX_POLICIES_BYTES,
  type PolicyBody,
  type PolicyCommand,
  type PolicyFacts,
  policyPlanner,
} from "./configure.ts";
import { ReviewerPolicy, ReviewerPolicyInput } from "./contract.ts";

const NOW = "2026-11-20T12:00:00.000Z";
const EARLIER = "2026-11-01T00:00:00.000Z";

function body(given: object = {}): PolicyBody {
  const { id: _, ...policy } = ReviewerPolicyInput.parse({ name: "Databases", ...given });
  return policy;
}

const stored: ReviewerPolicy = { id: "dba", ...body(), created_at: EARLIER, updated_at: EARLIER };
const nothing: PolicyFacts = { taken: 0, users: [] };

function planned(command: PolicyCommand, facts: PolicyFacts): Plan {
  const result = policyPlanner.plan(command, facts, NOW);
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

function refused(command: PolicyCommand, facts: PolicyFacts) {
  const result = policyPlanner.plan(command, facts, NOW);
  if (result.ok) throw new Error("it was planned");
  return result.error;
}

describe("creating a reviewer policy", () => {
  it("answers the policy itself, writes its row and journals it", () => {
    const policy = body({ min_approvers: 2, required_roles: ["dba"] });
    const plan = planned({ do: "create", id: "dba", policy }, nothing);
    expect(ReviewerPolicy.parse(plan.answer)).toEqual({ id: "dba", ...policy, created_at: NOW, updated_at: NOW });
    expect(plan.changes).toEqual([
      { put: "policies", row: { id: "dba", body: policy, created_at: NOW, updated_at: NOW } },
    ]);
    expect(plan.happenings).toEqual([
      { action: "policy.created", subject_type: "policy", subject_id: "dba", details: { policy: plan.answer } },
    ]);
  });

  it("refuses an id that another policy has", () => {
    expect(refused({ do: "create", id: "dba", policy: body() }, { stored, taken: 0, users: [] }).code).toBe(
      "ALREADY_EXISTS",
    );
  });

  it("refuses what would make all policies together larger than a submit may read", () => {
    const policy = body();
    const size = new TextEncoder().encode(JSON.stringify(policy)).byteLength;
    const taken = MAX_POLICIES_BYTES - size;
    expect(planned({ do: "create", id: "dba", policy }, { users: [], taken }).changes).toHaveLength(1);
    const more = refused({ do: "create", id: "dba", policy }, { users: [], taken: taken + 1 });
    expect(more.code).toBe("PAYLOAD_TOO_LARGE");
    expect(planned({ do: "delete", id: "dba" }, { stored, users: [], taken: 2 * taken }).changes).toHaveLength(1);
  });

  it("keeps the id of the built-in requirement free", () => {
    expect(refused({ do: "create", id: "builtin", policy: body() }, nothing).code).toBe("ALREADY_EXISTS");
  });

  it("names every required reviewer who is no user", () => {
    const policy = body({ required_reviewers: ["ann", "bob", "cyd"] });
    const { code, details } = refused({ do: "create", id: "dba", policy }, { taken: 0, users: ["bob"] });
    expect(code).toBe("VALIDATION_ERROR");
    expect(details).toEqual({
      field: "required_reviewers.0",
      issue: "names no user",
      value: "ann",
      issues: [
        { field: "required_reviewers.0", issue: "names no user", value: "ann" },
        { field: "required_reviewers.2", issue: "names no user", value: "cyd" },
      ],
    });
  });
});

describe("replacing a reviewer policy", () => {
  it("keeps when it was created and nothing else", () => {
    const before = { ...stored, auto_approve_if: { risk_below: 20 } };
    const policy = body({ name: "All databases" });
    const plan = planned({ do: "replace", id: "dba", policy }, { stored: before, taken: 0, users: [] });
    expect(plan.answer).toEqual({ id: "dba", ...policy, created_at: EARLIER, updated_at: NOW });
    expect(plan.answer).not.toHaveProperty("auto_approve_if");
    expect(plan.happenings.map(({ action }) => action)).toEqual(["policy.updated"]);
  });

  it("is no way to create one", () => {
    expect(refused({ do: "replace", id: "dba", policy: body() }, nothing).code).toBe("POLICY_NOT_FOUND");
  });

  it("refuses required reviewers who are no users", () => {
    const policy = body({ required_reviewers: ["ann"] });
    expect(refused({ do: "replace", id: "dba", policy }, { stored, taken: 0, users: [] }).code).toBe(
      "VALIDATION_ERROR",
    );
  });
});

describe("deleting a reviewer policy", () => {
  it("removes the row and journals what it said", () => {
    const plan = planned({ do: "delete", id: "dba" }, { stored, taken: 0, users: [] });
    expect(plan.changes).toEqual([{ remove: "policies", id: "dba" }]);
    expect(plan.happenings).toEqual([
      { action: "policy.deleted", subject_type: "policy", subject_id: "dba", details: { policy: stored } },
    ]);
  });

  it("answers that there is none", () => {
    expect(refused({ do: "delete", id: "dba" }, nothing).code).toBe("POLICY_NOT_FOUND");
  });
});

describe("a policy without an id", () => {
  it("is given policy- and ten characters of base32, whatever the random bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 10, maxLength: 10 }), (random) => {
        const id = freshPolicyId(random);
        expect(id).toMatch(/^policy-[a-z2-7]{10}$/);
        expect(ReviewerPolicyInput.safeParse({ id, name: "n" }).success).toBe(true);
      }),
    );
  });

  it("is given another one each time", () => {
    expect(new Set(Array.from({ length: 1000 }, () => freshPolicyId())).size).toBe(1000);
  });
});
