import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { chain } from "../audit/chain.fixture.ts";
import type { AgentRow, ConfigurationChange } from "./configuration.ts";
import { type Flush, flushStatements } from "./flush.ts";
import type { ApprovalRow, ReadModelChange, TaskRow } from "./read-model.ts";

const nothing: Flush = { entries: [], changes: [], configuration: [] };

function flush(workspace: string, given: Partial<Flush>) {
  return env.DB.batch(flushStatements(env.DB, workspace, { ...nothing, ...given }));
}

async function rows<Row = Record<string, unknown>>(workspace: string, table: string): Promise<Row[]> {
  const { results } = await env.DB.prepare(`SELECT * FROM ${table} WHERE workspace = ? ORDER BY rowid`)
    .bind(workspace)
    .all<Row>();
  return results;
}

function task(id: string, given: Partial<TaskRow> = {}): ReadModelChange {
  const row: TaskRow = {
    id,
    state: "DRAFT",
    revision: 1,
    type: "schema.migrate",
    author_id: "ann",
    priority: 50,
    risk_score: null,
    risk_level: null,
    created_at: "2026-11-20T00:00:00.000Z",
    updated_at: "2026-11-20T00:00:00.000Z",
    tags: ["a", "b"],
    resources: [{ key: "database:prod/orders", type: "database", id: "orders" }],
    body: { id },
    ...given,
  };
  return { table: "tasks", id, row };
}

function approval(id: string, status: string): ReadModelChange {
  const row: ApprovalRow = {
    id,
    task_id: "t",
    reviewer_id: "bob",
    revision: 1,
    status,
    priority: "NORMAL",
    created_at: "2026-11-20T00:00:00.000Z",
    responded_at: null,
    body: { id, status },
  };
  return { table: "approvals", id, row };
}

function agent(id: string, given: Partial<AgentRow> = {}): ConfigurationChange {
  const row: AgentRow = {
    id,
    name: "Deployer",
    description: null,
    roles: ["system"],
    scopes: [],
    capabilities: ["deploy.*"],
    max_tasks: 4,
    heartbeat_interval_seconds: 10,
    labels: {},
    config: {},
    active: true,
    created_at: "2026-11-20T00:00:00.000Z",
    updated_at: "2026-11-20T00:00:00.000Z",
    ...given,
  };
  return { put: "agents", row };
}

describe("a flush", () => {
  it("of nothing is no statement", () => {
    expect(flushStatements(env.DB, "none", nothing)).toEqual([]);
  });

  it("writes a read model's row as it was shipped, JSON as text, also when it comes twice", async () => {
    const body = { id: "t1", nested: { quote: `"'\\\n`, list: [1, null, true] } };
    const changes = [task("t1", { risk_score: 12, risk_level: "LOW", body })];
    await flush("models", { changes });
    const before = await rows("models", "tasks");
    await flush("models", { changes });
    expect(await rows("models", "tasks")).toEqual(before);
    expect(before).toMatchObject([{ id: "t1", risk_score: 12, revision: 1, tags: '["a","b"]' }]);
    expect(JSON.parse(String(before[0]?.body))).toEqual(body);
  });

  it("leaves the last of several changes of a row, whatever came between", async () => {
    const at = (state: string, revision: number) => task("t1", { state, revision });
    await flush("last", { changes: [at("DRAFT", 1), task("t2"), at("REVIEWING", 2), at("APPROVED", 2)] });
    expect(await rows("last", "tasks")).toMatchObject([{ id: "t1", state: "APPROVED", revision: 2 }, { id: "t2" }]);
    await flush("last", { changes: [{ table: "tasks", id: "t1", row: null }, at("DRAFT", 9)] });
    await flush("last", { changes: [task("t2"), { table: "tasks", id: "t2", row: null }] });
    expect(await rows("last", "tasks")).toMatchObject([{ id: "t1", revision: 9 }]);
  });

  it("keeps which resources a task touches in step with it", async () => {
    const keys = async () => (await rows<{ key: string }>("touch", "task_resources")).map(({ key }) => key).sort();
    const resources = (...ids: string[]) => ids.map((id) => ({ key: `database:${id}`, type: "database", id }));
    await flush("touch", { changes: [task("t1", { resources: resources("a", "b", "a") })] });
    expect(await keys()).toEqual(["database:a", "database:b"]);
    await flush("touch", { changes: [task("t1", { resources: resources("b", "c") })] });
    expect(await keys()).toEqual(["database:b", "database:c"]);
    await flush("touch", { changes: [{ table: "tasks", id: "t1", row: null }] });
    expect(await keys()).toEqual([]);
  });

  it("touches no other workspace", async () => {
    await flush("mine", { changes: [task("t1")], configuration: [agent("a1")] });
    await flush("theirs", {
      changes: [task("t1", { state: "CANCELLED" })],
      configuration: [agent("a1", { name: "X" })],
    });
    await flush("theirs", {
      changes: [{ table: "tasks", id: "t1", row: null }],
      configuration: [{ remove: "agents", id: "a1" }],
    });
    expect(await rows("mine", "tasks")).toMatchObject([{ id: "t1", state: "DRAFT" }]);
    expect(await rows("mine", "agents")).toMatchObject([{ id: "a1", name: "Deployer", active: 1 }]);
    expect(await rows("mine", "task_resources")).toHaveLength(1);
  });

  it("is all or nothing", async () => {
    const broken = task("t2", { state: null as unknown as string });
    await expect(
      flush("atomic", {
        entries: chain("atomic", "task:t1", [1]),
        changes: [task("t1"), broken],
        configuration: [agent("a1")],
      }),
    ).rejects.toThrow();
    for (const table of ["audit_log", "tasks", "agents"]) expect(await rows("atomic", table)).toEqual([]);
  });

  it("carries configuration out in the order in which it was decided", async () => {
    await flush("order", {
      configuration: [agent("a1"), { remove: "agents", id: "a1" }, agent("a1", { name: "Again" })],
    });
    expect(await rows("order", "agents")).toMatchObject([{ name: "Again" }]);
    await flush("order", { configuration: [agent("a1", { active: false }), { remove: "agents", id: "a1" }] });
    expect(await rows("order", "agents")).toEqual([]);
  });

  it("removes the tokens of whoever left, and one by its id", async () => {
    const token = (token_id: string, principal_id: string): ConfigurationChange => ({
      put: "tokens",
      row: {
        token_id,
        hash: `hash of ${token_id}`,
        principal_kind: "user",
        principal_id,
        scopes: null,
        created_at: "2026-11-20T00:00:00.000Z",
        expires_at: null,
      },
    });
    await flush("tokens", { configuration: ["1", "2", "3"].map((id) => token(id, id === "3" ? "bob" : "ann")) });
    await flush("tokens", { configuration: [{ remove: "tokens", principal_kind: "agent", principal_id: "ann" }] });
    expect(await rows("tokens", "tokens")).toHaveLength(3);
    await flush("tokens", { configuration: [{ remove: "tokens", principal_kind: "user", principal_id: "ann" }] });
    expect(await rows("tokens", "tokens")).toMatchObject([{ token_id: "3", scopes: null }]);
    await flush("tokens", { configuration: [{ remove: "tokens", token_id: "3" }] });
    expect(await rows("tokens", "tokens")).toEqual([]);
  });

  it("does not mistake text that looks like a number, a boolean or JSON for one", async () => {
    const values = ["007", "1e3", "true", "null", "{}", "[1]", '"x"', "", "'; DROP TABLE tasks; --"];
    await flush("text", { changes: values.map((value, at) => task(`t${at}`, { author_id: value, type: value })) });
    expect((await rows<{ author_id: string }>("text", "tasks")).map(({ author_id }) => author_id)).toEqual(values);
  });
});

