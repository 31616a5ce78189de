/** One principal of the demo, speaking to the API as any client would. */
import { createHash } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import canonicalize from "canonicalize";

const EVERY_MS = 20;
const PATIENCE_MS = 10_000;

export class Session {
  readonly #base: string;
  readonly #token: string;
  readonly name: string;

  constructor(base: string, token: string, name: string) {
    this.#base = base;
    this.#token = token;
    this.name = name;
  }

  /** Waits until the worker is ready. Throws after `ms`. */
  async ready(ms: number): Promise<void> {
    for (const deadline = Date.now() + ms; Date.now() < deadline; await pause(EVERY_MS)) {
      const answer = await fetch(`${this.#base}/readyz`).catch(() => undefined);
      if (answer?.ok) return;
    }
    throw new Error(`the worker was not ready within ${ms} ms`);
  }

  /** The answer is what the contract says of the route. */
  async get<T>(path: string): Promise<T> {
    return (await this.#call("GET", path, 200)) as T;
  }

  /** Throws unless the answer has this status. */
  async post<T = unknown>(
    path: string,
    status: number,
    body: unknown,
    headers: Record<string, string> = {},
  ): Promise<T> {
    return (await this.#call("POST", path, status, body, headers)) as T;
  }

  /** Reads again and again until it looks as wanted. */
  async until<T>(path: string, wanted: (answer: T) => boolean): Promise<T> {
    for (const deadline = Date.now() + PATIENCE_MS; Date.now() < deadline; await pause(EVERY_MS)) {
      const answer = await this.get<T>(path);
      if (wanted(answer)) return answer;
    }
    throw new Error(`${path} did not become as wanted within ${PATIENCE_MS} ms`);
  }

  async user(id: string, name: string, roles: readonly string[]): Promise<Session> {
    const { token } = await this.post<{ token: string }>("/users", 201, { id, name, roles });
    return new Session(this.#base, token, id);
  }

  async agent(id: string, capabilities: readonly string[]): Promise<Session> {
    const { token } = await this.post<{ token: string }>("/agents", 201, { id, name: id, capabilities });
    return new Session(this.#base, token, id);
  }

  async #call(
    method: string,
    path: string,
    status: number,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<unknown> {
    const response = await fetch(`${this.#base}/api/v1${path}`, {
      method,
      headers: { Authorization: `Bearer ${this.#token}`, "Content-Type": "application/json", ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (response.status !== status)
      throw new Error(`${method} ${path} gave ${response.status}, not ${status}: ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  }
}

/** Whether rows of one chain, from its first on, link: `hash = SHA-256(prev_hash + "\n" + JCS(row without id, links))`. */
export function verifiedLocally(rows: readonly Record<string, unknown>[]): boolean {
  let prev = "0".repeat(64);
  for (const { id: _, prev_hash, hash, ...entry } of rows) {
    const expected = createHash("sha256")
      .update(`${prev}\n${canonicalize(entry)}`)
      .digest("hex");
    if (prev_hash !== prev || hash !== expected) return false;
    prev = expected;
  }
  return rows.length > 0;
}
