/** Somebody who wants every event of some channels once and in order: over a WebSocket or by long polls, whatever breaks. */
import { setTimeout as pause } from "node:timers/promises";
import type { Event } from "../../src/realtime/contract.ts";
import { BASE, type Session } from "../support/wire.ts";

type Told = Event | { readonly event: string; readonly channel?: string; readonly payload: unknown };

const AGAIN_MS = 100;

export abstract class Subscriber {
  /** What was heard, by channel. */
  readonly heard = new Map<string, Event[]>();
  readonly problems: string[] = [];
  readonly channels: readonly string[];
  connections = 0;
  protected readonly session: Session;
  protected isGoing = true;

  constructor(session: Session, channels: readonly string[]) {
    this.session = session;
    this.channels = channels;
    for (const channel of channels) this.heard.set(channel, []);
  }

  abstract run(): Promise<void>;

  stop(): void {
    this.isGoing = false;
  }

  last(channel: string): number {
    return this.heard.get(channel)?.at(-1)?.seq ?? 0;
  }

  protected hear(event: Event): void {
    const { channel, seq, prev } = event;
    const last = this.last(channel);
    const problem = seq <= last ? "came again or too late" : prev !== last ? "came before one that is missing" : "";
    if (problem !== "") this.#wrong(`${channel}: seq ${seq} (prev ${prev}) after ${last} ${problem}`);
    this.heard.get(channel)?.push(event);
  }

  protected wasReset(channel: string): void {
    this.#wrong(`${channel}: reset after ${this.last(channel)}`);
  }

  #wrong(problem: string): void {
    this.problems.push(`${this.constructor.name}: ${problem}`);
  }
}

export class SocketSubscriber extends Subscriber {
  async run(): Promise<void> {
    while (this.isGoing) {
      const made = await this.session.call<{ ticket: string }>("POST", "/ws/tickets").catch(() => undefined);
      if (made?.status === 201) await this.#listen(made.body.ticket);
      await pause(AGAIN_MS);
    }
  }

  #listen(ticket: string): Promise<void> {
    const socket = new WebSocket(`${this.session.url.replace("http", "ws")}${BASE}/ws?ticket=${ticket}`);
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    const close = () => resolve();
    const subscribe = () => {
      const since = Object.fromEntries(this.channels.map((channel) => [channel, this.last(channel)]));
      socket.send(JSON.stringify({ action: "subscribe", channels: this.channels, since }));
    };
    let isAnswered = true;
    const beat = setInterval(() => {
      if (!this.isGoing || !isAnswered) socket.close();
      isAnswered = false;
      if (socket.readyState === WebSocket.OPEN) socket.send("ping");
    }, 1_000);
    // A server that was killed does not say goodbye.
    const givenUp = setInterval(() => !this.isGoing && close(), 100);
    socket.addEventListener("open", () => {
      this.connections += 1;
      subscribe();
    });
    socket.addEventListener("close", close);
    socket.addEventListener("error", close);
    let isOver = false;
    socket.addEventListener("message", ({ data }) => {
      // What was still under way when it was given up is heard on the next one.
      if (isOver) return;
      isAnswered = true;
      if (data === "pong") return;
      const message: Told = JSON.parse(String(data));
      if ("seq" in message) this.hear(message);
      else if (message.event === "reset") this.wasReset(message.channel ?? "");
      else if (message.event === "error") socket.close();
    });
    return closed.finally(() => {
      clearInterval(beat);
      clearInterval(givenUp);
      isOver = true;
      socket.close();
    });
  }
}

export class PollingSubscriber extends Subscriber {
  async run(): Promise<void> {
    await Promise.all(this.channels.map((channel) => this.#poll(channel)));
  }

  async #poll(channel: string): Promise<void> {
    while (this.isGoing) {
      const path = `/channels/${encodeURIComponent(channel)}/events?after=${this.last(channel)}&wait=1&limit=500`;
      const answer = await this.session.call<{ events: Event[]; reset?: true }>("GET", path).catch(() => undefined);
      if (answer?.status !== 200) {
        await pause(AGAIN_MS);
        continue;
      }
      this.connections += 1;
      if (answer.body.reset) this.wasReset(channel);
      for (const event of answer.body.events) this.hear(event);
    }
  }
}
