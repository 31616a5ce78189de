import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { takeStateDirectory } from "./state-directory.ts";

const folder = mkdtempSync(join(tmpdir(), "countersign-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function fileIn(parent: string, name: string): string {
  const path = join(parent, name);
  writeFileSync(path, "no database ".repeat(100));
  return path;
}

test("a state directory is made with all that it lies in, whatever it is called", async () => {
  const path = join(folder, "a b", "ü☃", "'c'");
  const { workerd } = await takeStateDirectory(path);
  expect(readdirSync(path)).toEqual(expect.arrayContaining(["server.lock", "server.pid"]));
  expect(workerd()).toBeUndefined();
});

test("what cannot be one is refused at once, by name and with the system's reason", async () => {
  const file = fileIn(folder, "file");
  const broken = mkdtempSync(join(folder, "broken-"));
  fileIn(broken, "server.lock");
  for (const [path, reason] of [
    [file, "ENOTDIR"],
    [join(file, "below"), "ENOTDIR"],
    ["/proc/nobody/makes/this", ""],
    [broken, "file is not a database"],
  ] as const)
    await expect(takeStateDirectory(path)).rejects.toMatchObject({
      name: "StartFailure",
      message: expect.stringContaining(`STATE_DIR ${path} cannot be used: ${reason}`),
    });
});
