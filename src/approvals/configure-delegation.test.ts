import { describe, expect, test } from "vitest";
import {
  type DelegationCommand,
  type DelegationFacts,
  delegationPlanner,
  MAX_DELEGATIONS,
} from "./configure-delegation.ts";
import { delegation } from "./delegation.fixture.ts";
import { DelegationPolicyInput, DelegationPolicyPatch } from "./delegation-contract.ts";

const NOW = "2026-11-20T12:00:00.000Z";
const ann = { id: "ann", admin: false };
const adm = { id: "adm", admin: true };
const USERS = ["ann", "bob", "cid"].map((id) => ({ id, active: true }));
const facts: DelegationFacts = { users: [...USERS, { id: "gone", active: false }], owned: 0 };
const stored = delegation("ann", "bob", { id: "mine", expires_at: "2026-12-01T00:00:00.000Z" });

function creating(given: Record<string, unknown>, by = ann, more: Partial<DelegationFacts> = {}) {
  const { id = "new", owner_id = by.id, ...policy } = DelegationPolicyInput.parse({ delegate_to: "bob", ...given });
  return delegationPlanner.plan({ do: "create", by, id, policy: { ...policy, owner_id } }, { ...facts, ...more }, NOW);
}

function updating(set: Record<string, unknown>, by = ann, more: Partial<DelegationFacts> = {}) {
  const command: DelegationCommand = { do: "update", by, id: "mine", set: DelegationPolicyPatch.parse(set) };
  return delegationPlanner.plan(command, { ...facts, stored, ...more }, NOW);
}

function issuesOf(result: ReturnType<typeof creating>) {
  if (result.ok) throw new Error("was planned");
  expect(result.error.code).toBe("VALIDATION_ERROR");
  const { issues = [] } = (result.error.details ?? {}) as { issues?: { field: string; issue: string }[] };
  return issues.map((one) => [one.field, one.issue]);
}

describe("a delegation policy", () => {
  test("is made with its defaults, kept and journalled as it is answered", () => {
    const plan = creating({ conditions: { tags: ["q4"] } });
    const policy = {
      id: "new",
      owner_id: "ann",
      mode: "reassign",
      conditions: { tags: ["q4"] },
      delegate_to: "bob",
      cascade: true,
      active: true,
      created_at: NOW,
      updated_at: NOW,
    };
    const { id, owner_id, created_at, updated_at, ...body } = policy;
    expect(plan).toEqual({
      ok: true,
      value: {
        answer: policy,
        changes: [{ put: "delegations", row: { id, owner_id, body, created_at, updated_at } }],
        happenings: [{ action: "policy.created", subject_type: "delegation", subject_id: "new", details: { policy } }],
      },
    });
  });

  test("names people who are there, and somebody else than its owner", () => {
    expect(issuesOf(creating({ delegate_to: "ghost" }))).toEqual([["delegate_to", "is not a user"]]);
    expect(issuesOf(creating({ delegate_to: "gone" }))).toEqual([["delegate_to", "is not active"]]);
    expect(issuesOf(creating({ delegate_to: "ann" }))).toEqual([["delegate_to", "must be somebody else"]]);
    expect(issuesOf(creating({}, { id: "robo", admin: false }))).toEqual([["owner_id", "is not a user"]]);
    expect(issuesOf(creating({ owner_id: "gone", delegate_to: "gone" }, adm))).toEqual([
      ["owner_id", "is not active"],
      ["delegate_to", "is not active"],
      ["delegate_to", "must be somebody else"],
    ]);
    expect(issuesOf(updating({ delegate_to: "ann" }))).toEqual([["delegate_to", "must be somebody else"]]);
  });

  test("ends in the future, in UTC whatever its offset", () => {
    expect(issuesOf(creating({ expires_at: NOW }))).toEqual([["expires_at", "must be in the future"]]);
    expect(issuesOf(updating({ expires_at: "2026-11-20T12:30:00+01:00" }))).toHaveLength(1);
    const plan = creating({ expires_at: "2026-11-20T13:30:00+01:00" });
    expect(plan).toMatchObject({ value: { answer: { expires_at: "2026-11-20T12:30:00.000Z" } } });
  });

  test("is changed where it is said, and only there", () => {
    const plan = updating({ active: false, conditions: { risk_above: 50 } });
    expect(plan).toMatchObject({ ok: true, value: { happenings: [{ action: "policy.updated" }] } });
    expect(plan.ok && plan.value.answer).toEqual({
      ...stored,
      active: false,
      conditions: { risk_above: 50 },
      updated_at: NOW,
    });
    const endless = updating({ expires_at: null });
    expect(endless.ok && endless.value.answer).not.toHaveProperty("expires_at");
    // What was true when it was said may have changed since: that is for assignment to see.
    expect(updating({ cascade: false }, ann, { users: [] }).ok).toBe(true);
  });

  test("goes with the trail's last word on it", () => {
    const plan = delegationPlanner.plan({ do: "delete", by: ann, id: "mine" }, { ...facts, stored }, NOW);
    expect(plan).toMatchObject({
      value: {
        changes: [{ remove: "delegations", id: "mine" }],
        happenings: [{ action: "policy.deleted", details: { policy: stored } }],
      },
    });
  });
});

describe("who may", () => {
  const code = (result: ReturnType<typeof creating>) => (result.ok ? "ok" : result.error.code);

  test("is its owner, or an admin", () => {
    const bob = { id: "bob", admin: false };
    expect([code(creating({ owner_id: "cid" })), code(creating({ owner_id: "cid" }, adm))]).toEqual([
      "FORBIDDEN",
      "ok",
    ]);
    expect([code(updating({}, bob)), code(updating({}, adm)), code(updating({}))]).toEqual(["FORBIDDEN", "ok", "ok"]);
    const gone: DelegationCommand = { do: "delete", by: bob, id: "mine" };
    expect(code(delegationPlanner.plan(gone, { ...facts, stored }, NOW))).toBe("FORBIDDEN");
  });

  test("take no id twice, change none that is not there, and have no end of them", () => {
    expect(code(creating({ id: "mine" }, ann, { stored }))).toBe("ALREADY_EXISTS");
    expect(code(delegationPlanner.plan({ do: "delete", by: ann, id: "x" }, facts, NOW))).toBe("POLICY_NOT_FOUND");
    expect(code(creating({}, ann, { owned: MAX_DELEGATIONS - 1 }))).toBe("ok");
    expect(code(creating({}, ann, { owned: MAX_DELEGATIONS }))).toBe("INVALID_STATE");
  });
});

describe("what is no delegation policy", () => {
  test.each([
    ["an empty list, which would hold for nothing", { conditions: { tags: [] } }],
    ["a condition of no name", { conditions: { weekday: "mon" } }],
    ["a risk beyond the scale", { conditions: { risk_above: 101 } }],
    ["a mode of no name", { mode: "forward" }],
    ["an end that is no time", { expires_at: "tomorrow" }],
    ["an end after the year 9999", { expires_at: "9999-12-31T23:59:59-23:59" }],
  ])("%s", (_, given) => {
    expect(DelegationPolicyInput.safeParse({ delegate_to: "bob", ...given }).success).toBe(false);
  });
});
