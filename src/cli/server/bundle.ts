import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join } from "node:path";
import { changedAt, newestSource } from "./freshness.ts";
import { StartFailure } from "./start-failure.ts";
import { DECLARATION } from "./worker-declaration.ts";

/** The built worker, under the project's root; `worker.js.map` and the worker's declaration lie beside it. */
export const BUNDLE = "dist/worker.js";

/** A build that takes longer than this was killed, and what it left may be cleared away (ms). */
const ABANDONED_AFTER_MS = 10 * 60_000;

/** Says nothing to anybody: no update check, no metrics, no error reports. */
const OFFLINE = {
  WRANGLER_HIDE_BANNER: "true",
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_SEND_ERROR_REPORTS: "false",
  DO_NOT_TRACK: "1",
};

/** Whether the built worker or its declaration is missing, or the worker not younger than every source of it. */
export function isStale(root: string): boolean {
  const built = changedAt(join(root, BUNDLE));
  const isWhole = built !== undefined && changedAt(join(root, DECLARATION)) !== undefined;
  return !isWhole || built <= newestSource(root);
}

/**
 * Builds into dist/ what `wrangler deploy` would ship, without the network, and what a start has to know of wrangler.toml. It is built in a folder of its own and moved file
 * by file, the worker last: so neither a build that is killed nor two at once leave half of one behind.
 * @throws StartFailure with the bundler's own words
 */
export async function build(root: string): Promise<void> {
  const dist = join(root, "dist");
  mkdirSync(dist, { recursive: true });
  for (const name of readdirSync(dist)) {
    const age = Date.now() - (changedAt(join(dist, name)) ?? Date.now());
    if (name.startsWith(DRAFT) && age > ABANDONED_AFTER_MS) rmSync(join(dist, name), { recursive: true, force: true });
  }

  const draft = mkdtempSync(join(dist, DRAFT));
  // What is edited while the bundler runs may have been read before the edit: the build is as old as its start.
  const begun = new Date();
  try {
    const [{ declaredToWrangler }] = await Promise.all([import("./wrangler-declaration.ts"), bundle(root, draft)]);
    writeFileSync(join(draft, basename(DECLARATION)), JSON.stringify(declaredToWrangler(root)));
    utimesSync(join(draft, "worker.js"), begun, begun);
    for (const name of readdirSync(draft).sort((a, b) => Number(a === "worker.js") - Number(b === "worker.js")))
      renameSync(join(draft, name), join(dist, name));
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

const DRAFT = ".draft-";

/**
 * Bundles the worker into a folder.
 * @throws StartFailure with the bundler's own words
 */
async function bundle(root: string, outdir: string): Promise<void> {
  const wrangler = createRequire(import.meta.url)
    .resolve("wrangler/package.json")
    .replace("package.json", "bin/wrangler.js");
  const child = spawn(process.execPath, [wrangler, "deploy", "--dry-run", "--outdir", outdir], {
    cwd: root,
    env: { ...process.env, ...OFFLINE },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (said += chunk));
  const [code] = await once(child, "close");
  if (code !== 0) throw new StartFailure(`the worker does not build:\n${said.trim()}`);
}
