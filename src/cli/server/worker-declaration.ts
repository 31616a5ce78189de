import { join } from "node:path";
import type { V4WorkerOptionsShape } from "miniflare";
import { unstable_getMiniflareWorkerOptions as miniflareOptions, unstable_readConfig as readConfig } from "wrangler";

/** What wrangler.toml says of the worker, read by wrangler itself, so that nothing is written down twice. */
export interface WorkerDeclaration {
  readonly name: string;
  /** Its variables, with those of .dev.vars. */
  readonly vars: NonNullable<V4WorkerOptionsShape["bindings"]>;
  /** Its rate-limiting bindings by name. */
  readonly rateLimits: NonNullable<V4WorkerOptionsShape["ratelimits"]>;
  /** Its D1 bindings, each with its folder of migrations. */
  readonly databases: ReadonlyMap<string, string>;
  /** Compatibility and every other binding, in Miniflare's terms. */
  readonly options: V4WorkerOptionsShape;
}

/** Reads the wrangler.toml (and .dev.vars) of a project. */
export function readWorkerDeclaration(root: string): WorkerDeclaration {
  process.env.WRANGLER_LOG ??= "warn"; // else wrangler tells on stdout which files it read
  const config = readConfig({ config: join(root, "wrangler.toml") });
  const databases: { binding: string; migrations_dir?: string }[] = config.d1_databases;
  // wrangler's own type forgets the names of the options; they are Miniflare's.
  const {
    bindings,
    ratelimits,
    modulesRules: _,
    ...options
  } = miniflareOptions(config).workerOptions as V4WorkerOptionsShape;
  return {
    name: config.name ?? "worker",
    vars: bindings ?? {},
    rateLimits: ratelimits ?? {},
    databases: new Map(
      databases.map(({ binding, migrations_dir }) => [binding, join(root, migrations_dir ?? "migrations")]),
    ),
    options,
  };
}
