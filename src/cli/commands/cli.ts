/** What every command is given: the server to talk to, and ways to tell what came of it. */
import { Countersign } from "../../client/index.ts";
import { type Connection, connectionOf, tokenOf } from "../profile/connection.ts";
import { profilesPath, readProfiles } from "../profile/stored-profiles.ts";
import { isColoured, type Paint, paintOf } from "../terminal/paint.ts";
import { progressBar } from "../terminal/progress-bar.ts";
import type { Streams } from "../terminal/streams.ts";
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

/** Changes what somebody who waits sees. @param share how much of it is done, 0 to 1, where that is known */
export type Tell = (text: string, share?: number) => void;

/** A server that is down is told of after some 3 s, not after the minute that a program would wait. */
const RETRY = { attempts: 6 };

export class Cli {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly streams: Streams;
  #flags: CommonFlags = {};
  #exit = 0;

  constructor(env: Readonly<Record<string, string | undefined>>, streams: Streams) {
    this.env = env;
    this.streams = streams;
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
    const { isTTY, columns } = this.streams.stdout;
    return {
      paint: this.#paint(this.streams.stdout),
      // 0 is a terminal that does not know.
      width: (isTTY && columns) || Number.POSITIVE_INFINITY,
      now: Date.now(),
    };
  }

  /** Somebody sits there and can be asked. */
  get isInteractive(): boolean {
    const { stdin, stderr } = this.streams;
    return !this.json && stdin.isTTY === true && stderr.isTTY === true && !this.env.CI;
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
    this.streams.stdout.write(`${this.json ? JSON.stringify(value ?? null, null, 2) : view(this.look)}\n`);
  }

  /** One of many that come over time: a line of NDJSON, or a line to read. */
  item(value: unknown, view: (look: Look) => string): void {
    this.streams.stdout.write(`${this.json ? JSON.stringify(value) : view(this.look)}\n`);
  }

  /** Beside the result, for people only; on stderr. */
  note(text: string): void {
    if (!this.json) this.streams.stderr.write(`${this.#paint(this.streams.stderr)("dim", text)}\n`);
  }

  fail(thrown: unknown): void {
    const told: ToldFailure | undefined = toldFailure(thrown);
    if (told === undefined) throw thrown;
    this.#exit = told.exit_code;
    const lines = this.json ? JSON.stringify({ error: told }) : failureLines(told, this.#paint(this.streams.stderr));
    this.streams.stderr.write(`${lines}\n`);
  }

  /** Does something that may take a while; who sits there sees that it goes on, and how far it is where `tell` is told. */
  async working<T>(what: string, work: (tell: Tell) => Promise<T>): Promise<T> {
    const { stderr } = this.streams;
    if (this.json || !stderr.isTTY || this.env.CI) return work(() => undefined);
    const { spinner } = await import("@clack/prompts");
    const spinning = spinner({ output: stderr, indicator: "timer" });
    spinning.start(what);
    let last = what;
    try {
      const result = await work((text, share) => {
        last = share === undefined ? text : `${progressBar(share)}  ${text}`;
        spinning.message(last);
      });
      spinning.stop(last);
      return result;
    } catch (thrown) {
      spinning.error(what);
      throw thrown;
    }
  }

  #paint(stream: Streams["stdout"]): Paint {
    return paintOf(this.#flags.color !== false && isColoured(this.env, stream.isTTY === true));
  }
}

/** The person does not want to go on. */
export function cancelled(): CliFailure {
  return new CliFailure("CANCELLED", 130, "cancelled");
}
