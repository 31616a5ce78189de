/** Programs that the benchmarks start, with a folder of their own, and end again. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

/** USER_HZ: the same on every Linux. */
const TICKS_PER_SECOND = 100;

export interface Started {
  readonly pid: number;
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
      return { pid: child.pid ?? 0, end: () => end(child), stop };
    } catch (thrown) {
      if (child.exitCode === null && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 50));
      else {
        await stop();
        throw new Error(`${program} does not answer (${thrown instanceof Error ? thrown.message : thrown}): ${said}`);
      }
    }
  }
}

/** CPU seconds, user and system, that a process and all its descendants have used so far (Linux: /proc). */
export function cpuSeconds(pid: number): number {
  const processes = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        // The program's name, in parentheses, may hold anything.
        const fields = readFileSync(`/proc/${name}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
        return [{ pid: Number(name), parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) }];
      } catch {
        return [];
      }
    });
  const used = (root: number): number =>
    processes.filter(({ parent }) => parent === root).reduce((sum, child) => sum + used(child.pid), 0) +
    (processes.find((one) => one.pid === root)?.ticks ?? 0);
  return used(pid) / TICKS_PER_SECOND;
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
