/** A spawned server with a cast and an admin, every answer of which is held against its own OpenAPI document. */
import { expect } from "vitest";
import type { Lock } from "../../src/locks/contract.ts";
import type { OpenApiDocument } from "./conformity.ts";
import { Inspected } from "./inspected.ts";
import { type Cast, castOf } from "./main-job.ts";
import type { Operation } from "./operations.ts";
import { type Server, startServer, until } from "./server.ts";
import { BASE, type Sent, type Session, send } from "./wire.ts";

/** Nobody else's lock. */
const MESSENGER = "service:nowhere/messenger";
const LISTS = ["users", "agents", "policies", "tasks", "resources", "audit"];
/** How many there are of everything that D1 lists, and how many rows the trail has. */
export type Totals = Readonly<Record<string, number>>;

export class ConformingServer {
  readonly document: OpenApiDocument;
  readonly inspected: Inspected;
  readonly cast: Cast;
  readonly admin: Session;
  readonly #server: Server;
  /** Rows that messengers left in the trail. */
  #messages = 0;

  static async start(): Promise<ConformingServer> {
    const server = await startServer();
    const document = (await send<OpenApiDocument>(server.url, { method: "GET", path: "/openapi.json" })).body;
    const cast = await castOf(server.url);
    return new ConformingServer(server, document, cast, await cast.root.newUser("ada", "admin"));
  }

  private constructor(server: Server, document: OpenApiDocument, cast: Cast, admin: Session) {
    this.#server = server;
    this.document = document;
    this.inspected = new Inspected(server.url, document);
    this.cast = cast;
    this.admin = admin;
  }

  async end(): Promise<void> {
    await this.#server.end();
  }

  /** A call with a body as JSON, inspected; fails unless it answers with `status`. */
  async call<Body>(who: Session, status: number, method: string, path: string, body?: unknown, headers = {}) {
    const answer = await this.inspected.send<Body>(sentBy(who, method, path, body, headers));
    expect(answer.status, JSON.stringify(answer.body)).toBe(status);
    return answer.body;
  }

  async totalOf(path: string): Promise<number> {
    return (await this.cast.root.get<{ pagination: { total: number } }>(path)).pagination.total;
  }

  /** The totals, once a whole journey from an actor to D1 changed nothing else: then nothing is on its way any more. */
  async settledTotals(): Promise<Totals> {
    let before = await this.#totals();
    await until(async () => {
      await this.#journey();
      const now = await this.#totals();
      const isSettled = JSON.stringify(now) === JSON.stringify(before);
      before = now;
      return isSettled;
    });
    return before;
  }

  async #totals(): Promise<Totals> {
    const { audit = 0, ...others } = Object.fromEntries(
      await Promise.all(
        LISTS.map(async (list): Promise<[string, number]> => [list, await this.totalOf(`/${list}?limit=1`)]),
      ),
    );
    return { ...others, audit: audit - this.#messages };
  }

  /** Takes and gives back a lock, and sees both arrive in D1: what was committed before it has been shipped before it. */
  async #journey(): Promise<void> {
    const { root } = this.cast;
    const { id } = await root.post<Lock>("/locks/acquire", 201, { resource_type: "resource", resource_id: MESSENGER });
    await root.post("/locks/release", 204, { lock_id: id });
    this.#messages += 2;
    await until(async () => (await this.totalOf(`/audit?subject_id=${MESSENGER}&limit=1`)) === this.#messages);
  }
}

export function sentBy(who: Session | null, method: string, path: string, body?: unknown, headers = {}): Sent {
  const authorization = who === null ? {} : { Authorization: `Bearer ${who.token}` };
  const type = body === undefined ? {} : { "Content-Type": "application/json" };
  return {
    method,
    path: `${BASE}${path}`,
    headers: { ...authorization, ...type, ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  };
}

/** Whether a request ends with its answer: sockets and streams do not, other tests open them. */
export function ends({ template }: Operation): boolean {
  return !template.endsWith("/ws") && !template.endsWith("/stream");
}
