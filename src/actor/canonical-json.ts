/**
 * RFC 8785 (JCS) text of a JSON value: members in the order of their names' UTF-16 code units, no spaces, numbers and strings as
 * ECMAScript writes them. Members that are undefined are left out. Every entry of every journal goes through here, therefore by hand:
 * in a third of a library's time.
 * @throws TypeError for what is no JSON value: NaN and infinities, lone surrogates, bigints, undefined itself
 */
export function canonicalJson(value: unknown): string {
  const text = written(value);
  if (text === undefined) throw new TypeError("this is not a JSON value");
  return text;
}

function written(value: unknown): string | undefined {
  switch (typeof value) {
    case "string":
      return quoted(value);
    case "number":
      if (!Number.isFinite(value)) throw new TypeError(`${value} is no JSON value`);
      return String(value);
    case "boolean":
      return value ? "true" : "false";
    case "bigint":
      throw new TypeError("a bigint is no JSON value");
    case "object":
      if (value === null) return "null";
      return Array.isArray(value) ? list(value) : object(value as Readonly<Record<string, unknown>>);
    default:
      return undefined;
  }
}

function list(items: readonly unknown[]): string {
  let text = "";
  for (const item of items) text += `${text === "" ? "" : ","}${written(item) ?? "null"}`;
  return `[${text}]`;
}

function object(members: Readonly<Record<string, unknown>>): string {
  if (typeof members.toJSON === "function") return written(members.toJSON()) ?? "null";
  let text = "";
  for (const name of inOrder(Object.keys(members))) {
    const member = written(members[name]);
    if (member !== undefined) text += `${text === "" ? "" : ","}${quoted(name)}:${member}`;
  }
  return `{${text}}`;
}

function inOrder(names: string[]): string[] {
  for (let at = 1; at < names.length; at += 1) {
    if ((names[at - 1] ?? "") > (names[at] ?? "")) return names.sort();
  }
  return names;
}

/** Nothing to escape, and no surrogates. */
const PLAIN = /^[ !#-[\]-\ud7ff\ue000-\uffff]*$/;

/** Most texts are plain, and to have JSON.stringify find that out costs three times as much. */
function quoted(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`;
  // It has no UTF-8: two different texts would hash alike.
  if (!text.isWellFormed()) throw new TypeError("a text with a lone surrogate is no JSON value");
  return JSON.stringify(text);
}
