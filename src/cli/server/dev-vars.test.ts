import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ensureRootToken, provideRootToken } from "./dev-vars.ts";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dev-vars-"));
  path = join(folder, ".dev.vars");
});
afterEach(() => rmSync(folder, { recursive: true }));

test("a missing .dev.vars is created with a random token that only its owner can read", () => {
  const token = ensureRootToken(path);
  expect(token).toMatch(/^[\w-]{43}$/);
  expect(readFileSync(path, "utf8")).toBe(`ROOT_TOKEN=${token}\n`);
  expect(statSync(path).mode & 0o077).toBe(0);
  expect(readdirSync(folder)).toEqual([".dev.vars"]);
});

test("a token that is there stays, and is not told again", () => {
  ensureRootToken(path);
  const before = readFileSync(path, "utf8");
  expect(ensureRootToken(path)).toBeUndefined();
  expect(readFileSync(path, "utf8")).toBe(before);
});

test("a project is given its token once, and that is told in full", () => {
  const told = vi.spyOn(console, "log").mockReturnValue();
  provideRootToken(folder);
  provideRootToken(folder);
  expect(told.mock.calls).toEqual([
    [`ROOT_TOKEN created in .dev.vars: ${readFileSync(path, "utf8").trim().slice("ROOT_TOKEN=".length)}`],
  ]);
  told.mockRestore();
});

test("a token is added to a file that lacks one, beside what the file holds", () => {
  writeFileSync(path, 'OIDC_ISSUER="https://id.example"\n# ROOT_TOKEN=commented\nROOT_TOKEN=');
  const token = ensureRootToken(path);
  expect(readFileSync(path, "utf8")).toBe(
    `OIDC_ISSUER="https://id.example"\n# ROOT_TOKEN=commented\nROOT_TOKEN=\nROOT_TOKEN=${token}\n`,
  );
  expect(ensureRootToken(path)).toBeUndefined();
});
