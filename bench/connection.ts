/** One HTTP/1.1 connection that is kept open: the same client program for everything that speaks HTTP. */
import { Agent, request } from "node:http";

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

export class Connection {
  readonly #url: URL;
  readonly #headers: Readonly<Record<string, string>>;
  // workerd closes what was idle for 5 s.
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1, timeout: 4_000 });

  constructor(url: string, headers: Readonly<Record<string, string>> = {}) {
    this.#url = new URL(url);
    this.#headers = headers;
  }

  call(method: string, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const { hostname, port } = this.#url;
    const framing =
      text === undefined ? {} : { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text) };
    return new Promise((resolve, reject) => {
      const sent = request(
        { agent: this.#agent, hostname, port, method, path, headers: { ...framing, ...this.#headers, ...headers } },
        (received) => {
          let answered = "";
          received.setEncoding("utf8").on("data", (chunk: string) => (answered += chunk));
          received.once("error", reject);
          received.once("end", () => {
            const json = received.headers["content-type"]?.startsWith("application/json") === true;
            resolve({
              status: received.statusCode ?? 0,
              body: json && answered !== "" ? JSON.parse(answered) : answered,
            });
          });
        },
      );
      // A kept connection that the server closed in the very moment it was used again: nothing was done yet.
      sent.once("error", (error) => {
        const stale = sent.reusedSocket && "code" in error && error.code === "ECONNRESET";
        if (stale) this.call(method, path, body, headers).then(resolve, reject);
        else reject(error);
      });
      sent.end(text);
    });
  }

  /** The body of an answer that has to have `status`. */
  async expect<Body>(status: number, method: string, path: string, body?: unknown): Promise<Body> {
    const answer = await this.call(method, path, body);
    if (answer.status !== status) {
      throw new Error(`${method} ${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    }
    return answer.body as Body;
  }

  close(): void {
    this.#agent.destroy();
  }
}
