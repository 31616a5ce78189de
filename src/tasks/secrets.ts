/**
 * Which values are secrets, told by the keys they stand under (03-tasks-and-approvals, "Preview"; 05-realtime-and-audit,
 * "Secrets never enter it"). A secret belongs in a vault; tasks and the audit trail carry references to it.
 */
import { looksLikeResourceKey } from "./resource-key.ts";
import { isJsonObject } from "./stable-json.ts";

export const MASK = "[masked]";

const SECRET_NAME = /(password|token|secret|privatekey|apikey)(s?)$/;

/** Keys of our own API that speak of tokens and are public. */
const PUBLIC_KEYS: ReadonlySet<string> = new Set(["fencing_token", "token_id"]);

/**
 * How far a key makes what stands under it secret. `all`: it is the name of a secret (`db_password`, `apiKey`).
 * `text`: it holds such a name, but speaks of something around it or counts (`token_ttl`, `password_policy`,
 * `max_tokens`): a number there is a setting, a text may still be the secret itself.
 */
type Secrecy = "none" | "text" | "all";

/** Whether the key names a secret: `password`, `DB_PASSWORD`, `apiKey`, `x-api-key`; not `tokenizer`, not `secretary`. */
export function namesSecret(key: string): boolean {
  return secrecyOf(key) !== "none";
}

function secrecyOf(key: string): Secrecy {
  if (PUBLIC_KEYS.has(key)) return "none";
  let secrecy: Secrecy = "none";
  let spelled = "";
  for (const word of wordsOf(key)) {
    // Spelling the words together finds api_key, apiKey, apikey and my-api-key alike, yet only where a word ends.
    spelled += word;
    const name = SECRET_NAME.exec(spelled);
    if (name !== null) secrecy = name[2] === "" ? "all" : "text";
    else if (secrecy === "all") secrecy = "text";
  }
  return secrecy;
}

/** Lower-case words of a key in camelCase, snake_case, kebab-case or plain words, in whatever width they are written. Digits only part words. */
function wordsOf(key: string): readonly string[] {
  const words =
    key
      .slice(-MAX_KEY_LENGTH)
      .normalize("NFKC")
      .match(/\p{Lu}+(?!\p{Ll})|\p{Lu}?\p{Ll}+|\p{Lo}+/gu) ?? [];
  return words.map((word) => word.toLowerCase());
}

/** Longer keys are judged by their end, where a name has its noun; so no key is too dear to judge. */
const MAX_KEY_LENGTH = 256;

/** A key that addresses a resource (`secret:prod/db`) and holds its attributes says nothing about their secrecy. */
function secrecyUnder(key: string, value: unknown): Secrecy {
  return looksLikeResourceKey(key) && isJsonObject(value) ? "none" : secrecyOf(key);
}

/**
 * Whether anything at or below a value under such a key would give a secret away. References may stand there; null,
 * true, false and the empty text hold nothing.
 */
function givesAway(value: unknown, secrecy: Secrecy, references: ReadonlySet<string>): boolean {
  if (secrecy === "none") return false;
  if (typeof value === "string") return value !== "" && !references.has(value);
  if (typeof value === "number") return secrecy === "all";
  if (typeof value !== "object" || value === null) return false;
  return Object.entries(value).some(([key, inner]) => givesAway(inner, stricter(secrecy, key), references));
}

function stricter(secrecy: Secrecy, key: string): Secrecy {
  return secrecyOf(key) === "all" ? "all" : secrecy;
}

/**
 * Where plaintext secrets stand in a JSON value, as JSON pointers (RFC 6901) below `path`, one for each outermost key
 * that names a secret and at most `limit` of them.
 *
 * @param references values that may stand under such keys: the task's `secrets`.
 */
export function findPlaintextSecrets(
  value: unknown,
  references: ReadonlySet<string>,
  path: string,
  limit: number,
): readonly string[] {
  const found: string[] = [];
  const search = (node: unknown, at: string): void => {
    if (typeof node !== "object" || node === null) return;
    for (const [key, inner] of Object.entries(node)) {
      if (found.length >= limit) return;
      const below = Array.isArray(node) ? `${at}/${key}` : `${at}/${pointerToken(key)}`;
      if (givesAway(inner, secrecyUnder(key, inner), references)) found.push(below);
      else search(inner, below);
    }
  };
  search(value, path);
  return found;
}

/** One step of a JSON pointer. */
export function pointerToken(key: string): string {
  return key.replaceAll("~", "~0").replaceAll("/", "~1");
}

/**
 * A copy of a JSON value for the audit trail: whatever would give a secret away is `[masked]`, as a whole.
 *
 * @param references values that may be shown under keys that name secrets: the task's `secrets`.
 */
export function maskSecrets(value: unknown, references: readonly string[] = []): unknown {
  return masked(value, new Set(references));
}

function masked(value: unknown, references: ReadonlySet<string>): unknown {
  if (Array.isArray(value)) return value.map((item) => masked(item, references));
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      givesAway(inner, secrecyUnder(key, inner), references) ? MASK : masked(inner, references),
    ]),
  );
}
