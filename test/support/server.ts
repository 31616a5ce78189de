/** The real server, as `npm start` runs it: in a process of its own, on a free port, with its state in a temporary folder. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const ROOT_TOKEN = "the-root-token-of-the-server-tests";

const PROJECT = join(import.meta.dirname, "../..");

/** How a server ended. */
export interface Ended {
  /** null if a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** From the signal, or from the start if it ended by itself, to its end (ms). */
  readonly after: number;
}

/** A server that is ready. */
export interface Server {
  /** `http://127.0.0.1:{port}` */
  readonly url: string;
  readonly stateDir: string;
  readonly stdout: () => string;
  /** The pid of its workerd. */
  readonly workerd: () => number;
  /** Sends a signal and waits for the end; SIGTERM is what an operator sends, SIGKILL what fate does. */
  readonly end: (signal?: NodeJS.Signals) => Promise<Ended>;
  /** Starts a server again, on the same port and state. */
  readonly restart: () => Promise<Server>;
}

/** Starts a server with rate limits off (unless `env` says otherwise) and waits until it says that it is ready. */
export async function startServer(
  env: Readonly<Record<string, string>> = {},
  program = "src/cli/serve.ts",
): Promise<Server> {
  const stateDir = env.STATE_DIR ?? temporaryFolder();
  const { child, output } = launch({ STATE_DIR: stateDir, ...env }, program);
  const url = await Promise.race([
    new Promise<string>((resolve) =>
      child.stdout?.on("data", () => {
        const ready = /^countersign listening on (\S+)/m.exec(output.stdout);
        if (ready?.[1]) resolve(ready[1]);
      }),
    ),
    once(child, "close").then(() => Promise.reject(new Error(`the server did not start: ${output.stderr}`))),
  ]);
  await untilReady(url);
  return {
    url,
    stateDir,
    stdout: () => output.stdout,
    workerd: () => Number(readFileSync(join(stateDir, "workerd.pid"), "utf8")),
    end: async (signal = "SIGTERM") => {
      const begun = Date.now();
      child.kill(signal);
      return ending(child, output, begun);
    },
    restart: () => startServer({ ...env, STATE_DIR: stateDir, PORT: new URL(url).port }, program),
  };
}

/** Runs a server that is expected not to start. */
export function runToEnd(env: Readonly<Record<string, string>>): Promise<Ended> {
  const { child, output } = launch({ STATE_DIR: temporaryFolder(), ...env });
  return ending(child, output, Date.now());
}

/** Whether a process is there; one that ended and was not yet fetched by its parent is not. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== "linux" || !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

/** Looks every 10 ms until something holds; the test's own time limit ends it. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 10));
}

/** Whatever a test left behind goes with the tests' process. */
const running = new Set<ChildProcess>();
const folders = new Set<string>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "countersign-test-"));
  folders.add(folder);
  return folder;
}

interface Output {
  stdout: string;
  stderr: string;
}

function launch(
  env: Readonly<Record<string, string>>,
  program = "src/cli/serve.ts",
): { child: ChildProcess; output: Output } {
  const child = spawn(process.execPath, [program], {
    cwd: PROJECT,
    env: {
      ...process.env,
      PORT: "0",
      ROOT_TOKEN,
      RATE_LIMIT_READS: "0",
      RATE_LIMIT_WRITES: "0",
      // As under npm: ends by itself when its parent, the tests' process, is gone.
      npm_lifecycle_event: "start",
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  child.once("exit", () => running.delete(child));
  const output = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output.stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (output.stderr += text));
  return { child, output };
}

async function ending(child: ChildProcess, output: Output, begun: number): Promise<Ended> {
  // "close", not "exit": only then is all output here.
  await once(child, "close");
  return { code: child.exitCode, ...output, after: Date.now() - begun };
}

async function untilReady(url: string): Promise<void> {
  await until(async () => (await fetch(`${url}/readyz`)).ok);
}
