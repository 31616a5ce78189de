import { describe, expect, it } from "vitest";
import type { Result } from "../actor/result.ts";
import type { Plan } from "../audit/plan.ts";
import type { AgentRow } from "../db/configuration.ts";
import { type AgentCommand, type AgentFacts, type AgentPatch, agentPlanner } from "./configure.ts";

const THEN = "2026-11-20T10:00:00.000Z";
const NOW = "2026-11-20T12:00:00.000Z";
const HASH = "5f".repeat(32);

const robo: AgentRow = {
  id: "robo",
  name: "Robo",
  description: null,
  roles: ["system"],
  scopes: [],
  capabilities: ["deploy:*"],
  max_tasks: 4,
  heartbeat_interval_seconds: 10,
  labels: { zone: "eu" },
  config: { region: "eu", db_password: "hunter2" },
  active: true,
  created_at: THEN,
  updated_at: THEN,
};

const nobody: AgentFacts = { agent: null, holder: null, tokens: 0 };
const known: AgentFacts = { agent: robo, holder: "agent", tokens: 2 };

function create(over: Partial<AgentRow> = {}, facts = nobody): Result<Plan> {
  const { active: _, created_at: __, updated_at: ___, ...agent } = { ...robo, ...over };
  const command: AgentCommand = { do: "create", agent, token: { token_id: "t-1", hash: HASH } };
  return agentPlanner.plan(command, facts, NOW);
}

function update(set: AgentPatch, facts = known, by = "root"): Result<Plan> {
  return agentPlanner.plan({ do: "update", id: "robo", by: { kind: "agent", id: by }, set }, facts, NOW);
}

function remove(by: "user" | "agent", facts = known, forced = true): Result<Plan> {
  return agentPlanner.plan({ do: "remove", id: "robo", by: { kind: by, id: "robo" }, forced }, facts, NOW);
}

function planOf(result: Result<Plan>): Plan {
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

function codeOf(result: Result<Plan>): string | undefined {
  return result.ok ? undefined : result.error.code;
}

describe("a new agent", () => {
  it("comes with a first token, and its actor hears how much it may do", () => {
    const plan = planOf(create());
    expect(plan.changes).toMatchObject([
      { put: "agents", row: { ...robo, created_at: NOW, updated_at: NOW } },
      {
        put: "tokens",
        row: { token_id: "t-1", hash: HASH, principal_kind: "agent", principal_id: "robo", scopes: null },
      },
    ]);
    expect(plan.happenings.map(({ action }) => action)).toEqual(["agent.created", "token.created"]);
    expect(plan.effects).toEqual([
      { target: "agent:robo", body: { do: "configured", max_tasks: 4, heartbeat_interval_seconds: 10, drain: false } },
    ]);
  });

  it("has no secret of its config and no hash in the answer or in the trail, but keeps them in D1", () => {
    const { changes, happenings, answer } = planOf(create());
    const told = JSON.stringify([happenings, answer]);
    expect(told).not.toContain("hunter2");
    expect(told).not.toContain(HASH);
    expect(told).toContain("region");
    expect(JSON.stringify(changes)).toContain("hunter2");
  });

  it("has an id that is free among users and agents alike, and not reserved", () => {
    expect(codeOf(create({}, { ...nobody, holder: "agent" }))).toBe("ALREADY_EXISTS");
    expect(codeOf(create({}, { ...nobody, holder: "user" }))).toBe("ALREADY_EXISTS");
    expect(codeOf(create({ id: "system" }))).toBe("ALREADY_EXISTS");
  });
});

describe("a changed agent", () => {
  it("has its actor told only when its permits change", () => {
    expect(planOf(update({ max_tasks: 8 })).effects).toEqual([
      { target: "agent:robo", body: { do: "configured", max_tasks: 8, heartbeat_interval_seconds: 10, drain: false } },
    ]);
    expect(planOf(update({ labels: {} })).effects).toEqual([]);
  });

  it("has the new values of what changed in the trail, secrets of its config masked", () => {
    const { happenings } = planOf(update({ max_tasks: 4, config: { api_key: "s3cret", region: "us" } }));
    expect(happenings).toEqual([
      {
        action: "agent.updated",
        subject_type: "agent",
        subject_id: "robo",
        details: { config: { api_key: "[masked]", region: "us" } },
      },
    ]);
  });

  it("of which nothing changes is not in the trail, whatever the order of its labels' keys", () => {
    const agent = { ...robo, labels: { a: "1", b: "2" } };
    const set = { labels: { b: "2", a: "1" }, max_tasks: 4, capabilities: ["deploy:*"], active: true };
    const plan = planOf(update(set, { ...known, agent }));
    expect(plan).toMatchObject({ changes: [], happenings: [], answer: { agent: { updated_at: THEN } } });
    expect(plan.effects ?? []).toEqual([]);
  });

  it("that is asked to drain, or no longer, hears of it; other labels are nothing to it", () => {
    const drains = (labels: AgentRow["labels"], before: AgentRow["labels"]) =>
      planOf(update({ labels }, { ...known, agent: { ...robo, labels: before } })).effects?.map(({ body }) => body);
    expect(drains({ drain: "true" }, {})).toMatchObject([{ do: "configured", max_tasks: 4, drain: true }]);
    expect(drains({ zone: "eu" }, { drain: "true" })).toMatchObject([{ do: "configured", drain: false }]);
    expect(drains({ drain: "false" }, {})).toEqual([]);
    expect(drains({ drain: "true", zone: "us" }, { drain: "true" })).toEqual([]);
  });

  it("that is switched off loses every token", () => {
    const { changes, happenings } = planOf(update({ active: false }));
    expect(changes[1]).toEqual({ remove: "tokens", principal_kind: "agent", principal_id: "robo" });
    expect(happenings[0]?.details).toEqual({ active: false, tokens_revoked: 2 });
  });

  it("cannot switch itself off nor take admin from itself", () => {
    const agent = { ...robo, roles: ["system", "admin"] };
    expect(codeOf(update({ active: false }, { ...known, agent }, "robo"))).toBe("INVALID_STATE");
    expect(codeOf(update({ roles: ["system"] }, { ...known, agent }, "robo"))).toBe("INVALID_STATE");
    expect(update({ roles: ["admin"] }, { ...known, agent }, "robo").ok).toBe(true);
  });

  it("must exist", () => {
    expect(codeOf(update({}, nobody))).toBe("AGENT_NOT_FOUND");
  });
});

describe("a deleted agent", () => {
  it("is gone with its tokens, and its actor gives up what it holds", () => {
    const { changes, happenings, effects } = planOf(remove("user"));
    expect(changes).toEqual([
      { remove: "agents", id: "robo" },
      { remove: "tokens", principal_kind: "agent", principal_id: "robo" },
    ]);
    expect(happenings[0]).toMatchObject({
      action: "agent.deleted",
      subject_id: "robo",
      details: { tokens_revoked: 2 },
    });
    expect(effects).toEqual([{ target: "agent:robo", body: { do: "removed", forced: true } }]);
  });

  it("is not oneself", () => {
    expect(codeOf(remove("agent"))).toBe("INVALID_STATE");
  });

  it("must exist", () => {
    expect(codeOf(remove("user", nobody))).toBe("AGENT_NOT_FOUND");
  });
});
