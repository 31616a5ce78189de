import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";

/**
 * Whether a path under the project (with `/`) changes what a build makes. Tests do not, nor do the client and the command line; a folder
 * counts, because its time of change is what tells of a deleted file.
 */
export function isWorkerSource(path: string): boolean {
  if (path === "wrangler.toml" || path === "package-lock.json") return true;
  if (/^migrations(\/|$)/.test(path)) return true;
  return /^src(\/|$)/.test(path) && !/^src\/(cli|client)(\/|$)/.test(path) && !path.endsWith(".test.ts");
}

/** When the youngest source of the worker changed, in ms since the epoch; 0 if there is none. */
export function newestSource(root: string): number {
  const listed = ["src", "migrations"].flatMap((folder) => {
    const within = readdirSync(join(root, folder), { recursive: true, encoding: "utf8" });
    return [folder, ...within.map((path) => join(folder, path))];
  });
  return ["wrangler.toml", "package-lock.json", ...listed]
    .filter((path) => isWorkerSource(path.replaceAll("\\", "/")))
    .reduce((newest, path) => Math.max(newest, changedAt(join(root, path)) ?? 0), 0);
}

/** When a file last changed, in ms since the epoch; undefined if it does not exist. */
export function changedAt(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs;
}
