/**
 * `npm run runtimes`: the built client in Node, Deno, Bun and a browser, each through the same scenario against a server of its
 * own. `npm run runtimes -- bun browser` runs some only. DENO_BIN, BUN_BIN, CHROMIUM_BIN and NODE_BIN may say where they are. Ends with 1 if
 * one failed; what is not there is told, and fails only when it was asked for by name.
 */
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { buildClient, CLIENT } from "../../src/cli/client/package.ts";
import { FaultProxy } from "../support/fault-proxy.ts";
import { castOf } from "../support/main-job.ts";
import { type Server, startServer, temporaryFolder } from "../support/server.ts";
import { Browser } from "./browser.ts";
import { Program } from "./program.ts";
import type { Runtime } from "./runtime.ts";
import type { Meeting } from "./scenario.ts";

const ROOT = join(import.meta.dirname, "../..");

const project = await clientProject();
const runtimes: readonly Runtime[] = [
  new Program("node", process.env.NODE_BIN ?? process.execPath, [], project, "set NODE_BIN to its path"),
  new Program(
    "deno",
    process.env.DENO_BIN ?? "deno",
    ["run", "--allow-net"],
    project,
    "`npm i -g deno`, or set DENO_BIN to its path",
  ),
  new Program("bun", process.env.BUN_BIN ?? "bun", [], project, "`npm i -g bun`, or set BUN_BIN to its path"),
  await Browser.serving(project),
];
const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !runtimes.some((one) => one.name === name));
if (unknown.length > 0) {
  console.error(`no such runtime: ${unknown.join(", ")}; there are ${runtimes.map(({ name }) => name).join(", ")}`);
  process.exit(2);
}

for (const runtime of runtimes.filter(({ name }) => asked.length === 0 || asked.includes(name))) {
  const version = await runtime.version();
  if (version === undefined) {
    console.log(`- ${runtime.name}: not found; ${runtime.missing}`);
    if (asked.length > 0) process.exitCode = 1;
    continue;
  }
  console.log(`${runtime.name} ${version}`);
  const begun = Date.now();
  try {
    await met(runtime);
    console.log(`  all of it in ${((Date.now() - begun) / 1000).toFixed(1)} s`);
  } catch (thrown) {
    console.log(`  ✗ ${thrown instanceof Error ? thrown.message : String(thrown)}`);
    process.exitCode = 1;
  }
}
process.exit();

/** Lets a runtime meet a fresh server. */
async function met(runtime: Runtime): Promise<void> {
  const server = await startServer(runtime.origin === undefined ? {} : { CORS_ORIGINS: runtime.origin });
  const proxy = await FaultProxy.before(server.url);
  try {
    let lost = 0;
    proxy.fault = ({ method, path, headers }) => {
      const isFirst =
        method === "POST" && path.endsWith("/tasks") && headers["x-request-id"] !== undefined && lost === 0;
      lost += isFirst ? 1 : 0;
      return isFirst ? "unanswered" : "none";
    };
    await runtime.run(await meetingAt(server, proxy), (step) => console.log(`  ✓ ${step}`));
    if (lost === 0) throw new Error("no answer was lost: nothing went over the faulty network");
  } finally {
    await proxy.close();
    await server.end();
  }
}

async function meetingAt({ url }: Server, proxy: FaultProxy): Promise<Meeting> {
  const { root, reviewers } = await castOf(url);
  const agent = await root.newAgent("scenario", { roles: ["system", "author"] });
  // Every request comes to the one who is left.
  const left = await root.call("PATCH", "/users/carol", { active: false });
  if (left.status !== 200) throw new Error(`PATCH /users/carol answered ${left.status}`);
  return {
    url,
    faulty: proxy.url,
    agent: agent.token,
    reviewer: reviewers[0].token,
    run: crypto.randomUUID().slice(0, 8),
  };
}

/** A project that has the package installed, and the scenario as plain JavaScript. */
async function clientProject(): Promise<string> {
  const folder = temporaryFolder();
  const installed = join(folder, "node_modules/countersign");
  mkdirSync(installed, { recursive: true });
  await buildClient(ROOT);
  cpSync(join(ROOT, "package.json"), join(installed, "package.json"));
  cpSync(join(ROOT, CLIENT), join(installed, CLIENT), { recursive: true });
  writeFileSync(join(folder, "package.json"), '{ "type": "module", "dependencies": { "countersign": "*" } }');
  await build({
    entryPoints: ["main.ts", "scenario.ts"].map((file) => join(import.meta.dirname, file)),
    outdir: folder,
    bundle: true,
    format: "esm",
    target: "es2022",
    external: ["countersign/client"],
    logLevel: "error",
  });
  return folder;
}
