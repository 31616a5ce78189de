import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { within } from "../../src/actor/within.ts";
import { until } from "./server.ts";
import { type Answer, type Session, send } from "./wire.ts";

/** Who answers that it cannot is not asked again at once. */
const AGAIN_MS = 100;
/** Longer than any start of a server and any request that is held open: a server that answers nobody by then has come to a halt. */
const PATIENCE_MS = 60_000;

/**
 * A client that gives up no request: when the server dies before it answers, the same request is sent again, with the same
 * Idempotency-Key, to the server that follows. Answers of which `isLost` says so count as none, too. Rejects if a server
 * that is there says nothing for a minute.
 */
export class Persistent {
  readonly session: Session;
  /** Answers that were lost so far. */
  lost = 0;

  readonly #isLost: (answer: Answer<unknown>) => boolean;

  constructor(session: Session, isLost: (answer: Answer<unknown>) => boolean = () => false) {
    this.session = session;
    this.#isLost = isLost;
  }

  get<Body>(path: string): Promise<Answer<Body>> {
    return this.#untilAnswered("GET", path, () => this.session.call<Body>("GET", path));
  }

  post<Body>(path: string, body: unknown = {}, headers: Readonly<Record<string, string>> = {}): Promise<Answer<Body>> {
    return this.write("POST", path, body, headers);
  }

  write<Body>(
    method: string,
    path: string,
    body: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer<Body>> {
    const all = { ...headers, "Idempotency-Key": randomUUID() };
    return this.#untilAnswered(method, path, () => this.session.call<Body>(method, path, body, all));
  }

  async #untilAnswered<Body>(
    method: string,
    path: string,
    attempt: () => Promise<Answer<Body>>,
  ): Promise<Answer<Body>> {
    const told = `${method} ${path} of ${this.session.id}`;
    for (;;) {
      const answer = await within(
        attempt().catch(() => undefined),
        PATIENCE_MS,
      ).catch(haltedAt(told));
      if (answer !== undefined && !this.#isLost(answer)) return answer;
      this.lost += 1;
      if (answer !== undefined) await pause(AGAIN_MS);
      await within(
        until(() => isReady(this.session.url)),
        PATIENCE_MS,
      ).catch(haltedAt(`readiness after ${told}`));
    }
  }
}

function haltedAt(told: string): (cause: unknown) => never {
  return (cause) => {
    throw new Error(`the server has come to a halt, ${told}: ${cause}`, { cause });
  };
}

function isReady(url: string): Promise<boolean> {
  return send(url, { method: "GET", path: "/readyz" }).then(
    ({ status }) => status === 200,
    () => false,
  );
}
