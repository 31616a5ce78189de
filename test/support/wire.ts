/** The API of a spawned server over plain HTTP: any method, path and header that Node lets through. */
import { Agent, type IncomingHttpHeaders, request } from "node:http";

export const BASE = "/api/v1";

export interface Sent {
  readonly method: string;
  /** As it stands in the request line: from the root, already encoded. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export interface Answer<Body = unknown> {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** undefined: none, or one that is no JSON */
  readonly body: Body;
}

/** workerd closes connections that were idle for 5 s: they are given up before, or a request could meet their end. */
const agent = new Agent({ keepAlive: true, timeout: 2_000 });
/** Larger bodies than this (bytes) are sent over a connection of their own. */
const UNREAD = 16 * 1024;

/** Sends one request and reads the whole answer. Rejects only if the connection fails: then it may or may not have happened. */
export function send<Body>(origin: string, asked: Sent): Promise<Answer<Body>> {
  const { method, path, headers = {}, body } = asked;
  const { hostname, port } = new URL(origin);
  return new Promise((resolve, reject) => {
    const size = body === undefined ? 0 : Buffer.byteLength(body);
    const framing = {
      ...(body !== undefined && !("Transfer-Encoding" in headers) && { "Content-Length": String(size) }),
      // A server that answers without having read it all drops the connection afterwards.
      ...(size > UNREAD && { Connection: "close" }),
    };
    const sent = request({ agent, hostname, port, method, path, headers: { ...framing, ...headers } }, (received) => {
      let text = "";
      received.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      received.once("error", reject);
      received.once("end", () => {
        const json = received.headers["content-type"]?.startsWith("application/json") === true && text !== "";
        const parsed: Body = json ? JSON.parse(text) : undefined;
        resolve({ status: received.statusCode ?? 0, headers: received.headers, body: parsed });
      });
    });
    sent.once("error", (cause: NodeJS.ErrnoException) => {
      // The server had closed the connection before it could see this request (as Node's documentation of reusedSocket has it).
      if (sent.reusedSocket && cause.code === "ECONNRESET") resolve(send<Body>(origin, asked));
      else reject(new Error(`${method} ${path} got no answer: ${cause.message}`, { cause }));
    });
    sent.end(body);
  });
}

/** Somebody with a token. */
export class Session {
  readonly id: string;
  readonly url: string;
  readonly token: string;
  /** Another than the token's own; root only. */
  readonly workspace: string | undefined;

  constructor(url: string, id: string, token: string, workspace?: string) {
    this.url = url;
    this.id = id;
    this.token = token;
    this.workspace = workspace;
  }

  /** Any call below the base path, with `body` as JSON. */
  call<Body>(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer<Body>> {
    return send<Body>(this.url, {
      method,
      path: `${BASE}${path}`,
      headers: {
        Authorization: `Bearer ${this.token}`,
        "Content-Type": "application/json",
        ...(this.workspace !== undefined && { "X-Workspace": this.workspace }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  }

  /** Throws unless it answers 200. */
  async get<Body>(path: string): Promise<Body> {
    return expected(200, `GET ${path}`, await this.call<Body>("GET", path));
  }

  /** Throws unless it answers with `status`. */
  async post<Body>(path: string, status: number, body: unknown = {}): Promise<Body> {
    return expected(status, `POST ${path}`, await this.call<Body>("POST", path, body));
  }

  async newUser(id: string, ...roles: string[]): Promise<Session> {
    const { token } = await this.post<{ token: string }>("/users", 201, { id, name: id, roles });
    return new Session(this.url, id, token);
  }

  async newAgent(id: string, more: Readonly<Record<string, unknown>> = {}): Promise<Session> {
    const { token } = await this.post<{ token: string }>("/agents", 201, { id, name: id, ...more });
    return new Session(this.url, id, token);
  }
}

function expected<Body>(status: number, told: string, answer: Answer<Body>): Body {
  if (answer.status === status) return answer.body;
  throw new Error(`${told} answered ${answer.status}, not ${status}: ${JSON.stringify(answer.body)}`);
}
