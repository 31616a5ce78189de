/** What `npm start` runs, with the worker of `CHAOS_WORKER` (a built script) in place of the product's. */
import { join, resolve } from "node:path";
import { build, isStale } from "../../src/cli/server/bundle.ts";
import { reportFailure } from "../../src/cli/server/report-failure.ts";
import { startRuntime } from "../../src/cli/server/runtime.ts";
import { overrideVars, readSettings } from "../../src/cli/server/settings.ts";
import { takeStateDirectory } from "../../src/cli/server/state-directory.ts";
import { readWorkerDeclaration } from "../../src/cli/server/worker-declaration.ts";

const settings = readSettings(process.env);
const project = join(import.meta.dirname, "../..");
if (isStale(project)) await build(project);
const declared = readWorkerDeclaration(project);
const vars = overrideVars(declared.vars, process.env);
const state = await takeStateDirectory(resolve(settings.stateDir));
const script = process.env.CHAOS_WORKER ?? "";
// By which it evicts.
const compatibilityFlags = [...(declared.options.compatibilityFlags ?? []), "unsafe_module"];
const options = { ...declared.options, compatibilityFlags };
const runtime = await startRuntime(script, { ...declared, options, vars }, settings, state, reportFailure);
process.once("SIGTERM", () => runtime.stop().then(() => process.exit(0), reportFailure));
// Ends with the tests that started it.
const parent = process.ppid;
setInterval(() => process.ppid !== parent && runtime.stop().then(() => process.exit(0), reportFailure), 250).unref();
console.log(`countersign listening on ${runtime.url.origin}`);
