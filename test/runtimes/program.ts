/** A runtime that is started from a shell. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import type { Runtime } from "./runtime.ts";
import type { Meeting } from "./scenario.ts";

const LIMIT_MS = 120_000;

export class Program implements Runtime {
  readonly name: string;
  readonly missing: string;
  readonly #command: string;
  readonly #flags: readonly string[];
  readonly #project: string;

  /** @param flags what it needs to be told before the program's name */
  constructor(name: string, command: string, flags: readonly string[], project: string, missing: string) {
    this.name = name;
    this.missing = missing;
    this.#command = command;
    this.#flags = flags;
    this.#project = project;
  }

  async version(): Promise<string | undefined> {
    try {
      const { stdout } = await promisify(execFile)(this.#command, ["--version"]);
      return /\d+\.\d+\.\d+/.exec(stdout)?.[0] ?? "of an unknown version";
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw thrown;
    }
  }

  async run(meeting: Meeting, tell: (step: string) => void): Promise<void> {
    const child = spawn(this.#command, [...this.#flags, "main.js", JSON.stringify(meeting)], {
      cwd: this.#project,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: LIMIT_MS,
    });
    let errors = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
    createInterface({ input: child.stdout }).on("line", tell);
    const [code, signal] = await once(child, "close");
    if (code !== 0) throw new Error(`ended with ${code ?? signal}: ${errors.trim()}`);
  }
}
