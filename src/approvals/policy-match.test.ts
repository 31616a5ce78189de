import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { database, policy } from "./policy.fixture.ts";
import { matchingPolicies, type PolicySubject } from "./policy-match.ts";

const FRIDAY_NOON = Date.parse("2026-11-20T12:00:00Z");

function matched(given: Parameters<typeof policy>[1], subject: Partial<PolicySubject> = {}): boolean {
  const task = { task_type: "database.migrate", resources: [database("orders")], score: 40, ...subject };
  return matchingPolicies([policy("p", given)], task, FRIDAY_NOON).length === 1;
}

describe("a policy matches", () => {
  test("everything, when it names nothing", () => {
    expect(matched({})).toBe(true);
  });

  test("not when it is disabled", () => {
    expect(matched({ enabled: false })).toBe(false);
  });

  test("when any of its task types does", () => {
    expect(matched({ task_types: ["deploy", "database.*"] })).toBe(true);
    expect(matched({ task_types: ["deploy", "cache.*"] })).toBe(false);
  });

  test("when some resource fits some pattern, as type:namespace/id, namespace/id, id or name", () => {
    const resources = [database("cache"), database("orders", { name: "Order book" })];
    for (const pattern of ["database:prod/orders", "prod/orders", "orders", "Order book", "database:prod/*"]) {
      expect(matched({ resource_patterns: ["nothing", pattern] }, { resources }), pattern).toBe(true);
    }
    expect(matched({ resource_patterns: ["staging/*", "service:**"] }, { resources })).toBe(false);
  });

  test("when the score is at its threshold, not below", () => {
    expect(matched({ risk_threshold: 40 })).toBe(true);
    expect(matched({ risk_threshold: 41 })).toBe(false);
  });

  test("only inside its active hours", () => {
    const fridays = { timezone: "UTC", days: ["fri" as const], from: "09:00" };
    expect(matched({ active_hours: { ...fridays, to: "17:00" } })).toBe(true);
    expect(matched({ active_hours: { ...fridays, to: "12:00" } })).toBe(false);
  });

  test("only when every condition holds at once", () => {
    const all = { task_types: ["database.*"], resource_patterns: ["prod/*"], risk_threshold: 40 };
    expect(matched(all)).toBe(true);
    expect(matched(all, { task_type: "deploy" })).toBe(false);
    expect(matched(all, { resources: [database("orders", { namespace: "staging" })] })).toBe(false);
    expect(matched(all, { score: 39 })).toBe(false);
    expect(matched({ ...all, enabled: false })).toBe(false);
  });
});

test("patterns are text, never regular expressions", () => {
  expect(matched({ task_types: ["database.migrat."] })).toBe(false);
  expect(matched({ task_types: [".*"] })).toBe(false);
  expect(matched({ task_types: ["(database|deploy).*"] })).toBe(false);
});

test("matching policies come ordered by id, whatever order they are stored in", () => {
  const policies = ["b", "a-1", "a", "z", "a.1", "10", "9"].map((id) => policy(id));
  const task = { task_type: "deploy", resources: [database("orders")], score: 1 };
  fc.assert(
    fc.property(fc.shuffledSubarray(policies, { minLength: policies.length }), (shuffled) => {
      const before = shuffled.map(({ id }) => id);
      expect(matchingPolicies(shuffled, task, FRIDAY_NOON).map(({ id }) => id)).toEqual([
        "10",
        "9",
        "a",
        "a-1",
        "a.1",
        "b",
        "z",
      ]);
      expect(shuffled.map(({ id }) => id)).toEqual(before);
    }),
  );
});
