import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { DECLARATION, readWorkerDeclaration } from "./worker-declaration.ts";
import { declaredToWrangler } from "./wrangler-declaration.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "declaration-"));
  mkdirSync(join(root, "dist"));
  mkdirSync(join(root, "migrations"));
  writeFileSync(join(root, "migrations/0000_a.sql"), "CREATE TABLE a (b); CREATE TABLE c (d)");
  writeFileSync(
    join(root, "wrangler.toml"),
    `name = "one"
main = "worker.js"
compatibility_date = "2026-08-15"
[vars]
LIMIT = "1"
ROOT_TOKEN = "from the file that everybody sees"
[[durable_objects.bindings]]
name = "TASK"
class_name = "TaskActor"
[[migrations]]
tag = "v1"
new_sqlite_classes = ["TaskActor"]
[[d1_databases]]
binding = "DB"
database_name = "one"
database_id = "0"
[[ratelimits]]
name = "READS"
namespace_id = "1"
simple = { limit = 6, period = 60 }
`,
  );
});
afterEach(() => rmSync(root, { recursive: true }));

test("what a build keeps of wrangler.toml holds all that a start needs", () => {
  writeFileSync(join(root, DECLARATION), JSON.stringify(declaredToWrangler(root)));
  expect(readWorkerDeclaration(root)).toMatchObject({
    name: "one",
    vars: { LIMIT: "1" },
    rateLimits: { READS: { simple: { limit: 6, period: 60 } } },
    databases: { DB: [{ name: "0000_a.sql", statements: ["CREATE TABLE a (b)", "CREATE TABLE c (d)"] }] },
    options: { compatibilityDate: "2026-08-15", durableObjects: { TASK: { className: "TaskActor", useSQLite: true } } },
  });
});

test("a secret of .dev.vars is in no build, overrides wrangler.toml, and may change after the build", () => {
  writeFileSync(join(root, ".dev.vars"), "ROOT_TOKEN=of-the-build");
  const built = JSON.stringify(declaredToWrangler(root));
  expect(built).not.toContain("of-the-build");
  writeFileSync(join(root, DECLARATION), built);
  writeFileSync(join(root, ".dev.vars"), 'ROOT_TOKEN="of-the-start"');
  expect(readWorkerDeclaration(root).vars).toMatchObject({ LIMIT: "1", ROOT_TOKEN: "of-the-start" });
});
