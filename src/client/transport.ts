/** Carries one request to the worker and brings back its answer, over whatever network there is. */
import { CountersignError, isCountersignError } from "./countersign-error.ts";
import { failedAnswer } from "./failed-answer.ts";
import { pause } from "./pause.ts";
import { isRepeatable, pauseBeforeRetry, RETRY_POLICY, type RetryPolicy } from "./retry-policy.ts";

export interface TransportSettings {
  /** Where the worker is, with or without `/api/v1`. */
  readonly url: string | URL;
  /** The bearer token, or where to get it before each request. */
  readonly token: string | (() => string | Promise<string>);
  /** Another workspace than the token's own; root only. */
  readonly workspace?: string;
  /** Used in place of the global `fetch`. */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>;
  readonly retry?: Partial<RetryPolicy>;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Until one attempt is given up and made again (ms); default 30,000. */
  readonly timeoutMs?: number;
  /** Until the call as a whole is given up, pauses included (ms); default 60,000. */
  readonly deadlineMs?: number;
  /** Of a POST. The client makes one of its own unless this is given. */
  readonly idempotencyKey?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export type QueryValue = string | number | boolean | readonly (string | number)[] | undefined;

export interface Sent extends CallOptions {
  readonly method: string;
  /** Below the base path, already encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, QueryValue>> | undefined;
  readonly body?: unknown;
}

const TIMEOUT_MS = 30_000;
const DEADLINE_MS = 60_000;
const BASE = "/api/v1";

export class Transport {
  readonly #settings: TransportSettings;
  readonly #policy: RetryPolicy;
  /** Ends with the base path. */
  readonly base: string;

  constructor(settings: TransportSettings) {
    this.#settings = settings;
    this.#policy = { ...RETRY_POLICY, ...settings.retry };
    this.base = `${String(settings.url)
      .replace(/\/+$/, "")
      .replace(new RegExp(`${BASE}$`), "")}${BASE}`;
  }

  /**
   * The parsed JSON of a success, undefined if it has no body, the `Response` itself if it is something else than JSON.
   * Sends again what is safe to send again, under one idempotency key.
   *
   * @throws CountersignError; the signal's reason once that is aborted
   */
  async send(sent: Sent): Promise<unknown> {
    const key = sent.idempotencyKey ?? (sent.method === "POST" ? crypto.randomUUID() : undefined);
    const url = `${this.base}${sent.path}${queryText(sent.query)}`;
    const requestId = crypto.randomUUID();
    const deadline = performance.now() + (sent.deadlineMs ?? DEADLINE_MS);
    for (let failures = 0; ; ) {
      sent.signal?.throwIfAborted();
      const headers = await this.#headers(sent, key, requestId);
      const left = deadline - performance.now();
      const timeout = Math.min(sent.timeoutMs ?? TIMEOUT_MS, left);
      try {
        return await this.#attempt(url, { ...sent, headers }, timeout, requestId);
      } catch (thrown) {
        sent.signal?.throwIfAborted();
        if (!isCountersignError(thrown)) throw thrown;
        // It is gone, as it should be: an earlier attempt arrived, only its answer did not.
        if (sent.method === "DELETE" && failures > 0 && thrown.status === 404) return undefined;
        failures += 1;
        const repeatable = isRepeatable(sent.method, key);
        const after = pauseBeforeRetry(
          this.#policy,
          thrown,
          repeatable,
          failures,
          deadline - performance.now(),
          Math.random(),
        );
        if (after === undefined) throw thrown;
        await pause(after, sent.signal);
      }
    }
  }

  async #headers(sent: Sent, key: string | undefined, requestId: string): Promise<Record<string, string>> {
    const { token, workspace } = this.#settings;
    return {
      Authorization: `Bearer ${typeof token === "string" ? token : await token()}`,
      "X-Request-Id": requestId,
      ...(workspace !== undefined && { "X-Workspace": workspace }),
      ...(sent.body !== undefined && { "Content-Type": "application/json" }),
      ...(key !== undefined && { "Idempotency-Key": key }),
      ...sent.headers,
    };
  }

  async #attempt(url: string, sent: Sent, timeoutMs: number, requestId: string): Promise<unknown> {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), Math.max(0, timeoutMs));
    const signals = sent.signal === undefined ? [late.signal] : [late.signal, sent.signal];
    const init = {
      method: sent.method,
      headers: { ...sent.headers },
      signal: AbortSignal.any(signals),
      ...(sent.body !== undefined && { body: JSON.stringify(sent.body) }),
    };
    let response: Response;
    let text: string;
    try {
      response = await (this.#settings.fetch ?? globalThis.fetch)(url, init);
      // A stream lasts as long as its reader wants it to.
      if (response.ok && !isJson(response) && response.body !== null && response.status !== 204) return response;
      text = await response.text();
    } catch (cause) {
      throw late.signal.aborted ? timedOut(sent, timeoutMs, requestId) : unreachable(sent, cause, requestId);
    } finally {
      clearTimeout(timer);
    }
    if (!response.ok) throw failedAnswer(response.status, text, response.headers.get("Retry-After"), Date.now());
    return text === "" ? undefined : parsed(text, response.status);
  }
}

function isJson(response: Response): boolean {
  return response.headers.get("Content-Type")?.startsWith("application/json") === true;
}

function parsed(text: string, status: number): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new CountersignError("UNEXPECTED_ANSWER", { message: `HTTP ${status} with broken JSON`, status, cause });
  }
}

function timedOut({ method, path }: Sent, ms: number, request_id: string): CountersignError {
  const retry = { retryable: true, after_ms: 0 };
  return new CountersignError("TIMEOUT", { message: `${method} ${path}: no answer for ${ms} ms`, request_id, retry });
}

function unreachable({ method, path }: Sent, cause: unknown, request_id: string): CountersignError {
  const retry = { retryable: true, after_ms: 0 };
  return new CountersignError("NETWORK_ERROR", {
    message: `${method} ${path} got no answer`,
    request_id,
    retry,
    cause,
  });
}

function queryText(query: Sent["query"]): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value === undefined) continue;
    for (const one of Array.isArray(value) ? value : [value]) given.append(name, String(one));
  }
  return given.size === 0 ? "" : `?${given}`;
}
