/** One attempt to hand a message to its receiver. */
import { causeOf } from "../log.ts";
import { webhookAddress } from "./address.ts";
import { type Outcome, retryAfterMs } from "./delivery.ts";

const PATIENCE_MS = 15_000;

export interface Message {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * The address is judged anew each time: what may be called may have changed since it was configured. Redirects are not
 * followed, and of the answer only status and Retry-After are read, whatever it goes on to say. Never rejects.
 */
export async function post({ url, headers, body }: Message, allowPrivate: boolean): Promise<Outcome> {
  const address = webhookAddress(url, allowPrivate);
  if (!address.ok) return { kind: "failed", error: `the webhook's url ${address.issue}` };
  try {
    const response = await fetch(address.url, {
      method: "POST",
      headers: { "Content-Type": "application/json", "User-Agent": "countersign", ...headers },
      body,
      redirect: "manual",
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    await response.body?.cancel();
    const wait = retryAfterMs(response.headers.get("Retry-After"), Date.now());
    return { kind: "answered", status: response.status, ...(wait !== undefined && { retry_after_ms: wait }) };
  } catch (thrown) {
    return { kind: "failed", error: reasonIn(thrown) };
  }
}

/** What a fetch throws may name the address, and the path of a Slack address is its password. */
function reasonIn(thrown: unknown): string {
  return causeOf(thrown).startsWith("TimeoutError")
    ? `no answer within ${PATIENCE_MS / 1000} s`
    : "could not be reached";
}
