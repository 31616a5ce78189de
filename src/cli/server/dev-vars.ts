import { randomBytes } from "node:crypto";
import { existsSync, linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { isErrorCode } from "./error-code.ts";

/** Makes sure that the project in `root` has a ROOT_TOKEN for a server on this machine, and tells a new one. */
export function provideRootToken(root: string): void {
  const token = ensureRootToken(join(root, ".dev.vars"));
  if (token !== undefined) console.log(`ROOT_TOKEN created in .dev.vars: ${token}`);
}

/**
 * Makes sure that a `.dev.vars` file holds a ROOT_TOKEN, adding a random one if it is missing (spec 02, Authentication). What
 * else stands in the file stays. Safe when several starts do it at once: one creates the file, the others find it.
 * @returns the token if it is new and has to be told, else undefined
 */
export function ensureRootToken(path: string): string | undefined {
  const exists = existsSync(path);
  const before = exists ? readFileSync(path, "utf8") : "";
  if (parseEnv(before).ROOT_TOKEN) return undefined;

  const token = randomBytes(32).toString("base64url");
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, `${before === "" || before.endsWith("\n") ? before : `${before}\n`}ROOT_TOKEN=${token}\n`, {
    mode: 0o600,
  });
  try {
    // A new file is linked, not renamed: a link never replaces the file of a start that was quicker.
    if (exists) renameSync(draft, path);
    else linkSync(draft, path);
  } catch (error) {
    if (!isErrorCode(error, "EEXIST")) throw error;
    return ensureRootToken(path);
  } finally {
    rmSync(draft, { force: true });
  }
  return token;
}
