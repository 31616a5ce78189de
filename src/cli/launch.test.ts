import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";

const root = realpathSync(mkdtempSync(join(tmpdir(), "a checkout ")));
afterAll(() => rmSync(root, { recursive: true }));

/** Starts the command in a checkout by a Node that is old: one that runs no TypeScript. */
function started(...flags: string[]) {
  return spawnSync(process.execPath, [...flags, join(root, "src/cli/launch.js")], { encoding: "utf8" });
}

test("an older Node runs the bundle, and without one is told what to do; a newer one runs the source", () => {
  for (const folder of ["src/cli", "dist/cli"]) mkdirSync(join(root, folder), { recursive: true });
  writeFileSync(join(root, "package.json"), '{ "type": "module" }');
  copyFileSync(join(import.meta.dirname, "launch.js"), join(root, "src/cli/launch.js"));
  writeFileSync(join(root, "src/cli/countersign.ts"), 'const from: string = "source"; console.log(from);');

  const old = "--no-experimental-strip-types";
  const refused = started(old);
  expect(refused).toMatchObject({ status: 2, stdout: "", stderr: expect.stringContaining("runs no TypeScript") });
  expect(refused.stderr).toContain(`\`npm run build\` in ${root}/ first`);
  expect(started()).toMatchObject({ status: 0, stdout: "source\n" });

  writeFileSync(join(root, "dist/cli/countersign.js"), 'console.log("bundle");');
  expect(started(old)).toMatchObject({ status: 0, stdout: "bundle\n" });
});
