import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { assign } from "../approvals/assignment.ts";
import { policy } from "../approvals/policy.fixture.ts";
import type { ConfigurationChange } from "../db/configuration.ts";
import { flushStatements } from "../db/flush.ts";
import type { ReadModelChange } from "../db/read-model.ts";
import { TaskConfig } from "./contract.ts";
import { type FactsQuestion, medianOf, readConfigurationFacts } from "./facts.ts";
import { computePreview } from "./preview.ts";
import { assessRisk } from "./risk.ts";

let tests = 0;
let workspace = "";

beforeEach(() => {
  tests += 1;
  workspace = `facts-${tests}`;
});

const AT = "2026-11-20T00:00:00.000Z";

function facts(question: Partial<FactsQuestion> = {}, of = workspace) {
  return readConfigurationFacts(env.DB, of, { keys: [], task_type: "schema.migrate", ...question });
}

async function write(
  given: { changes?: readonly ReadModelChange[]; configuration?: readonly ConfigurationChange[] },
  to = workspace,
): Promise<void> {
  const statements = flushStatements(env.DB, to, { entries: [], changes: [], configuration: [], ...given });
  if (statements.length > 0) await env.DB.batch(statements);
}

function resource(key: string, dependents: readonly string[], criticality: number | null = null): ConfigurationChange {
  const [type = "", id = ""] = key.split(":");
  const row = { key, type, id, namespace: null, criticality, name: null, owner: null, dependents, labels: {} };
  return { put: "catalogue", row: { ...row, created_at: AT, updated_at: AT } };
}

function task(id: string, state: string, keys: readonly string[]): ReadModelChange {
  const row = {
    id,
    state,
    revision: 1,
    type: "schema.migrate",
    author_id: "ann",
    priority: 50,
    risk_score: null,
    risk_level: null,
    created_at: AT,
    updated_at: AT,
    tags: [],
    resources: keys.map((key) => ({ key, type: "database", id: key })),
    body: {},
  };
  return { table: "tasks", id, row };
}

function execution(n: number, result: string | null, seconds: number | null, given: object = {}): ReadModelChange {
  const minute = String(n % 60).padStart(2, "0");
  const hour = String(Math.floor(n / 60)).padStart(2, "0");
  const row = {
    task_id: `t${n}`,
    attempt: 1,
    type: "schema.migrate",
    agent_id: "deployer",
    started_at: AT,
    completed_at: result === null ? null : `2026-11-20T${hour}:${minute}:00.000Z`,
    result,
    duration_seconds: seconds,
    ...given,
  };
  return { table: "executions", id: `t${n}:1`, row };
}

function user(id: string, roles: readonly string[], active = true): ConfigurationChange {
  const row = { id, name: `Name of ${id}`, email: null, roles, manager_id: null, oidc_subject: null, active };
  return { put: "users", row: { ...row, created_at: AT, updated_at: AT } };
}

function stored(id: string, given: Parameters<typeof policy>[1] = {}): ConfigurationChange {
  const { id: _, created_at, updated_at, ...body } = policy(id, given);
  return { put: "policies", row: { id, body, created_at, updated_at } };
}

function approval(id: string, reviewer_id: string, status: string): ReadModelChange {
  const row = { id, task_id: "t", reviewer_id, revision: 1, status, priority: "NORMAL", created_at: AT };
  return { table: "approvals", id, row: { ...row, responded_at: null, body: {} } };
}

