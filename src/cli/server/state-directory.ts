import { execFileSync } from "node:child_process";
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { isErrorCode } from "./error-code.ts";
import { StartFailure } from "./start-failure.ts";

/** How long a start waits for the server before it to end (ms): a stop may take up to 3 s. */
const HANDOVER_MS = 3_000;

/** A state directory that this process owns until it ends, however it ends. */
export interface StateDirectory {
  readonly path: string;
  /** The running workerd, undefined if there is none. */
  workerd(): number | undefined;
}

/**
 * Takes a state directory for this process alone, creating it if need be, and ends a workerd that an earlier server left
 * there. Two workerds on one directory would each keep their own idea of an object in memory.
 * @param path absolute
 * @throws StartFailure if it cannot be written, or if another live server owns it
 */
export async function takeStateDirectory(path: string): Promise<StateDirectory> {
  try {
    makeDirectory(path);
    readdirSync(path);
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw unusable(path, error);
  }
  lock(path);
  const state = { path, workerd: () => workerdOf(path) };
  await endOrphan(state);
  writeFileSync(join(path, OWNER), `${process.pid}\n`);
  return state;
}

/** What a state directory is refused with that the system, or SQLite, finds no good. */
export function unusable(path: string, reason: unknown): StartFailure {
  return new StartFailure(`STATE_DIR ${path} cannot be used: ${reason instanceof Error ? reason.message : reason}`);
}

/** Not `recursive: true`: where nobody can make a directory (`/proc/x`) that tries for ever, and a read-only disk it calls ENOENT. */
function makeDirectory(path: string): void {
  if (existsSync(path)) return;
  makeDirectory(dirname(path));
  try {
    mkdirSync(path);
  } catch (error) {
    if (!isErrorCode(error, "EEXIST")) throw error; // another start was quicker
  }
}

const OWNER = "server.pid";

/** Open for good: the collector would close the file and with it give up the lock. */
const held: DatabaseSync[] = [];

/** SQLite's file lock, because the system drops it with the process: no mark of a dead server is ever mistaken for a live one. */
function lock(path: string): void {
  const database = new DatabaseSync(join(path, "server.lock"), { timeout: HANDOVER_MS });
  try {
    database.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
  } catch (error) {
    if (!(error instanceof Error && /locked/.test(error.message))) throw unusable(path, error);
    const owner = numberIn(join(path, OWNER));
    throw new StartFailure(`STATE_DIR ${path} is in use by a running server${owner ? ` (process ${owner})` : ""}`);
  }
  held.push(database);
}

async function endOrphan(state: StateDirectory): Promise<void> {
  for (let pid = state.workerd(); pid !== undefined; pid = state.workerd()) {
    endProcess(pid, "SIGKILL");
    await sleep(10);
  }
  rmSync(join(state.path, WORKERD), { force: true });
}

const WORKERD = "workerd.pid";

/** The pid that workerd.sh wrote down, if that process still is a workerd of this very directory: pids are used again. */
function workerdOf(path: string): number | undefined {
  const pid = numberIn(join(path, WORKERD));
  return pid !== undefined && environmentOf(pid).includes(` COUNTERSIGN_STATE=${path} `) ? pid : undefined;
}

/** The environment of another process between blanks; empty if there is no such process or it is not ours to see. */
function environmentOf(pid: number): string {
  try {
    return process.platform === "linux"
      ? ` ${readFileSync(`/proc/${pid}/environ`, "utf8").replaceAll("\0", " ")} `
      : ` ${execFileSync("ps", ["eww", "-o", "command=", "-p", String(pid)], { encoding: "utf8" }).trim()} `;
  } catch {
    return "";
  }
}

/** Sends a signal to a process that may just have ended by itself. */
export function endProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!isErrorCode(error, "ESRCH")) throw error;
  }
}

function numberIn(file: string): number | undefined {
  try {
    return Number.parseInt(readFileSync(file, "utf8"), 10) || undefined;
  } catch (error) {
    if (isErrorCode(error, "ENOENT")) return undefined;
    throw error;
  }
}
