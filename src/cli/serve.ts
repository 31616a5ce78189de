/** `npm start`: the built worker on workerd with its state on disk. The README lists the environment it reads. */
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { BUNDLE, build, isStale } from "./server/bundle.ts";
import { provideRootToken } from "./server/dev-vars.ts";
import { isErrorCode } from "./server/error-code.ts";
import { reportFailure } from "./server/report-failure.ts";
import { assertAddressFree, type Runtime, startRuntime } from "./server/runtime.ts";
import { overrideRateLimits, overrideVars, readSettings } from "./server/settings.ts";
import { takeStateDirectory } from "./server/state-directory.ts";
import { readWorkerDeclaration } from "./server/worker-declaration.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** How often to look whether the npm that started this is still there. */
const PARENT_CHECK_MS = 250;

let runtime: Runtime | undefined;
let stopping = false;

try {
  // Not `once`: wrangler kills the process with the signal again if it finds nobody else listening.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, stop);
  process.stdout.on("error", ignoreLostReader);
  endWithParent();
  await serve();
} catch (error) {
  reportFailure(error);
}

async function serve(): Promise<void> {
  const settings = readSettings(process.env);
  if (!process.env.ROOT_TOKEN) provideRootToken(root);
  const state = await takeStateDirectory(resolve(settings.stateDir));
  await assertAddressFree(settings);
  if (isStale(root)) await build(root);

  const declared = readWorkerDeclaration(root);
  const vars = overrideVars(declared.vars, process.env);
  const rateLimits = overrideRateLimits(declared.rateLimits, vars);
  runtime = await startRuntime(join(root, BUNDLE), { ...declared, vars, rateLimits }, settings, state, reportFailure);
  const { origin } = runtime.url;
  console.log(`countersign listening on ${origin} (state ${relative(process.cwd(), state.path) || "."})`);
}

async function stop(): Promise<void> {
  if (stopping) return;
  stopping = true;
  try {
    await runtime?.stop();
  } catch (error) {
    reportFailure(error);
  }
  process.exit(0);
}

/** npm passes SIGTERM on, but cannot pass on a SIGKILL: then what it started ends as soon as it has lost its parent. */
function endWithParent(): void {
  if (process.env.npm_lifecycle_event !== "start") return;
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && stop(), PARENT_CHECK_MS).unref();
}

/** Whoever read the log and went away (`npm start | head`) takes nothing else along. */
function ignoreLostReader(error: Error): void {
  if (!isErrorCode(error, "EPIPE")) throw error;
}
