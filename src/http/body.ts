/** Reading a JSON body: size, content type, syntax, and what may stand in no string, before any schema looks at it. */
import { refuse, refuseInvalid } from "./failure.ts";

export const MAX_BODY_BYTES = 1024 * 1024;
const MAX_DRAIN_BYTES = 8 * MAX_BODY_BYTES;
/** Deeper nesting is an attack on recursive code, not a change. */
const MAX_DEPTH = 64;
/** Longer field paths are cut off where an error names them. */
export const MAX_FIELD = 200;
const UTF_8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });
const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i;

export interface ReadBody {
  readonly text: string;
  readonly value: unknown;
}

/** The parsed body; an empty one is `{}`, to an Idempotency-Key too. Ends the request with 400, 413 or 415. */
export async function readBody(request: Request): Promise<ReadBody> {
  const text = await readText(request);
  if (text.trim() === "") return { text: "{}", value: {} };
  const type = request.headers.get("Content-Type");
  if (type === null || !JSON_TYPE.test(type)) {
    refuse("UNSUPPORTED_MEDIA_TYPE", "send the body as application/json");
  }
  let value: unknown;
  try {
    value = LONG_NUMBER.test(text) ? JSON.parse(text, asWritten) : JSON.parse(text);
  } catch {
    refuse("MALFORMED_JSON", "the body is not valid JSON");
  }
  const found = forbidden(value, "", 0);
  if (found !== undefined) {
    // A deep or long path is the attacker's, not worth sending back.
    refuseInvalid({ ...found, field: found.field.slice(0, MAX_FIELD) || "body" });
  }
  return { text, value };
}

const LONG_NUMBER = /\d{16}/;

/** What is no longer the integer that was written counts as infinite, so that {@link forbidden} names where it stands. */
function asWritten(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  const { source = "" } = context ?? {};
  const isChanged = typeof value === "number" && /^-?\d+$/.test(source) && String(value) !== source && source !== "-0";
  return isChanged ? Number.POSITIVE_INFINITY : value;
}

/** The body as text. Ends the request with 400, 413 or 415. */
export async function readText(request: Request): Promise<string> {
  if (request.body === null) return "";
  const declared = request.headers.get("Content-Length");
  // Reading it whole costs a third of reading it chunk by chunk; that is for what may turn out too large.
  const whole = declared !== null && Number(declared) <= MAX_BODY_BYTES;
  const reading = whole ? request.arrayBuffer() : readBounded(request.body);
  // Nobody reads this answer: the client went away while it sent. It is no failure of ours that an operator should look for.
  const bytes = await reading.catch(() => refuse("MALFORMED_JSON", "the body broke off"));
  if (bytes.byteLength > MAX_BODY_BYTES) refuse("PAYLOAD_TOO_LARGE", `the body is larger than ${MAX_BODY_BYTES} bytes`);
  const coding = request.headers.get("Content-Encoding") ?? "identity";
  if (coding.toLowerCase() !== "identity") refuse("UNSUPPORTED_MEDIA_TYPE", "send the body as it is, not compressed");
  try {
    return UTF_8.decode(bytes);
  } catch {
    return refuse("MALFORMED_JSON", "the body is not UTF-8");
  }
}

/** The body if it is not too large, else something that is. */
async function readBounded(body: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.byteLength;
    if (size <= MAX_BODY_BYTES) chunks.push(chunk);
    // A connection that is closed under a client that still sends may lose it the answer: what is too large is read out, in bounds.
    if (size > MAX_DRAIN_BYTES) break;
  }
  const bytes = new Uint8Array(Math.min(size, MAX_BODY_BYTES + 1));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return bytes;
}

interface Forbidden {
  readonly field: string;
  readonly issue: string;
}

/**
 * The first thing in a JSON value that is refused anywhere: U+0000, lone surrogates, `__proto__` keys, too deep nesting, and
 * numbers that would be written otherwise than they were read, such as 1e999.
 */
export function forbidden(value: unknown, field: string, depth: number): Forbidden | undefined {
  if (typeof value === "string") {
    if (value.includes("\u0000")) return { field, issue: "must not hold U+0000" };
    return value.isWellFormed() ? undefined : { field, issue: "must not hold a lone surrogate" };
  }
  if (typeof value === "number" && !Number.isFinite(value))
    return { field, issue: "is a number that cannot be kept as it is: send it as text" };
  if (typeof value !== "object" || value === null) return undefined;
  if (depth >= MAX_DEPTH) return { field, issue: `is nested more than ${MAX_DEPTH} deep` };
  for (const [key, inner] of Object.entries(value)) {
    const path = field === "" ? key : `${field}.${key}`;
    if (key === "__proto__") return { field: path, issue: "is not a field" };
    const found = forbidden(key, path, depth) ?? forbidden(inner, path, depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}
