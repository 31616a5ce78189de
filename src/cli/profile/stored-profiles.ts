/** What `countersign login` remembers: one file, for its owner's eyes only. */
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { usage } from "../terminal/told-failure.ts";

export interface Profile {
  readonly url: string;
  readonly token: string;
  /** Another than the token's own; root only. */
  readonly workspace?: string;
}

export interface StoredProfiles {
  /** The one that is used unless another is named. */
  readonly current: string;
  readonly profiles: Readonly<Record<string, Profile>>;
}

export const NO_PROFILES: StoredProfiles = { current: "default", profiles: {} };

/** `$XDG_CONFIG_HOME/countersign/config.json` (XDG Base Directory); relative paths there are ignored, as it demands. */
export function profilesPath(env: Readonly<Record<string, string | undefined>>): string {
  const { XDG_CONFIG_HOME: home } = env;
  return join(home?.startsWith("/") ? home : join(homedir(), ".config"), "countersign", "config.json");
}

/** @throws CliFailure if the file is there but is no list of profiles */
export function readProfiles(path: string): StoredProfiles {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return NO_PROFILES;
    throw usage(`${path} cannot be read: ${(thrown as Error).message}`);
  }
  const stored = parsed(text);
  if (!isStored(stored))
    throw usage(`${path} is not what \`countersign login\` writes`, "mend or delete it, then log in");
  return stored;
}

/** All or nothing, and never readable for others, not even for a moment. */
export function writeProfiles(path: string, profiles: StoredProfiles): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(profiles, null, 2)}\n`, { mode: 0o600 });
  chmodSync(draft, 0o600);
  renameSync(draft, path);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isStored(value: unknown): value is StoredProfiles {
  const { current, profiles } = (value ?? {}) as Partial<StoredProfiles>;
  if (typeof current !== "string" || typeof profiles !== "object" || profiles === null) return false;
  return Object.values(profiles).every((one) => typeof one?.url === "string" && typeof one.token === "string");
}
