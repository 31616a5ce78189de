/** JSON in the one form that everybody computes alike (RFC 8785, JCS), and its SHA-256. */

/**
 * Keys in the order of their UTF-16 code units, no spaces, numbers and strings as JSON.stringify writes them.
 *
 * @throws TypeError for what is no JSON value: undefined, functions, bigints, NaN, lone surrogates, cycles, class instances
 */
export function canonicalJson(value: unknown): string {
  return written(value, new Set());
}

function written(value: unknown, inside: ReadonlySet<object>): string {
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "string") return quoted(value);
  if (typeof value === "number" && Number.isFinite(value)) return JSON.stringify(value);
  if (typeof value !== "object" || inside.has(value)) throw new TypeError(`${String(value)} is no JSON value`);
  const within = new Set([...inside, value]);
  if (Array.isArray(value)) return `[${Array.from(value, (item) => written(item, within)).join(",")}]`;
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null)
    throw new TypeError("a class instance is no JSON value");
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([key, item]) => `${quoted(key)}:${written(item, within)}`).join(",")}}`;
}

function quoted(text: string): string {
  // A lone surrogate has no UTF-8: two different texts would hash alike.
  if (/\p{Surrogate}/u.test(text)) throw new TypeError("a text with a lone surrogate is no JSON value");
  return JSON.stringify(text);
}

/** Lower-case hex. */
export async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
