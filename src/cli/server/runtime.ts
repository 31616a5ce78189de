import { once } from "node:events";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare";
import { isErrorCode } from "./error-code.ts";
import { applyMigrations } from "./migrations.ts";
import type { Settings } from "./settings.ts";
import { StartFailure } from "./start-failure.ts";
import { endProcess, type StateDirectory, unusable } from "./state-directory.ts";
import type { WorkerDeclaration } from "./worker-declaration.ts";

/** How long requests in flight may take to finish once a stop is asked for; a stop has 3 s in all. */
const DRAIN_MS = 1_500;

/** A worker being served. */
export interface Runtime {
  readonly url: URL;
  /** Lets requests in flight finish, then ends workerd. */
  stop(): Promise<void>;
}

/**
 * Serves a built worker on workerd: first the databases alone, to migrate them while nobody can ask, then the worker on a socket
 * of its own, without Miniflare's proxy in between.
 * @param script path of the built worker
 * @param died called if workerd crashed and could not be started again
 * @throws StartFailure if a migration fails or the address is taken
 */
export async function startRuntime(
  script: string,
  worker: WorkerDeclaration,
  { host, port, inspectorPort }: Settings,
  state: StateDirectory,
  died: (reason: Error) => void,
): Promise<Runtime> {
  if (process.platform !== "win32") wrapWorkerd(state);

  const shared = {
    host: "127.0.0.1",
    port: 0,
    cf: false,
    logRequests: false,
    log: new RuntimeLog((reason) => died(storageFailure(reason, state) ?? reason)),
    resourcePersistencePath: state.path,
    handleStructuredLogs: ({ message }: { message: string }) => {
      // workerd adds the addresses of its own C++ frames to an uncaught error.
      process.stdout.write(`${message.split("\nstack: ")[0]}\n`);
    },
  };
  // Named by binding: the id in wrangler.toml is the deployed database's and may change without losing the local one.
  const d1Databases = Object.fromEntries(Object.keys(worker.databases).map((binding) => [binding, binding]));

  const miniflare = withSignalsUntouched(
    () =>
      new Miniflare(
        convertV4MiniflareOptions({
          ...shared,
          name: "migrations",
          modules: true,
          script: "export default {}",
          d1Databases,
        }),
      ),
  );
  try {
    for (const [binding, migrations] of Object.entries(worker.databases))
      await applyMigrations(await miniflare.getD1Database(binding), migrations);
    await miniflare.setOptions(
      convertV4MiniflareOptions({
        ...shared,
        ...worker.options,
        bindings: worker.vars,
        ratelimits: worker.rateLimits,
        name: worker.name,
        modules: true,
        scriptPath: script,
        d1Databases,
        unsafeDirectSockets: [{ host, port }],
        ...(inspectorPort !== undefined && { inspectorPort }),
      }),
    );
    return { url: await miniflare.unsafeGetDirectURL(), stop: () => stop(miniflare, state) };
  } catch (error) {
    // A dispose says again what the start failed of, and that is told below.
    await miniflare.dispose().catch(() => undefined);
    if (isErrorCode(error, "ERR_ADDRESS_IN_USE")) throw addressInUse(host, port);
    throw storageFailure(error, state) ?? error;
  }
}

/** What SQLite in workerd said of the state directory (full, broken, not its file), in the operator's words. */
function storageFailure(error: unknown, { path }: StateDirectory): StartFailure | undefined {
  const said = error instanceof Error && /SQLite failed; .* = (.*: SQLITE_.*)$/m.exec(error.message)?.[1];
  return said ? unusable(path, said) : undefined;
}

/**
 * Finds out early whether an address can be listened on.
 * @throws StartFailure if it cannot
 */
export async function assertAddressFree({ host, port }: Settings): Promise<void> {
  const probe = createServer();
  try {
    await once(probe.listen(port, host), "listening");
  } catch (error) {
    if (isErrorCode(error, "EADDRINUSE")) throw addressInUse(host, port);
    throw new StartFailure(
      `HOST ${host}, PORT ${port} cannot be listened on: ${error instanceof Error ? error.message : error}`,
    );
  }
  probe.close();
  await once(probe, "close");
}

function addressInUse(host: string, port: number): StartFailure {
  return new StartFailure(`PORT ${port} on ${host} is in use by another process`);
}

/** Has Miniflare run workerd.sh in place of workerd. */
function wrapWorkerd(state: StateDirectory): void {
  const workerd: { default: string } = createRequire(import.meta.url)("workerd");
  process.env.COUNTERSIGN_WORKERD = process.env.MINIFLARE_WORKERD_PATH ?? workerd.default;
  process.env.COUNTERSIGN_STATE = state.path;
  process.env.MINIFLARE_WORKERD_PATH = join(import.meta.dirname, "workerd.sh");
}

/** Miniflare exits at once on a signal; who starts it here stops it in good order. */
function withSignalsUntouched<Created>(create: () => Created): Created {
  const signals = ["SIGINT", "SIGTERM"] as const;
  const before = new Set(signals.flatMap((signal) => process.listeners(signal)));
  const created = create();
  for (const signal of signals)
    for (const listener of process.listeners(signal)) if (!before.has(listener)) process.off(signal, listener);
  return created;
}

async function stop(miniflare: Miniflare, state: StateDirectory): Promise<void> {
  // Read by workerd.sh: Miniflare takes the exit for a crash and would start another workerd.
  process.env.COUNTERSIGN_STOPPING = "1";
  const pid = state.workerd();
  if (pid !== undefined) endProcess(pid, "SIGTERM");
  for (const until = Date.now() + DRAIN_MS; state.workerd() !== undefined && Date.now() < until; ) await sleep(20);
  await miniflare.dispose();
}

/** Miniflare's words, of which only a crash of workerd is news. */
class RuntimeLog extends Log {
  readonly #died: (reason: Error) => void;

  constructor(died: (reason: Error) => void) {
    super(LogLevel.WARN);
    this.#died = died;
  }

  override warn(message: string): void {
    if (!process.env.COUNTERSIGN_STOPPING) process.stderr.write(`${message}\n`);
  }

  override error(error: Error): void {
    if (process.env.COUNTERSIGN_STOPPING) return;
    if (isErrorCode(error, "ERR_RUNTIME_FAILURE")) this.#died(error);
    else process.stderr.write(`${error.message}\n`);
  }
}
