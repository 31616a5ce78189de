import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { flushStatements } from "../db/flush.ts";
import { chain } from "./chain.fixture.ts";

/** Workspaces are unique per test: a file's tests share one database. */
async function writtenChain(workspace: string) {
  const entries = chain(workspace, "task:t", [1, 2, 3]);
  await env.DB.batch(flushStatements(env.DB, workspace, { entries, changes: [], configuration: [] }));
  return entries;
}

async function rowsOf(workspace: string) {
  const { results } = await env.DB.prepare("SELECT * FROM audit_log WHERE workspace = ? ORDER BY id")
    .bind(workspace)
    .all<{ id: number; seq: number; action: string; hash: string }>();
  return results;
}

const COPY = `(id, workspace, actor, seq, subject_type, subject_id, action, who, at, "where", request_id, prev_hash, hash)`;

describe("the audit trail after all migrations", () => {
  it.each([
    "UPDATE audit_log SET action = 'forged' WHERE workspace = ?",
    "UPDATE audit_log SET action = action WHERE workspace = ?",
    "UPDATE OR IGNORE audit_log SET id = id + 1000 WHERE workspace = ?",
    "UPDATE OR REPLACE audit_log SET seq = 1 WHERE workspace = ?",
    "DELETE FROM audit_log WHERE workspace = ?",
    "DELETE FROM audit_log WHERE seq = 3 AND workspace = ?",
  ])("refuses %s", async (statement) => {
    const workspace = `refuses-${statement.length}`;
    await writtenChain(workspace);
    const before = await rowsOf(workspace);
    await expect(env.DB.prepare(statement).bind(workspace).run()).rejects.toThrow("audit_log is append-only");
    expect(await rowsOf(workspace)).toEqual(before);
  });

  it.each([
    ["INSERT", "seq"],
    ["INSERT OR REPLACE", "seq"],
    ["REPLACE", "seq"],
    ["INSERT OR REPLACE", "id"],
    ["INSERT OR IGNORE", "id"],
  ])("is left as it was by %s of a row whose %s is there", async (verb, clash) => {
    const workspace = `insert-${verb}-${clash}`.toLowerCase().replaceAll(" ", "-");
    await writtenChain(workspace);
    const before = await rowsOf(workspace);
    const values = clash === "seq" ? "NULL, workspace, actor, seq" : "id, workspace, actor, seq + 100";
    await env.DB.prepare(
      `${verb} INTO audit_log ${COPY}
       SELECT ${values}, subject_type, subject_id, 'forged', who, at, "where", request_id, prev_hash, hash
       FROM audit_log WHERE workspace = ? AND seq = 2`,
    )
      .bind(workspace)
      .run();
    expect(await rowsOf(workspace)).toEqual(before);
  });

  it("takes a batch that is sent twice once", async () => {
    await writtenChain("twice");
    const before = await rowsOf("twice");
    await writtenChain("twice");
    expect(await rowsOf("twice")).toEqual(before);
    expect(before.map(({ seq }) => seq)).toEqual([1, 2, 3]);
  });

  it("keeps the chains of one actor's name apart by workspace", async () => {
    await writtenChain("apart-a");
    await writtenChain("apart-b");
    expect(await rowsOf("apart-a")).toHaveLength(3);
    expect(await rowsOf("apart-b")).toHaveLength(3);
  });

  it("has the three triggers, and those that keep totals, and no other", async () => {
    const { results } = await env.DB.prepare("SELECT name FROM sqlite_master WHERE type = 'trigger'").all<{
      name: string;
    }>();
    const lists = ["tasks", "approvals", "locks", "executions"];
    expect(results.map(({ name }) => name).sort()).toEqual(
      [
        ...["audit_log_insert_once", "audit_log_no_delete", "audit_log_no_update"],
        ...["audit_log_total_insert", "audit_log_total_delete"],
        ...lists.flatMap((list) => ["insert", "update", "delete"].map((when) => `${list}_total_${when}`)),
      ].sort(),
    );
  });

  it("starts every table's primary key or unique index of the product with the workspace, but for the order of the trail", async () => {
    const { results } = await env.DB.prepare(
      `SELECT tables.name AS name, (
         SELECT columns.name FROM pragma_index_list(tables.name) AS indexes, pragma_index_info(indexes.name) AS columns
         WHERE indexes."unique" = 1 ORDER BY columns.seqno LIMIT 1
       ) AS first
       FROM sqlite_master AS tables
       WHERE tables.type = 'table' AND tables.name NOT LIKE 'sqlite_%' AND tables.name NOT LIKE 'd1_%'
         AND tables.name NOT LIKE '\\_%' ESCAPE '\\'`,
    ).all<{ name: string; first: string }>();
    expect(results.length).toBeGreaterThan(5);
    expect(results.filter(({ first }) => first !== "workspace")).toEqual([]);
  });
});
