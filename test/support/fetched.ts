/** Calls with `fetch`, which keeps many connections at once in order while some of their requests are held open. */
import { BASE } from "./wire.ts";

export interface Wired {
  readonly method: string;
  /** below the base path */
  readonly path: string;
  readonly body?: Readonly<Record<string, unknown>>;
  /** of the header `Prefer` */
  readonly prefer?: string;
}

export interface Fetched {
  readonly status: number;
  /** undefined: none */
  readonly body: unknown;
}

/** Makes one request as whoever has the token. Rejects if no answer came. */
export async function fetched(
  url: string,
  token: string,
  { method, path, body, prefer }: Wired,
  signal?: AbortSignal,
): Promise<Fetched> {
  const response = await fetch(`${url}${BASE}${path}`, {
    method,
    headers: {
      Authorization: `Bearer ${token}`,
      ...(body && { "Content-Type": "application/json" }),
      ...(prefer && { Prefer: prefer }),
    },
    ...(body && { body: JSON.stringify(body) }),
    ...(signal && { signal }),
  });
  const text = await response.text();
  return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
}