describe("the facts of a task", () => {
  it("are empty in a workspace where nothing was ever said or done", async () => {
    expect(await facts({ keys: ["database:orders"] })).toEqual({
      criticality: {},
      delegations: [],
      dependents: {},
      active: {},
      history: { failed: 0, total: 0 },
      policies: [],
      reviewers: [],
    });
  });

  it("are those of the workspace alone", async () => {
    await write({
      configuration: [resource("database:a", ["service:b"], 5), user("ann", ["reviewer"]), stored("p")],
      changes: [task("t1", "APPROVED", ["database:a"]), execution(1, "success", 3), approval("1", "ann", "PENDING")],
    });
    const elsewhere = await facts({ keys: ["database:a"] }, "facts-of-others");
    expect(elsewhere).toEqual(await facts({}, "facts-of-nobody"));
  });

  it("are what preview, risk and assignment ask for", async () => {
    await write({
      configuration: [resource("database:orders", ["service:shop"], 95), user("bob", ["reviewer"]), stored("dba")],
      changes: [task("other", "APPLYING", ["database:orders"]), execution(1, "failure", 8)],
    });
    const known = await facts({ keys: ["database:orders"] });
    const config = TaskConfig.parse({
      type: "schema.migrate",
      description: "drop it",
      resources: [{ type: "database", id: "orders", actions: ["delete"] }],
    });
    const preview = computePreview(config, { ...known, resources: {} });
    expect(preview.affected_services).toEqual(["service:shop"]);
    expect(preview.estimated_duration_seconds).toBe(8);
    expect(preview.warnings.map(({ code }) => code)).toEqual(["DELETE_WITH_DEPENDENTS", "RESOURCE_BUSY"]);
    const risk = assessRisk(config, { ...known, affected_services: preview.affected_services.length });
    expect(risk.factors[0]).toMatchObject({ value: 95 });
    const assigned = assign({
      policies: known.policies,
      reviewers: known.reviewers,
      risk_level: risk.level,
      authors: ["ann"],
      requested_reviewers: [],
      delegations: new Map(),
    });
    expect(assigned).toMatchObject({ ok: true, value: { asked: [{ reviewer: { id: "bob", pending: 0 } }] } });
  });
});

describe("criticality", () => {
  it("is told of those of the task's resources for which somebody set one, 0 too", async () => {
    const configuration = [resource("database:a", [], 0), resource("database:b", []), resource("database:c", [], 9)];
    await write({ configuration });
    const { criticality } = await facts({ keys: ["database:a", "database:b", "database:x"] });
    expect(criticality).toEqual({ "database:a": 0 });
  });
});

describe("dependents", () => {
  it("are followed as far as they go, and no further than from the task's resources", async () => {
    await write({
      configuration: [
        resource("database:a", ["service:b", "service:c"]),
        resource("service:b", ["service:d"]),
        resource("service:d", ["network:e"]),
        resource("database:elsewhere", ["service:b"]),
      ],
    });
    expect((await facts({ keys: ["database:a"] })).dependents).toEqual({
      "database:a": ["service:b", "service:c"],
      "service:b": ["service:d"],
      "service:d": ["network:e"],
    });
  });

  it("may depend on each other in a circle, or on themselves", async () => {
    await write({
      configuration: [
        resource("service:a", ["service:b", "service:a"]),
        resource("service:b", ["service:c"]),
        resource("service:c", ["service:a", "service:b"]),
      ],
    });
    expect((await facts({ keys: ["service:b"] })).dependents).toEqual({
      "service:a": ["service:b", "service:a"],
      "service:b": ["service:c"],
      "service:c": ["service:a", "service:b"],
    });
  });

  it("are told up to 10,000 edges, however many paths lead through them", async () => {
    const layer = (name: string) => Array.from({ length: 150 }, (_, n) => `service:${name}${n}`);
    const below: Record<string, readonly string[]> = { a: layer("b"), b: layer("c"), c: layer("d") };
    await write({
      configuration: [
        resource("database:top", layer("a")),
        ...Object.entries(below).flatMap(([name, next]) => layer(name).map((key) => resource(key, next))),
      ],
    });
    const { dependents } = await facts({ keys: ["database:top"] });
    expect(Object.values(dependents).flat()).toHaveLength(10_000);
    expect(dependents["database:top"]).toEqual(layer("a"));
  });
});

describe("other tasks on a resource", () => {
  it("are those APPROVED or APPLYING, without the task itself", async () => {
    const states = ["DRAFT", "SUBMITTED", "REVIEWING", "APPROVED", "APPLYING", "COMPLETED", "REJECTED", "CANCELLED"];
    await write({ changes: states.map((state) => task(`is-${state}`, state, ["database:a", "database:b"])) });
    await write({ changes: [task("elsewhere", "APPROVED", ["database:c"])] });
    expect((await facts({ keys: ["database:a", "database:x"] })).active).toEqual({
      "database:a": ["is-APPLYING", "is-APPROVED"],
    });
    expect((await facts({ keys: ["database:a", "database:b"], task_id: "is-APPROVED" })).active).toEqual({
      "database:a": ["is-APPLYING"],
      "database:b": ["is-APPLYING"],
    });
  });
});

