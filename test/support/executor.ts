/** A webhook executor on loopback: hears what it is sent, one path per change, and answers as it is told. */
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Lease } from "../../src/locks/contract.ts";
import type { Task } from "../../src/tasks/task-contract.ts";
import { until } from "./server.ts";

export interface Delivered {
  /** the `webhook-id` */
  readonly id: string;
  readonly headers: IncomingHttpHeaders;
  readonly payload: string;
  readonly type: string;
  readonly task: Task;
  readonly leases: readonly Lease[];
  readonly token: string;
}

/** `silence`: the request is never answered. */
export type Reply =
  | "silence"
  | { readonly status: number; readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> };

export class ListeningExecutor {
  readonly #server: Server;
  readonly #replies = new Map<string, readonly Reply[]>();
  readonly #delivered = new Map<string, Delivered[]>();

  /** On this port, or on any free one. */
  static async listen(port = 0): Promise<ListeningExecutor> {
    const executor = new ListeningExecutor();
    executor.#server.listen(port, "127.0.0.1");
    await once(executor.#server, "listening");
    return executor;
  }

  private constructor() {
    this.#server = createServer(async (request, response) => {
      let payload = "";
      for await (const chunk of request.setEncoding("utf8")) payload += chunk;
      const path = request.url ?? "";
      const before = this.delivered(path);
      const message: { type: string; data: Pick<Delivered, "task" | "leases" | "token"> } = JSON.parse(payload);
      const { headers } = request;
      const heard = { id: String(headers["webhook-id"]), headers, payload, type: message.type, ...message.data };
      this.#delivered.set(path, [...before, heard]);
      const replies = this.#replies.get(path) ?? [];
      const reply = replies[before.length] ?? replies.at(-1) ?? { status: 404 };
      if (reply === "silence") return;
      response.writeHead(reply.status, { "Content-Type": "application/json", ...reply.headers });
      response.end(reply.body === undefined ? undefined : JSON.stringify(reply.body));
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Where changes of this path are sent; the replies are given in turn, the last one again and again. */
  at(path: string, ...replies: readonly Reply[]): { readonly kind: "webhook"; readonly url: string } {
    this.#replies.set(path, replies);
    return { kind: "webhook", url: `http://127.0.0.1:${this.port}${path}` };
  }

  /** All that came to a path so far. */
  delivered(path: string): readonly Delivered[] {
    return this.#delivered.get(path) ?? [];
  }

  /** The nth message to a path, once it came. */
  async nth(path: string, n = 1): Promise<Delivered> {
    await until(() => this.delivered(path).length >= n);
    const [delivered] = this.delivered(path).slice(n - 1);
    if (delivered === undefined) throw new Error(`no message ${n} came to ${path}`);
    return delivered;
  }

  async close(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}
