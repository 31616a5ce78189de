/** The `countersign` command: within this process where only what it says matters, as a process where it is about processes. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { buildCommand, COMMAND } from "../../src/cli/client/command.ts";
import { runCli } from "../../src/cli/commands/program.ts";
import type { Cast } from "./main-job.ts";
import { temporaryFolder } from "./server.ts";

const ROOT = join(import.meta.dirname, "../..");
/** As it is published: one file starts three times as fast as the source does. */
await buildCommand(ROOT);
const LAUNCH = join(ROOT, COMMAND);
/** For scripts that are told how to call it. */
export const COMMAND_LINE = `${process.execPath} ${LAUNCH}`;
/** Nobody is logged in there. */
const NOWHERE = temporaryFolder();

export interface Ran {
  /** null if a signal ended it */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly stdout: () => string;
  readonly ended: Promise<Ran>;
}

/** Logs in through the environment, with a token or as nobody. */
export function envFor(url: string, token?: string): Record<string, string> {
  return { COUNTERSIGN_URL: url, XDG_CONFIG_HOME: NOWHERE, ...(token !== undefined && { COUNTERSIGN_TOKEN: token }) };
}

/** The bootstrap admin, in the workspace of a cast. */
export function adminOf({ root: { url, token, workspace = "default" } }: Cast): Record<string, string> {
  return { ...envFor(url, token), COUNTERSIGN_WORKSPACE: workspace };
}

/** As a shell starts it. */
export function start(args: readonly string[], env: Readonly<Record<string, string>>, input = ""): Running {
  const child = spawn(process.execPath, [LAUNCH, ...args], {
    env: { PATH: process.env.PATH ?? "", ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  child.stdin.end(input);
  const ended = once(child, "close").then(() => ({ code: child.exitCode, stdout, stderr }));
  return { child, stdout: () => stdout, ended };
}

/** Runs it to its end, as a shell does. */
export function spawned(args: readonly string[], env: Readonly<Record<string, string>>, input = ""): Promise<Ran> {
  return start(args, env, input).ended;
}

/** Runs it to its end within this process. @param watched somebody looks: what goes to standard error goes to a terminal */
export async function run(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  input = "",
  watched = false,
): Promise<Ran> {
  const [stdout, stderr] = [new Captured(), new Captured(watched)];
  const code = await runCli(args, env, "0.0.0", { stdin: Readable.from(input === "" ? [] : [input]), stdout, stderr });
  return { code, stdout: stdout.text, stderr: stderr.text };
}

class Captured extends PassThrough {
  readonly isTTY: boolean;
  readonly columns = 80;
  text = "";

  constructor(isTTY = false) {
    super({ encoding: "utf8" });
    this.isTTY = isTTY;
    this.on("data", (text: string) => {
      this.text += text;
    });
  }
}

/** On a terminal of its own (util-linux `script`), where what is written to it arrives as keys. */
export function startOnTerminal(args: readonly string[], env: Readonly<Record<string, string>>) {
  const command = [...COMMAND_LINE.split(" "), ...args].join(" ");
  const child = spawn("script", ["-qec", `stty rows 24 cols 80; ${command}`, "/dev/null"], {
    env: { PATH: process.env.PATH ?? "", TERM: "xterm", ...env },
    stdio: ["pipe", "pipe", "inherit"],
  });
  let screen = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (screen += text));
  return {
    screen: () => screen,
    press: (keys: string) => child.stdin.write(keys),
    ended: once(child, "close").then(() => child.exitCode),
  };
}
