import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { isStale } from "./bundle.ts";
import { isWorkerSource } from "./freshness.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "freshness-"));
  for (const file of [
    "wrangler.toml",
    "package-lock.json",
    "migrations/0000_a.sql",
    "src/worker.ts",
    "src/locks/actor.ts",
    "src/cli/serve.ts",
  ])
    change(file, 1_000);
  for (const folder of ["migrations", "src/locks", "src/cli", "src"]) utimesSync(join(root, folder), 1_000, 1_000);
});
afterEach(() => rmSync(root, { recursive: true }));

/** Writes a file as if at `second`, and keeps its folder's time. */
function change(file: string, second: number): void {
  const path = join(root, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, "");
  utimesSync(path, second, second);
  utimesSync(dirname(path), 1_000, 1_000);
}

test("the worker is built from src, the migrations, wrangler.toml and the lock file, not from tests, the client or the command line", () => {
  for (const path of [
    "src",
    "src/worker.ts",
    "src/locks/lock-book.ts",
    "migrations/0001.sql",
    "wrangler.toml",
    "package-lock.json",
  ])
    expect(isWorkerSource(path), path).toBe(true);
  for (const path of [
    "src/cli",
    "src/cli/serve.ts",
    "src/client/index.ts",
    "src/locks/a.test.ts",
    "src/a.worker.test.ts",
    "test/x.ts",
    "package.json",
    "srcs/a.ts",
  ])
    expect(isWorkerSource(path), path).toBe(false);
});

test("a build is stale if any of it is missing, or not younger than every source", () => {
  expect(isStale(root)).toBe(true);
  change("dist/worker.js", 2_000);
  expect(isStale(root)).toBe(true);
  change("dist/worker.json", 2_000);
  expect(isStale(root)).toBe(false);
  for (const file of ["src/locks/actor.ts", "migrations/0000_a.sql", "wrangler.toml", "package-lock.json"]) {
    change(file, 2_000);
    expect(isStale(root), file).toBe(true);
    change(file, 1_000);
  }
});

test("a build stays fresh when only tests and the command line change", () => {
  for (const built of ["dist/worker.js", "dist/worker.json"]) change(built, 2_000);
  for (const file of ["src/cli/serve.ts", "src/locks/actor.test.ts", "test/other.ts", "README.md"]) change(file, 3_000);
  utimesSync(join(root, "src"), 1_000, 1_000);
  expect(isStale(root)).toBe(false);
});

test("a build is stale once a source was deleted", () => {
  for (const built of ["dist/worker.js", "dist/worker.json"]) change(built, 2_000);
  rmSync(join(root, "src/locks/actor.ts"));
  expect(isStale(root)).toBe(true);
});
