/** A WebSocket to a spawned server, as any client in Node opens one. */
import { once } from "node:events";
import type { Event } from "../../src/realtime/contract.ts";
import { BASE, type Session } from "./wire.ts";

interface Subscribed {
  readonly event: "subscribed";
  readonly payload: { readonly channels: Readonly<Record<string, number>> };
}

export class Socket {
  /** Events in the order in which they came. */
  readonly events: Event[] = [];
  readonly heads: Record<string, number> = {};
  /** Resolves when it is closed, by whomever. */
  readonly ended: Promise<unknown>;
  readonly #socket: WebSocket;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    this.ended = once(socket, "close");
    socket.addEventListener("message", ({ data }) => {
      const message = JSON.parse(String(data)) as Event | Subscribed;
      if ("seq" in message) this.events.push(message);
      else if (message.event === "subscribed") Object.assign(this.heads, message.payload.channels);
    });
  }

  /** Opens it with a ticket, as a browser has to. Rejects if the server does not take it. */
  static async open(who: Session): Promise<Socket> {
    const { ticket } = await who.post<{ ticket: string }>("/ws/tickets", 201);
    const socket = new WebSocket(`${who.url.replace("http", "ws")}${BASE}/ws?ticket=${ticket}`);
    const opened = new Socket(socket);
    await Promise.race([
      once(socket, "open"),
      once(socket, "error").then(() => Promise.reject(new Error("the server took no socket"))),
    ]);
    return opened;
  }

  /** What was agreed on beyond plain frames. */
  get extensions(): string | null {
    return this.#socket.extensions;
  }

  subscribe(channels: readonly string[], since?: Readonly<Record<string, number>>): void {
    this.#socket.send(JSON.stringify({ action: "subscribe", channels, ...(since !== undefined && { since }) }));
  }

  close(): Promise<unknown> {
    this.#socket.close();
    return this.ended;
  }
}
