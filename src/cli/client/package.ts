import { spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { StartFailure } from "../server/start-failure.ts";

/** The built client, under the project's root: what `countersign/client` is. */
export const CLIENT = "dist/client";

/**
 * Compiles src/client into dist/client: plain ES modules and their declarations.
 * @throws StartFailure with the compiler's own words
 */
export async function buildClient(root: string): Promise<void> {
  const tsc = createRequire(import.meta.url)
    .resolve("typescript/package.json")
    .replace("package.json", "bin/tsc");
  rmSync(join(root, CLIENT), { recursive: true, force: true });
  const child = spawn(process.execPath, [tsc, "-p", "src/client/tsconfig.json"], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (said += chunk));
  const [code] = await once(child, "close");
  if (code !== 0) throw new StartFailure(`the client does not build:\n${said.trim()}`);
}
