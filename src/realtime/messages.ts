/** What is said over a socket (05-realtime-and-audit, "WebSocket"). Pure. */
import { type Failure, fail, invalid, ok, type Result } from "../actor/result.ts";
import { z } from "../zod.ts";
import type { Event } from "./contract.ts";

/** A longer message closes the socket. */
const MAX_MESSAGE_BYTES = 32 * 1024;

const channels = z.array(z.string()).min(1);

const ClientMessage = z.discriminatedUnion("action", [
  z.strictObject({
    action: z.literal("subscribe"),
    channels,
    since: z.record(z.string(), z.number().int().min(0)).optional(),
  }),
  z.strictObject({ action: z.literal("unsubscribe"), channels }),
]);
export type ClientMessage = z.infer<typeof ClientMessage>;

/** What a client said: PAYLOAD_TOO_LARGE, MALFORMED_JSON or VALIDATION_ERROR if it is no message. */
export function readMessage(raw: string | ArrayBuffer): Result<ClientMessage> {
  const bytes = typeof raw === "string" ? Buffer.byteLength(raw) : raw.byteLength;
  if (bytes > MAX_MESSAGE_BYTES) return fail("PAYLOAD_TOO_LARGE", "a message has at most 32 KiB");
  if (typeof raw !== "string") return fail("MALFORMED_JSON", "messages are text");
  let value: unknown;
  try {
    value = JSON.parse(raw);
  } catch {
    return fail("MALFORMED_JSON", "a message is JSON, or ping");
  }
  const parsed = ClientMessage.safeParse(value);
  if (parsed.success) return ok(parsed.data);
  const [issue] = parsed.error.issues;
  return invalid({ field: issue?.path.join(".") || "message", issue: issue?.message ?? "is no message" });
}

/** The head of each channel: what follows it comes next. */
export function subscribedMessage(heads: Readonly<Record<string, number>>): string {
  return JSON.stringify({ event: "subscribed", payload: { channels: heads } });
}

export function unsubscribedMessage(names: readonly string[]): string {
  return JSON.stringify({ event: "unsubscribed", payload: { channels: names } });
}

/** A failure; with a channel it is about that channel alone. */
export function errorMessage({ code, message }: Failure, channel?: string): string {
  return JSON.stringify({ event: "error", payload: { code, message, ...(channel !== undefined && { channel }) } });
}

/** What was asked for is not kept any more, or is too much: re-read, and go on after `seq`. */
export function resetMessage(channel: string, seq: number): string {
  return JSON.stringify({ event: "reset", channel, payload: { seq } });
}

export function eventMessage(event: Event): string {
  return JSON.stringify(event);
}
