/** Frames of one WebSocket, from its subscription to its end. */
import { Arrivals } from "./arrivals.ts";
import type { Frame } from "./channel-order.ts";
import { CountersignError, type ErrorCode } from "./countersign-error.ts";

export interface Subscription {
  /** With its ticket. */
  readonly url: string;
  readonly channels: readonly string[];
  readonly since: Readonly<Record<string, number>>;
  readonly signal?: AbortSignal | undefined;
}

/** A reader that is further behind than this many frames is disconnected, and reads the rest from where it stands. */
const MAX_BEHIND = 1_000;
/** How often a quiet socket is asked whether it is still there, and how long it may take to say so (ms). */
const PING_MS = 20_000;

/** Ends when the socket does. Throws only what no reconnection would mend: a channel that one may not have. */
export async function* socketFrames(
  Socket: typeof WebSocket,
  { url, channels, since, signal }: Subscription,
): AsyncGenerator<Frame> {
  const frames = new Arrivals<Frame>(MAX_BEHIND);
  const socket = new Socket(url);
  let heard = true;
  const pulse = setInterval(() => {
    if (!heard) return frames.end();
    heard = false;
    if (socket.readyState === OPEN) socket.send("ping");
  }, PING_MS);
  const aborted = () => frames.end();
  signal?.addEventListener("abort", aborted, { once: true });
  socket.addEventListener("open", () => socket.send(JSON.stringify({ action: "subscribe", channels, since })));
  socket.addEventListener("close", () => frames.end());
  socket.addEventListener("error", () => frames.end());
  socket.addEventListener("message", ({ data }) => {
    heard = true;
    if (data === "pong") return;
    const message = read(String(data));
    if (message === undefined) frames.end();
    else if (isRefusal(message)) frames.end(refused(message));
    else if (!frames.push(message)) frames.end();
  });
  try {
    if (!signal?.aborted) yield* frames;
  } finally {
    clearInterval(pulse);
    signal?.removeEventListener("abort", aborted);
    socket.close();
  }
}

/** `WebSocket.OPEN`, which not every implementation has on its class. */
const OPEN = 1;

interface Refusal {
  readonly event: "error";
  readonly payload: { readonly code: ErrorCode; readonly message: string; readonly channel?: string };
}

/** Undefined: no message of Countersign; whatever speaks there, a new connection may reach the right one. */
function read(data: string): Frame | Refusal | undefined {
  try {
    const message: unknown = JSON.parse(data);
    const named = typeof message === "object" && message !== null && "event" in message;
    return named ? (message as Frame | Refusal) : undefined;
  } catch {
    return undefined;
  }
}

function isRefusal(message: Frame | Refusal): message is Refusal {
  return message.event === "error" && !("seq" in message);
}

function refused({ payload: { code, message, channel } }: Refusal): CountersignError {
  return new CountersignError(code, { message, ...(channel !== undefined && { details: { channel } }) });
}
