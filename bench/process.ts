/** Programs that the benchmarks start, with a folder of their own, and end again. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

export interface Started {
  /** Ends the program; what it stored stays. */
  readonly end: () => Promise<void>;
  /** Ends it and removes its folder. */
  readonly stop: () => Promise<void>;
}

export function temporaryFolder(name: string): string {
  return mkdtempSync(join(tmpdir(), `countersign-bench-${name}-`));
}

/** The path of a program, or undefined if this machine does not have it. */
export function installed(program: string): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/usr/lib/postgresql/15/bin"];
  return folders
    .map((folder) => join(folder, program))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** Starts a program and looks every 50 ms until it answers; ends it and says what it wrote if it does not within 30 s. */
export async function start(
  command: readonly [string, ...string[]],
  options: { readonly folder: string; readonly env?: Readonly<Record<string, string>>; readonly uid?: number },
  answers: () => Promise<unknown>,
): Promise<Started> {
  const [program, ...args] = command;
  const child = spawn(program, args, {
    cwd: options.folder,
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
    ...(options.uid !== undefined && { uid: options.uid, gid: options.uid }),
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk) => (said = `${said}${chunk}`.slice(-4_000)));
  const stop = async () => {
    await end(child);
    rmSync(options.folder, { recursive: true, force: true });
  };
  const until = Date.now() + 30_000;
  for (;;) {
    try {
      await answers();
      return { end: () => end(child), stop };
    } catch (thrown) {
      if (child.exitCode === null && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 50));
      else {
        await stop();
        throw new Error(`${program} does not answer (${thrown instanceof Error ? thrown.message : thrown}): ${said}`);
      }
    }
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  const late = setTimeout(() => child.kill("SIGKILL"), 5_000);
  await once(child, "close");
  clearTimeout(late);
}

/** A port that nobody listens on right now. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  probe.close();
  await once(probe, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
