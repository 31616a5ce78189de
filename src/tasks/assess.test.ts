import { describe, expect, test } from "vitest";
import { policy } from "../approvals/policy.fixture.ts";
import { assess, assignReviewers, type Facts } from "./assess.ts";
import { change, codeOf, done, ORDERS, orders, resource, reviewer, T0, world } from "./task.fixture.ts";

const look = (facts: Partial<Facts> = {}, config: Record<string, unknown> = {}) =>
  assess(change(config), world(facts), T0);

describe("an assessment", () => {
  test("previews against what was last applied", () => {
    const { preview } = look({ preview: orders({ size: 1, kept: true }, 6) });
    expect(preview.changes).toMatchObject([
      { before: { size: 1, kept: true }, after: { size: 2, kept: true }, resource: { key: ORDERS } },
    ]);
    expect(preview.resource_revisions[ORDERS]).toBe(6);
  });

  test("rates catalogued criticality, the services that the preview found, and the history of the type", () => {
    const calm = look({ criticality: { [ORDERS]: 0, "service:prod/api": 0 } });
    expect(calm.risk).toMatchObject({ score: 27, level: "MEDIUM" });
    const dependents = { [ORDERS]: ["service:a"], "service:a": ["service:b"] };
    const wide = look({ preview: { ...orders({}), dependents } });
    expect(wide.preview.affected_services).toEqual(["service:a", "service:b"]);
    expect(wide.risk.factors.find(({ name }) => name === "blast_radius")?.value).toBe(40);
    const failing = look({ history: { failed: 5, total: 5 } });
    expect(failing.risk.factors.find(({ name }) => name === "historical_failure_rate")?.value).toBe(55);
  });

  test("matches policies by that very risk, at that very time", () => {
    const policies = [
      policy("below", { risk_threshold: 59 }),
      policy("above", { risk_threshold: 60 }),
      policy("night", { active_hours: { timezone: "UTC", days: ["fri"], from: "20:00", to: "06:00" } }),
      policy("noon", { active_hours: { timezone: "UTC", days: ["fri"], from: "11:00", to: "13:00" } }),
      policy("others", { task_types: ["k8s.*"] }),
    ];
    const { risk, matched } = look({ policies });
    expect(risk.score).toBe(59);
    expect(matched.map(({ id }) => id)).toEqual(["below", "noon"]);
  });

  test("says in the risk whether the policies would let it approve itself", () => {
    const auto = policy("auto", { auto_approve_if: { risk_below: 60, author_has_role: ["author"] } });
    expect(look({ policies: [auto] })).toMatchObject({ auto: { approvable: true }, risk: { auto_approvable: true } });
    for (const facts of [{ policies: [auto], author_roles: [] }, { policies: [auto, policy("strict")] }, {}]) {
      expect(look(facts)).toMatchObject({ auto: { approvable: false }, risk: { auto_approvable: false } });
    }
  });

  test("is the same for the same config, facts and time", () => {
    const facts = { policies: [policy("a")], preview: orders({ size: 1 }) };
    expect(look(facts)).toEqual(look(facts));
  });
});

describe("the reviewers of an assessment", () => {
  const assigned = (facts: Partial<Facts>, authors: string[], requested: string[] = [], config = {}) =>
    assignReviewers(
      look(facts, config),
      world(facts),
      { config: change(config), tags: [], authors, requested_reviewers: requested },
      T0,
    );

  test("are two by the built-in requirement where risk is HIGH, one where it is MEDIUM", () => {
    expect(done(assigned({}, ["alice"])).requirements).toMatchObject([{ policy_id: "builtin", min_approvers: 2 }]);
    const mild = { resources: [resource("configuration", "flags", "write")] };
    expect(done(assigned({}, ["alice"], [], mild)).requirements).toMatchObject([{ min_approvers: 1 }]);
  });

  test("are asked for every matching policy, authors never", () => {
    const facts = {
      policies: [policy("b", { required_roles: ["dba"] }), policy("a")],
      reviewers: [reviewer("alice", "dba"), reviewer("ann"), reviewer("dora", "dba")],
    };
    const { asked, requirements } = done(assigned(facts, ["alice"]));
    expect(requirements.map(({ policy_id }) => policy_id)).toEqual(["a", "b"]);
    expect(asked.map((one) => [one.reviewer.id, one.policy_ids])).toEqual([
      ["ann", ["a"]],
      ["dora", ["a", "b"]],
    ]);
    expect(codeOf(assigned(facts, ["alice", "dora"]))).toBe("NOT_ENOUGH_REVIEWERS");
    expect(codeOf(assigned(facts, ["alice"], ["alice"]))).toBe("REVIEWER_NOT_ELIGIBLE");
  });
});
