/** What every command is given: the server to talk to, and ways to tell what came of it. */
import { Countersign } from "../../client/index.ts";
import { type Connection, connectionOf, tokenOf } from "../profile/connection.ts";
import { profilesPath, readProfiles } from "../profile/stored-profiles.ts";
import { isColoured, type Paint, paintOf } from "../terminal/paint.ts";
import type { Look } from "../terminal/table.ts";
import { CliFailure, failureLines, type ToldFailure, toldFailure } from "../terminal/told-failure.ts";

/** Options that every command takes. */
export interface CommonFlags {
  readonly json?: boolean;
  readonly url?: string;
  readonly profile?: string;
  readonly workspace?: string;
  readonly color?: boolean;
}

/** A server that is down is told of after some 3 s, not after the minute that a program would wait. */
const RETRY = { attempts: 6 };

export class Cli {
  readonly env: Readonly<Record<string, string | undefined>>;
  #flags: CommonFlags = {};
  #exit = 0;

  constructor(env: Readonly<Record<string, string | undefined>>) {
    this.env = env;
  }

  /** The options of the command that runs. */
  adopt(flags: CommonFlags): void {
    this.#flags = flags;
  }

  get flags(): CommonFlags {
    return this.#flags;
  }

  get json(): boolean {
    return this.#flags.json === true;
  }

  /** What the process ends with unless something is thrown. */
  get exit(): number {
    return this.#exit;
  }

  /** Ends with this code, once the command is through. */
  endsWith(code: number): void {
    this.#exit = code;
  }

  get look(): Look {
    const width = process.stdout.isTTY ? process.stdout.columns : Number.POSITIVE_INFINITY;
    return { paint: this.#paint(process.stdout), width, now: Date.now() };
  }

  /** Somebody sits there and can be asked. */
  get isInteractive(): boolean {
    return !this.json && process.stdin.isTTY && process.stderr.isTTY && !this.env.CI;
  }

  connection(): Connection {
    return connectionOf(readProfiles(profilesPath(this.env)), this.env, this.#flags);
  }

  /** @throws CliFailure if nobody is logged in */
  client(): Countersign {
    const connection = this.connection();
    return this.clientAs(tokenOf(connection), connection);
  }

  clientAs(token: string, { url, workspace }: Pick<Connection, "url" | "workspace">): Countersign {
    return new Countersign({
      url,
      token,
      retry: RETRY,
      report: (error, doing) => this.note(`${doing}: ${error instanceof Error ? error.message : String(error)}`),
      ...(workspace !== undefined && { workspace }),
    });
  }

  /** The one result of a command: as JSON, or as people read it. */
  show(value: unknown, view: (look: Look) => string): void {
    process.stdout.write(`${this.json ? JSON.stringify(value ?? null, null, 2) : view(this.look)}\n`);
  }

  /** One of many that come over time: a line of NDJSON, or a line to read. */
  item(value: unknown, view: (look: Look) => string): void {
    process.stdout.write(`${this.json ? JSON.stringify(value) : view(this.look)}\n`);
  }

  /** Beside the result, for people only; on stderr. */
  note(text: string): void {
    if (!this.json) process.stderr.write(`${this.#paint(process.stderr)("dim", text)}\n`);
  }

  fail(thrown: unknown): void {
    const told: ToldFailure | undefined = toldFailure(thrown);
    if (told === undefined) throw thrown;
    this.#exit = told.exit_code;
    const lines = this.json ? JSON.stringify({ error: told }) : failureLines(told, this.#paint(process.stderr));
    process.stderr.write(`${lines}\n`);
  }

  /** Does something that may take a while; who sits there sees that it goes on. `tell` changes what they see. */
  async working<T>(what: string, work: (tell: (text: string) => void) => Promise<T>): Promise<T> {
    if (this.json || !process.stderr.isTTY || this.env.CI) return work(() => undefined);
    const { spinner } = await import("@clack/prompts");
    const spinning = spinner({ output: process.stderr, indicator: "timer" });
    spinning.start(what);
    try {
      const result = await work((text) => spinning.message(text));
      spinning.stop(what);
      return result;
    } catch (thrown) {
      spinning.error(what);
      throw thrown;
    }
  }

  #paint(stream: NodeJS.WriteStream): Paint {
    return paintOf(this.#flags.color !== false && isColoured(this.env, stream.isTTY === true));
  }
}

/** The person does not want to go on. */
export function cancelled(): CliFailure {
  return new CliFailure("CANCELLED", 130, "cancelled");
}