describe("past executions", () => {
  it("count as failed when they failed or timed out, and not at all before they are over, nor if they lapsed and were tried again", async () => {
    await write({
      changes: [
        execution(1, "success", 10),
        execution(2, "failure", 20),
        execution(3, "timeout", 60),
        execution(4, "cancelled", null),
        execution(5, null, null),
        execution(7, null, 30, { completed_at: "2026-11-20T00:07:00.000Z" }),
        execution(6, "failure", 1, { type: "another.type" }),
      ],
    });
    const { history, median_duration_seconds } = await facts();
    expect(history).toEqual({ failed: 2, total: 4 });
    expect(median_duration_seconds).toBe(20);
  });

  it("are the last 200 of their type", async () => {
    const old = Array.from({ length: 50 }, (_, n) => execution(n, "failure", 1000));
    const recent = Array.from({ length: 200 }, (_, n) => execution(100 + n, n === 0 ? "timeout" : "success", n));
    await write({ changes: [...recent, ...old] });
    const { history, median_duration_seconds } = await facts();
    expect(history).toEqual({ failed: 1, total: 200 });
    expect(median_duration_seconds).toBe(99.5);
  });

  it("have the middle duration, or the mean of the two in the middle, for their median", () => {
    expect(medianOf([])).toBeUndefined();
    expect(medianOf([7])).toBe(7);
    expect(medianOf([10, 9, 100])).toBe(10);
    expect(medianOf([10, 9, 100, 0])).toBe(9.5);
  });
});

describe("policies", () => {
  it("are the enabled ones, by id, as they were written", async () => {
    const hours = { timezone: "Europe/Berlin", days: ["mon" as const], from: "09:00", to: "17:00" };
    const auto_approve_if = { risk_below: 20 };
    await write({
      configuration: [
        stored("z", { min_approvers: 3 }),
        stored("off", { enabled: false }),
        stored("a", { active_hours: hours, auto_approve_if, required_roles: ["dba"] }),
      ],
    });
    const { policies } = await facts();
    expect(policies).toEqual([
      policy("a", { active_hours: hours, auto_approve_if, required_roles: ["dba"] }),
      policy("z", { min_approvers: 3 }),
    ]);
  });

  it("that cannot be read stop everything, rather than let a task through unseen", async () => {
    const row = { id: "future", body: { name: "x", enabled: true, min_approvers: 99 }, created_at: AT, updated_at: AT };
    await write({ configuration: [{ put: "policies", row }] });
    await expect(facts()).rejects.toThrow();
  });
});

describe("reviewers", () => {
  it("are the active users who review or administer, or whom a policy names", async () => {
    await write({
      configuration: [
        user("zoe", ["reviewer", "dba"]),
        user("adam", ["admin"]),
        user("left", ["reviewer"], false),
        user("author", ["author"]),
        user("named", ["author"]),
        user("named-and-left", [], false),
        user("asked", []),
        stored("p", { required_reviewers: ["named", "named-and-left", "nobody"] }),
      ],
    });
    const ids = async (people?: string[]) =>
      (await facts(people === undefined ? {} : { people })).reviewers.map(({ id }) => id);
    expect(await ids()).toEqual(["adam", "named", "zoe"]);
    expect(await ids(["asked", "left", "nobody"])).toEqual(["adam", "asked", "named", "zoe"]);
    expect((await facts()).reviewers.at(-1)).toEqual({
      id: "zoe",
      name: "Name of zoe",
      roles: ["reviewer", "dba"],
      pending: 0,
    });
  });

  it("come with the number of requests that wait for them", async () => {
    await write({
      configuration: [user("ann", ["reviewer"]), user("bob", ["reviewer"])],
      changes: [
        approval("1", "ann", "PENDING"),
        approval("2", "ann", "PENDING"),
        approval("3", "ann", "APPROVED"),
        approval("4", "bob", "SUPERSEDED"),
        approval("5", "cyd", "PENDING"),
      ],
    });
    expect((await facts()).reviewers).toMatchObject([
      { id: "ann", pending: 2 },
      { id: "bob", pending: 0 },
    ]);
  });
});
