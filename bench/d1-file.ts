/** D1's own file among those of a state directory, to be filled while the server is down. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** Path of the one SQLite database that has the trail; throws if there is none. */
export function d1File(stateDir: string): string {
  const files = readdirSync(stateDir, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".sqlite"));
  const found = files
    .map((name) => join(stateDir, name))
    .find((path) => {
      const database = new DatabaseSync(path, { readOnly: true });
      try {
        return database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'audit_log'").get() !== undefined;
      } finally {
        database.close();
      }
    });
  if (found === undefined) throw new Error(`D1's file is not under ${stateDir}`);
  return found;
}
