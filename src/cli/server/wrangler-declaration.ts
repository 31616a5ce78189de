/** What a build asks of wrangler, so that nothing is written down twice. Importing it is slow: a start does without. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { V4WorkerOptionsShape } from "miniflare";
import {
  unstable_getMiniflareWorkerOptions as miniflareOptions,
  unstable_readConfig as readConfig,
  unstable_splitSqlQuery as splitStatements,
} from "wrangler";
import { isErrorCode } from "./error-code.ts";
import type { Migration } from "./migrations.ts";
import type { WorkerDeclaration } from "./worker-declaration.ts";

/** Reads the wrangler.toml of a project and its migrations, but not its .dev.vars: secrets stay where they are. */
export function declaredToWrangler(root: string): WorkerDeclaration {
  process.env.WRANGLER_LOG ??= "warn"; // else wrangler tells on stdout which files it read
  const config = readConfig({ config: join(root, "wrangler.toml") });
  const databases: { binding: string; migrations_dir?: string }[] = config.d1_databases;
  // wrangler's own type forgets the names of the options; they are Miniflare's.
  const {
    bindings: _bindings,
    ratelimits,
    modulesRules: _rules,
    rootPath: _root,
    ...options
  } = miniflareOptions(config).workerOptions as V4WorkerOptionsShape;
  return {
    name: config.name ?? "worker",
    vars: config.vars,
    rateLimits: ratelimits ?? {},
    databases: Object.fromEntries(
      databases.map(({ binding, migrations_dir }) => [
        binding,
        readMigrations(join(root, migrations_dir ?? "migrations")),
      ]),
    ),
    options,
  };
}

/** The migrations of a folder in the order of their numbers; none if there is no such folder. */
export function readMigrations(folder: string): Migration[] {
  return namesIn(folder)
    .filter((name) => name.endsWith(".sql"))
    .sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10) || (a < b ? -1 : 1))
    .map((name) => ({ name, statements: splitStatements(readFileSync(join(folder, name), "utf8")) }));
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (isErrorCode(error, "ENOENT")) return [];
    throw error;
  }
}
