/** A network that fails: stands between a client and a server, and does to each request what a test says. */
import { once } from "node:events";
import {
  createServer,
  request as forward,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";

export type Fault =
  | "none"
  /** the connection is cut before the server hears of it */
  | "lost"
  /** the server does it, and the connection is cut before its answer is through */
  | "unanswered"
  /** the server gets it twice; its second answer is passed on */
  | "twice"
  /** 503 in the server's place, as a balancer without a backend answers */
  | "unavailable"
  /** the server does it, and 502 is answered in its place */
  | "garbled";

export interface Passing {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

export class FaultProxy {
  readonly #upstream: URL;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Every request that came, in order. */
  readonly passed: (Passing & { readonly fault: Fault })[] = [];
  /** What happens to the next request. */
  fault: (request: Passing) => Fault = () => "none";

  static async before(upstream: string): Promise<FaultProxy> {
    const proxy = new FaultProxy(upstream);
    await once(proxy.#server.listen(0, "127.0.0.1"), "listening");
    return proxy;
  }

  private constructor(upstream: string) {
    this.#upstream = new URL(upstream);
    // A server that cuts its own connection cuts the client's.
    this.#server = createServer((request, response) =>
      this.#serve(request, response).catch(() => request.socket.destroy()),
    );
    this.#server.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) => {
      if (this.#meets(request).fault === "none") this.#tunnel(request, socket, head);
      else socket.destroy();
    });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Cuts every WebSocket that is open. */
  cutSockets(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.cutSockets();
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const { fault, passing } = this.#meets(request);
    if (fault === "lost") {
      request.socket.destroy();
    } else if (fault === "unavailable") {
      response.writeHead(503, { "Retry-After": "0" }).end("no backend");
    } else {
      if (fault === "twice") await this.#send(passing, body);
      const answer = await this.#send(passing, body);
      if (fault === "unanswered") request.socket.destroy();
      else if (fault === "garbled") response.writeHead(502).end("<html>bad gateway</html>");
      else response.writeHead(answer.status, answer.headers).end(answer.body);
    }
  }

  #meets({ method = "GET", url: path = "/", headers }: IncomingMessage): { fault: Fault; passing: Passing } {
    const passing = { method, path, headers };
    const fault = this.fault(passing);
    this.passed.push({ ...passing, fault });
    return { fault, passing };
  }

  async #send({ method, path, headers }: Passing, body: Buffer) {
    const { hostname, port } = this.#upstream;
    const sent = forward({ hostname, port, method, path, headers: { ...headers, connection: "close" } });
    sent.end(body);
    const [received]: IncomingMessage[] = await once(sent, "response");
    if (received === undefined) throw new Error("the server gave no answer");
    const chunks: Buffer[] = [];
    for await (const chunk of received) chunks.push(chunk);
    const { "transfer-encoding": _, connection: __, ...kept } = received.headers;
    return { status: received.statusCode ?? 0, headers: kept, body: Buffer.concat(chunks) };
  }

  #tunnel({ method, url, rawHeaders }: IncomingMessage, socket: Socket, head: Buffer): void {
    const upstream = connect(Number(this.#upstream.port), this.#upstream.hostname, () => {
      const lines = rawHeaders.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${rawHeaders[at + 1]}`] : []));
      upstream.write(`${[`${method} ${url} HTTP/1.1`, ...lines].join("\r\n")}\r\n\r\n`);
      upstream.write(head);
      upstream.pipe(socket).pipe(upstream);
    });
    for (const end of [socket, upstream]) {
      this.#sockets.add(end);
      end.on("error", () => end.destroy());
      end.on("close", () => {
        this.#sockets.delete(end);
        socket.destroy();
        upstream.destroy();
      });
    }
  }
}
