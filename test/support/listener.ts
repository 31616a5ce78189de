/** A client of a hub: one WebSocket, what it was told, and its end. */
import { createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import type { Event } from "../../src/realtime/contract.ts";
import worker from "../../src/worker.ts";
import { BASE } from "./api.ts";
import { eventually } from "./stage.ts";

const ORIGIN = "https://countersign.test";

/** Any message of a hub but `pong`. */
export type Told =
  | Event
  | { readonly event: "subscribed"; readonly payload: { readonly channels: Readonly<Record<string, number>> } }
  | { readonly event: "unsubscribed"; readonly payload: { readonly channels: readonly string[] } }
  | { readonly event: "error"; readonly payload: { readonly code: string; readonly channel?: string } }
  | { readonly event: "reset"; readonly channel: string; readonly payload: { readonly seq: number } };

/** A request below the base path, with its answer as it is: no JSON is expected. */
export function fetched(path: string, headers: Readonly<Record<string, string>>): Promise<Response> {
  const request = new Request(`${ORIGIN}${BASE}${path}`, { headers });
  return Promise.resolve(worker.fetch(request, env, createExecutionContext()));
}

export function bearer(token: string): Record<string, string> {
  return { Authorization: `Bearer ${token}` };
}

/** Asks for an upgrade. */
export function upgrade(headers: Readonly<Record<string, string>>, query = ""): Promise<Response> {
  return fetched(`/ws${query}`, { Upgrade: "websocket", ...headers });
}

export class Listener {
  readonly told: Told[] = [];
  readonly texts: string[] = [];
  closed: { readonly code: number; readonly reason: string } | undefined;
  readonly #socket: WebSocket;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.accept();
    socket.addEventListener("message", ({ data }) => {
      this.texts.push(String(data));
      if (data !== "pong") this.told.push(JSON.parse(String(data)));
    });
    socket.addEventListener("close", ({ code, reason }) => {
      this.closed = { code, reason };
    });
  }

  /** Opens a socket with a token, or with a ticket in `query`. Throws what was answered if it is no 101. */
  static async open(token: string | null, query = ""): Promise<Listener> {
    const answer = await upgrade(token === null ? {} : bearer(token), query);
    if (answer.webSocket === null) throw new Error(`${answer.status} ${await answer.text()}`);
    return new Listener(answer.webSocket);
  }

  say(message: unknown): void {
    this.#socket.send(
      typeof message === "string" || message instanceof ArrayBuffer ? message : JSON.stringify(message),
    );
  }

  /** Subscribes; answers the heads once they are told. */
  async subscribe(
    channels: readonly string[],
    since?: Readonly<Record<string, number>>,
  ): Promise<Readonly<Record<string, number>>> {
    const before = this.told.length;
    this.say({ action: "subscribe", channels, ...(since !== undefined && { since }) });
    return eventually(async () => {
      const answer = this.told.slice(before).find((one) => one.event === "subscribed");
      if (answer?.event !== "subscribed" || !("channels" in answer.payload)) throw new Error("not subscribed yet");
      return answer.payload.channels as Readonly<Record<string, number>>;
    });
  }

  events(channel: string): Event[] {
    return this.told.filter((one): one is Event => "seq" in one && one.channel === channel);
  }

  seqs(channel: string): number[] {
    return this.events(channel).map(({ seq }) => seq);
  }

  /** Code and channel of every error so far. */
  errors(): (readonly [string, string | undefined])[] {
    return this.told.flatMap((one) =>
      one.event === "error" && "code" in one.payload
        ? [[one.payload.code as string, one.payload.channel as string | undefined] as const]
        : [],
    );
  }

  close(): void {
    this.#socket.close(1000, "done");
  }
}
