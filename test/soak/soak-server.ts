/** The server of a soak: the same one over all its crashes. */
import { crash } from "../support/crash.ts";
import { fetched } from "../support/fetched.ts";
import type { SendWired } from "../support/lock-calls.ts";
import { type Server, startServer } from "../support/server.ts";
import type { Session } from "../support/wire.ts";

/** ms since the epoch: from the kill until it is ready again. */
export interface Outage {
  readonly from: number;
  readonly until: number;
}

export class SoakServer {
  readonly outages: Outage[] = [];
  /** Calls that got no answer, by a crash or because a connection broke: clients do not know what came of them. */
  lostAnswers = 0;
  #server: Server;
  #up: Promise<void> = Promise.resolve();

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<SoakServer> {
    return new SoakServer(await startServer());
  }

  get url(): string {
    return this.#server.url;
  }

  async up(): Promise<void> {
    let known: Promise<void>;
    do {
      known = this.#up;
      await known;
    } while (known !== this.#up);
  }

  /** `kill -9` and a new start. */
  crash(): Promise<void> {
    this.#up = this.#up.then(async () => {
      const from = Date.now();
      await crash(this.#server);
      this.#server = await this.#server.restart();
      this.outages.push({ from, until: Date.now() });
    });
    return this.#up;
  }

  async end(): Promise<void> {
    await this.up();
    await this.#server.end();
  }

  /** Calls as somebody; undefined: no answer came. */
  sending({ token }: Session): SendWired {
    return async (request) => {
      await this.up();
      try {
        return await fetched(this.url, token, request);
      } catch {
        this.lostAnswers += 1;
        return undefined;
      }
    };
  }
}