describe("a flush larger than a parameter may be", () => {
  /** What each parameter takes in UTF-8, as the statements bind it. */
  function parameterSizes(given: Partial<Flush>): number[] {
    const sizes: number[] = [];
    const bind = (...values: unknown[]) => {
      sizes.push(...values.map((value) => (typeof value === "string" ? Buffer.byteLength(value) : 8)));
    };
    const recorder = { prepare: () => ({ bind }) } as unknown as D1Database;
    flushStatements(recorder, "sizes", { ...nothing, ...given });
    return sizes;
  }

  const notes = (count: number, chars: number, letter: string) =>
    chain(
      "large",
      "task:t",
      Array.from({ length: count }, (_, at) => at + 1),
      () => ({
        details: { note: letter.repeat(chars) },
      }),
    );

  it("goes in several statements of about 1 MB, counted in bytes and not in characters", async () => {
    const entries = notes(100, 20_000, "界");
    const sizes = parameterSizes({ entries }).filter((size) => size > 1_000);
    expect(sizes.length).toBeGreaterThanOrEqual(6);
    expect(sizes.length).toBeLessThanOrEqual(8);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(1_001_000);
    await flush("large", { entries });
    const stored = await rows<{ seq: number; hash: string }>("large", "audit_log");
    expect(stored.map(({ seq, hash }) => [seq, hash])).toEqual(entries.map(({ entry, hash }) => [entry.seq, hash]));
  });

  it("binds one row of more than 1 MB column by column, and stores the same", async () => {
    const quotes = '"'.repeat(400_000);
    const changes = [task("small"), task("huge", { body: { quotes } }), approval("a1", "PENDING")];
    expect(Math.max(...parameterSizes({ changes }))).toBeLessThan(1_000_000);
    await flush("huge", { changes });
    await flush("huge", { changes });
    const stored = await rows<{ id: string; body: string; tags: string; risk_score: null }>("huge", "tasks");
    expect(stored.map(({ id }) => id)).toEqual(["small", "huge"]);
    expect(stored[1]).toMatchObject({
      body: JSON.stringify({ quotes }),
      tags: '["a","b"]',
      risk_score: null,
      revision: 1,
    });
    expect(await rows("huge", "approvals")).toHaveLength(1);
  });

  it("keeps the order of rows around a large one", async () => {
    const entries = chain("mixed", "task:t", [1, 2, 3], (seq) => ({
      details: { note: "x".repeat(seq === 2 ? 1_200_000 : 10) },
    }));
    await flush("mixed", { entries });
    await flush("mixed", { entries });
    expect((await rows<{ seq: number }>("mixed", "audit_log")).map(({ seq }) => seq)).toEqual([1, 2, 3]);
  });

  it("takes an agent whose configuration is that large, active or not", async () => {
    const config = { note: "x".repeat(1_100_000) };
    await flush("large-agent", { configuration: [agent("on", { config }), agent("off", { config, active: false })] });
    expect(await rows("large-agent", "agents")).toMatchObject([
      { id: "on", active: 1 },
      { id: "off", active: 0 },
    ]);
  });
});
