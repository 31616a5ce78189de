import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { beforeEach, describe, expect, it } from "vitest";
import { readMigrations } from "../cli/server/wrangler-declaration.ts";
import { allTotals, keptTotal, recounts } from "./totals.ts";

const MIGRATIONS = readMigrations(join(import.meta.dirname, "../../migrations"));
const TOTALS = "0009_totals.sql";

let database: DatabaseSync;
beforeEach(() => {
  database = new DatabaseSync(":memory:");
});

/** Applies the migrations whose names `wanted` takes. */
function migrate(wanted: (name: string) => boolean): void {
  for (const { statements } of MIGRATIONS.filter(({ name }) => wanted(name)))
    for (const sql of statements) database.exec(sql);
}

function lock(workspace: string, id: string, status: string): void {
  database
    .prepare("INSERT INTO locks VALUES (?, ?, 'resource', 'x', 'robo', 'robo', ?, 'exclusive', 1, '2026-01-01')")
    .run(workspace, id, status);
}

function execution(task: string, result: string | null): void {
  database
    .prepare("INSERT INTO executions VALUES ('w', ?, 1, 'a.b', 'robo', '2026-01-01', NULL, ?, NULL)")
    .run(task, result);
}

const total = (...asked: Parameters<typeof keptTotal>) => {
  const { text, binds } = keptTotal(...asked);
  return database.prepare(text).get(...binds)?.total;
};

const all = () => {
  const { text, binds } = allTotals("w");
  return Object.fromEntries(
    database
      .prepare(text)
      .all(...binds)
      .map(({ list, value, rows }) => [`${list} ${value}`, rows]),
  );
};

describe("totals", () => {
  it("begin with what the tables hold when they are introduced", () => {
    migrate((name) => name < TOTALS);
    lock("w", "a", "held");
    lock("w", "b", "held");
    lock("w", "c", "queued");
    lock("other", "a", "held");
    execution("t1", null);
    execution("t2", "failure");
    migrate((name) => name >= TOTALS);
    expect(all()).toEqual({ "locks held": 2, "locks queued": 1, "executions ": 1, "executions failure": 1 });
    lock("w", "d", "held");
    expect(all()).toMatchObject({ "locks held": 3 });
  });

  it("are of a workspace, of a list, and of as many values as are asked for", () => {
    migrate(() => true);
    for (const [id, status] of Object.entries({ a: "held", b: "queued", c: "held" })) lock("w", id, status);
    expect(total("w", "locks")).toBe(3);
    expect(total("w", "locks", ["held"])).toBe(2);
    expect(total("w", "locks", ["held", "queued", "held", "none"])).toBe(3);
    expect(total("w", "locks", ["none"])).toBe(0);
    expect(total("w", "tasks")).toBe(0);
    expect(total("other", "locks")).toBe(0);
  });

  it("are right again after a recount, whatever became of them, and nobody else's are touched", () => {
    migrate(() => true);
    lock("w", "a", "held");
    lock("other", "a", "held");
    execution("t", null);
    database.exec("UPDATE totals SET rows = 77; INSERT INTO totals VALUES ('w', 'tasks', 'DRAFT', 5)");
    for (const { text, binds } of recounts("w")) database.prepare(text).run(...binds);
    expect(all()).toEqual({ "locks held": 1, "executions ": 1 });
    expect(total("other", "locks")).toBe(77);
  });
});
