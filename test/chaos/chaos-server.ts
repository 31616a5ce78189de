/** A server in chaos: the same one over all its crashes, told what shall go wrong. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { build } from "esbuild";
import { within } from "../../src/actor/within.ts";
import { crash } from "../support/crash.ts";
import { type Server, startServer } from "../support/server.ts";
import { CHAOS_PATH, type Debt, type Faults, type Mishaps, NO_FAULTS } from "./faults.ts";

/** What the worker is told takes no longer, whatever else goes wrong in it (ms). */
const PATIENCE_MS = 60_000;

const PROJECT = join(import.meta.dirname, "../..");

export class ChaosServer {
  kills = 0;
  #server: Server;
  #faults = NO_FAULTS;
  /** Of lives that ended. */
  #before: Mishaps = {};
  /** Of the present life. */
  #now: Mishaps = {};

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<ChaosServer> {
    // Inside the project: workerd takes modules from nowhere else.
    const worker = join(PROJECT, `dist/chaos-${process.pid}.js`);
    process.once("exit", () => rmSync(worker, { force: true }));
    await build({
      entryPoints: [join(import.meta.dirname, "worker.ts")],
      outfile: worker,
      bundle: true,
      format: "esm",
      conditions: ["workerd", "worker", "browser"],
      external: ["cloudflare:*", "node:*", "workerd:*"],
      logLevel: "error",
    });
    const env = { CHAOS_WORKER: worker, WEBHOOK_ALLOW_PRIVATE: "1" };
    return new ChaosServer(await startServer(env, "test/chaos/serve.ts"));
  }

  get url(): string {
    return this.#server.url;
  }

  get mishaps(): Mishaps {
    return sum(this.#before, this.#now);
  }

  /** What shall go wrong from now on. */
  async beset(faults: Faults): Promise<void> {
    this.#faults = faults;
    this.#now = await this.#tell("PUT", faults);
  }

  /** `kill -9`, `down_ms` of nothing, and a new start in which the same things go wrong. */
  async kill(down_ms = 0): Promise<void> {
    await this.beset(this.#faults);
    this.kills += 1;
    await crash(this.#server);
    this.#before = sum(this.#before, this.#now);
    this.#now = {};
    await pause(down_ms);
    this.#server = await this.#server.restart();
    await this.beset(this.#faults);
  }

  debts(actors: readonly string[]): Promise<readonly Debt[]> {
    return this.#tell("POST", actors);
  }

  log(): string {
    return this.#server.stdout();
  }

  async end(): Promise<void> {
    await this.#server.end();
  }

  async #tell<Answer>(method: string, body: unknown): Promise<Answer> {
    const tell = () => fetch(`${this.url}${CHAOS_PATH}`, { method, body: JSON.stringify(body) });
    // A connection that was kept from an earlier life may turn out to be dead.
    const answer = await within(tell().catch(tell).catch(tell), PATIENCE_MS);
    if (!answer.ok) throw new Error(`${method} ${CHAOS_PATH} answered ${answer.status}: ${await answer.text()}`);
    return (await answer.json()) as Answer;
  }
}

function sum(one: Mishaps, other: Mishaps): Mishaps {
  const kinds = new Set([...Object.keys(one), ...Object.keys(other)]);
  return Object.fromEntries([...kinds].map((kind) => [kind, (one[kind] ?? 0) + (other[kind] ?? 0)]));
}
