import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import type { V4WorkerOptionsShape } from "miniflare";
import { isErrorCode } from "./error-code.ts";
import type { Migration } from "./migrations.ts";

/** What wrangler.toml says of the worker, as wrangler reads it: plain JSON. */
export interface WorkerDeclaration {
  readonly name: string;
  /** Its variables. */
  readonly vars: NonNullable<V4WorkerOptionsShape["bindings"]>;
  /** Its rate-limiting bindings by name. */
  readonly rateLimits: NonNullable<V4WorkerOptionsShape["ratelimits"]>;
  /** Its D1 bindings, each with its migrations in the order of their numbers. */
  readonly databases: Readonly<Record<string, readonly Migration[]>>;
  /** Compatibility and every other binding, in Miniflare's terms. */
  readonly options: V4WorkerOptionsShape;
}

/** Where a build keeps it, under the project's root: importing wrangler takes as long as all the rest of a start. */
export const DECLARATION = "dist/worker.json";

/** The declaration of the built worker, with the variables that the project's .dev.vars adds now. */
export function readWorkerDeclaration(root: string): WorkerDeclaration {
  const declared: WorkerDeclaration = JSON.parse(readFileSync(join(root, DECLARATION), "utf8"));
  return {
    ...declared,
    vars: { ...declared.vars, ...readDevVars(root) },
    options: { ...declared.options, rootPath: root },
  };
}

function readDevVars(root: string): Record<string, string> {
  try {
    const vars = parseEnv(readFileSync(join(root, ".dev.vars"), "utf8"));
    return Object.fromEntries(Object.entries(vars).map(([name, value = ""]) => [name, value]));
  } catch (error) {
    if (isErrorCode(error, "ENOENT")) return {};
    throw error;
  }
}
