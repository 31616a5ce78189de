/** Where webhooks are sent in chaos: a server on loopback that is well, late, broken, dying, silent or not there at all. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { setTimeout as pause } from "node:timers/promises";
import { Webhook } from "standardwebhooks";
import type { Event } from "../../src/realtime/contract.ts";
import type { Delivery } from "../../src/webhooks/contract.ts";
import type { Session } from "../support/wire.ts";
import type { Mood } from "./faults.ts";

export const WEBHOOK = "chaos";
/** What it asks for: names of events that begin so. */
const WANTED = ["task:", "approval:"] as const;
const LATE_MS = 1_500;
/** When it is well, whatever is sent again arrives within this (ms). */
const ARRIVAL_MS = 10_000;
/** Somebody always has an event for it before this (ms). */
const MEETING_MS = 60_000;

interface Received {
  readonly id: string;
  readonly body: string;
}

export class Receiver {
  /** How many requests met which mood. */
  readonly met: Record<string, number> = {};
  readonly #problems: string[] = [];
  #mood: Mood = "well";
  readonly #verifier: Webhook;
  readonly #server: Server;
  readonly #port: number;
  /** By the seq of its event. */
  readonly #taken = new Map<number, Received>();

  /** Listens, and has everything of changes and their approvals sent to itself. */
  static async listen(root: Session): Promise<Receiver> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}/`;
    const events = WANTED.map((prefix) => `${prefix}**`);
    const made = { id: WEBHOOK, name: "Chaos", url, events };
    const { secret } = await root.post<{ secret: string }>("/webhooks", 201, made);
    return new Receiver(server, port, new Webhook(secret));
  }

  private constructor(server: Server, port: number, verifier: Webhook) {
    this.#server = server;
    this.#port = port;
    this.#verifier = verifier;
    server.on("request", (request, response) => void this.#hear(request, response));
  }

  /** From now on; whoever still waits for an answer gets none. */
  async be(mood: Mood): Promise<void> {
    this.#mood = mood;
    const isListening = this.#server.listening;
    if (mood === "down" && isListening) this.#server.close();
    this.#server.closeAllConnections();
    if (mood === "down" || isListening) return;
    this.#server.listen(this.#port, "127.0.0.1");
    await once(this.#server, "listening");
  }

  /** Resolves once a request met this mood. Rejects if none does for a minute. */
  async hasMet(mood: Mood): Promise<void> {
    for (const latest = Date.now() + MEETING_MS; this.met[`receiver ${mood}`] === undefined; ) {
      if (Date.now() > latest) throw new Error(`the receiver was asked for nothing while it was ${mood}`);
      await pause(10);
    }
  }

  async close(): Promise<void> {
    await this.be("down");
  }

  async #hear(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const mood = this.#mood;
    const met = (this.met[`receiver ${mood}`] ?? 0) + 1;
    this.met[`receiver ${mood}`] = met;
    // Who was killed in mid-sentence said nothing.
    const body = await text(request).catch(() => undefined);
    if (body === undefined || mood === "silent") return;
    if (mood === "failing") {
      response.writeHead(500).end();
      return;
    }
    if (mood === "slow") await pause(Math.random() * LATE_MS);
    // The first one that it meets is gone for good, so that whoever counts it as delivered is found out.
    if (mood !== "dying" || met % 2 === 0) this.#take(request, body);
    if (mood === "dying") request.socket.destroy();
    else response.writeHead(204).end();
  }

  #take({ headers }: IncomingMessage, body: string): void {
    const id = String(headers["webhook-id"]);
    try {
      this.#verifier.verify(body, headers as Record<string, string>);
    } catch (thrown) {
      this.#problems.push(`${id}: ${thrown}`);
    }
    const { seq } = JSON.parse(body).data as { seq: number };
    const before = this.#taken.get(seq);
    if (before !== undefined && (before.id !== id || before.body !== body)) {
      this.#problems.push(`event ${seq} came as ${before.id} and as ${id}: ${before.body} ${body}`);
    }
    this.#taken.set(seq, { id, body });
  }

  /**
   * What was wrong with what came, and what of `published`, all events of `system`, neither came nor stands in the log of
   * deliveries, from where an admin sends it again: what is sent again has to come, and nothing unasked.
   */
  async verdict(root: Session, published: readonly Event[]): Promise<string[]> {
    // The last push may have been lost: the next one shows the gap.
    await root.newUser("the-last");
    const wanted = published.filter(({ event }) => WANTED.some((prefix) => event.startsWith(prefix)));
    const lost = await soon(async () => {
      const log = await deliveriesOf(root);
      const unknown = wanted.filter(
        ({ seq }) => !this.#taken.has(seq) && (log.get(seq)?.status ?? "delivered") === "delivered",
      );
      return { log, unknown, isDone: unknown.length === 0 };
    });
    const open = [...lost.log.values()].filter(({ status }) => status !== "delivered");
    for (const { id } of open) await root.post(`/webhooks/${WEBHOOK}/deliveries/${id}/redeliver`, 202);
    const { late } = await soon(async () => {
      const late = wanted.filter((event) => this.#taken.get(event.seq)?.body !== bodyOf(event));
      return { late, isDone: late.length === 0 };
    });
    const asked = new Set(wanted.map(({ seq }) => seq));
    const unasked = [...this.#taken.keys()].filter((seq) => !asked.has(seq));
    return [
      ...this.#problems,
      ...lost.unknown.map(({ event, seq }) => `${event} ${seq} neither came nor is listed as open`),
      ...late.map((event) => `${JSON.stringify(event)} came as ${this.#taken.get(event.seq)?.body}`),
      ...unasked.map((seq) => `event ${seq} came unasked`),
    ];
  }

  /** Events that came. */
  get taken(): number {
    return this.#taken.size;
  }
}

/** Looks until it is done, or was given its time: then as it is. */
async function soon<Seen extends { readonly isDone: boolean }>(look: () => Promise<Seen>): Promise<Seen> {
  for (const latest = Date.now() + ARRIVAL_MS; ; ) {
    const seen = await look();
    if (seen.isDone || Date.now() > latest) return seen;
    await pause(50);
  }
}

/** All that stands in the log, by the seq of the event. */
async function deliveriesOf(root: Session): Promise<ReadonlyMap<number, Delivery>> {
  const all = new Map<number, Delivery>();
  for (let cursor: string | undefined = ""; cursor !== undefined; ) {
    const from: string = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const page: { deliveries: Delivery[]; pagination: { next_cursor?: string } } = await root.get(
      `/webhooks/${WEBHOOK}/deliveries?limit=100${from}`,
    );
    for (const delivery of page.deliveries) all.set(delivery.seq, delivery);
    cursor = page.pagination.next_cursor;
  }
  return all;
}

function bodyOf({ event, timestamp, seq, payload }: Event): string {
  return JSON.stringify({ type: event, timestamp, data: { ...payload, workspace: "default", seq } });
}
