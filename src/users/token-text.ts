/** API tokens as text: `cs_` + 32 random bytes in base62 + a checksum, so that a mistyped one is refused without I/O (02). */
import { createHash } from "node:crypto";

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE = 62n;
const PREFIX = "cs_";
/** 62^43 > 2^256 */
const SECRET_CHARS = 43;
/** 62^6 > 2^32 */
const CHECKSUM_CHARS = 6;
const SHAPE = new RegExp(`^${PREFIX}[0-9A-Za-z]{${SECRET_CHARS + CHECKSUM_CHARS}}$`);

function base62(value: bigint, chars: number): string {
  let text = "";
  for (let rest = value; text.length < chars; rest /= BASE) text = (ALPHABET[Number(rest % BASE)] ?? "") + text;
  return text;
}

function checksum(secret: string): string {
  const digest = createHash("sha256").update(PREFIX).update(secret).digest();
  return base62(BigInt(new DataView(digest.buffer, digest.byteOffset).getUint32(0)), CHECKSUM_CHARS);
}

/** A new token out of 32 random bytes. */
export function newToken(random: Uint8Array = crypto.getRandomValues(new Uint8Array(32))): string {
  let value = 0n;
  for (const byte of random) value = (value << 8n) | BigInt(byte);
  const secret = base62(value, SECRET_CHARS);
  return PREFIX + secret + checksum(secret);
}

/** Whether `text` can be a token at all: shape and checksum, no I/O. */
export function isWellFormedToken(text: string): boolean {
  if (!SHAPE.test(text)) return false;
  const secret = text.slice(PREFIX.length, PREFIX.length + SECRET_CHARS);
  return checksum(secret) === text.slice(PREFIX.length + SECRET_CHARS);
}

/** What D1 keeps of a token: hex SHA-256. */
export function tokenHash(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}
