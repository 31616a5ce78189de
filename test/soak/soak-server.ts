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
  #server: Server;
  #up: Promise<void> = Promise.resolve();
  #crashes = 0;

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
    this.#crashes += 1;
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

  /** Calls as somebody; without an answer only where a crash is the reason. */
  sending({ token }: Session): SendWired {
    return async (request) => {
      await this.up();
      const before = this.#crashes;
      try {
        return await fetched(this.url, token, request);
      } catch (thrown) {
        if (this.#crashes > before) return undefined;
        throw thrown;
      }
    };
  }
}
