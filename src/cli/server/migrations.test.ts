import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test } from "vitest";
import { applyMigrations, type MigratedDatabase } from "./migrations.ts";
import { readMigrations } from "./wrangler-declaration.ts";

let folder: string;
let sqlite: DatabaseSync;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "migrations-"));
  sqlite = new DatabaseSync(":memory:");
});
afterEach(() => {
  sqlite.close();
  rmSync(folder, { recursive: true });
});

type Run = (() => unknown) & { bind(...values: string[]): Run; all(): Promise<{ results: unknown[] }> };

/** D1's prepare and batch over SQLite itself. */
const d1: MigratedDatabase<Run> = {
  prepare: (sql) => statement(sql, []),
  async batch(statements) {
    sqlite.exec("BEGIN");
    try {
      for (const run of statements) run();
      sqlite.exec("COMMIT");
    } catch (error) {
      sqlite.exec("ROLLBACK");
      throw error;
    }
  },
};

function statement(sql: string, values: string[]): Run {
  return Object.assign(() => sqlite.prepare(sql).run(...values), {
    bind: (...bound: string[]) => statement(sql, bound),
    all: async () => ({ results: sqlite.prepare(sql).all(...values) }),
  });
}

const applied = () => sqlite.prepare("SELECT id, name FROM d1_migrations ORDER BY id").all();
const tables = () => sqlite.prepare("SELECT name FROM sqlite_schema WHERE name LIKE 't%' ORDER BY name").all();

test("migrations are applied once each, in the order of their numbers, and marked as wrangler marks them", async () => {
  writeFileSync(join(folder, "10_c.sql"), "CREATE TABLE t10 (a)");
  writeFileSync(join(folder, "9_b.sql"), "CREATE TABLE t9 (a)");
  writeFileSync(join(folder, "notes.md"), "no migration");
  expect(await applyMigrations(d1, readMigrations(folder))).toEqual(["9_b.sql", "10_c.sql"]);
  expect(await applyMigrations(d1, readMigrations(folder))).toEqual([]);
  expect(applied().map((row) => ({ ...row }))).toEqual([
    { id: 1, name: "9_b.sql" },
    { id: 2, name: "10_c.sql" },
  ]);
});

test("a trigger's inner semicolons and drizzle's breakpoints do not break a migration apart", async () => {
  const sql = `CREATE TABLE t1 (a TEXT DEFAULT 'x;y');
--> statement-breakpoint
CREATE TRIGGER t1_append_only BEFORE UPDATE ON t1 BEGIN SELECT RAISE(ABORT, 'append; only'); SELECT 1; END;
--> statement-breakpoint
CREATE TABLE t2 (a);`;
  writeFileSync(join(folder, "0000_a.sql"), sql);
  await applyMigrations(d1, readMigrations(folder));
  sqlite.exec("INSERT INTO t1 DEFAULT VALUES");
  expect(() => sqlite.exec("UPDATE t1 SET a = 'z'")).toThrow("append; only");
  expect(tables()).toHaveLength(3);
});

test("a migration that fails leaves nothing of itself, is named, and does not undo those before it", async () => {
  writeFileSync(join(folder, "0000_good.sql"), "CREATE TABLE t0 (a)");
  writeFileSync(join(folder, "0001_bad.sql"), "CREATE TABLE t1 (a); CREATE TABLE t1 (b)");
  await expect(applyMigrations(d1, readMigrations(folder))).rejects.toThrow(/^migration 0001_bad.sql failed: .*t1/);
  expect(tables().map((row) => ({ ...row }))).toEqual([{ name: "t0" }]);
  writeFileSync(join(folder, "0001_bad.sql"), "CREATE TABLE t1 (a)");
  expect(await applyMigrations(d1, readMigrations(folder))).toEqual(["0001_bad.sql"]);
});

test("no folder of migrations is no migrations", () => {
  expect(readMigrations(join(folder, "missing"))).toEqual([]);
});
