/** Text of others in Slack's mrkdwn: escaped, so that it mentions nobody and links nowhere, and cut to its limits. Pure. */

/** A block of Block Kit; Slack knows the shapes. */
export type SlackBlock = Readonly<Record<string, unknown>> & { readonly type: string };

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };
const CUT = "…";
/** Text of a section. */
const SECTION_CHARS = 3_000;
const FENCE = "```";

/** Escaped, and no longer than `limit` (UTF-16 units) once escaped; a character or an entity is never cut in two. */
export function escapedTo(text: string, limit: number): string {
  return cut(text, limit, (char) => ENTITIES[char] ?? char);
}

/** As it is, for what Slack shows as plain text; no longer than `limit`. */
export function plainTo(text: string, limit: number): string {
  return cut(text, limit, (char) => char);
}

/** A block of code that fits into a section; what would end it early does not. */
export function asCode(text: string): string {
  const harmless = text.replaceAll("`", "'");
  return `${FENCE}\n${escapedTo(harmless, SECTION_CHARS - 2 * FENCE.length - 2)}\n${FENCE}`;
}

/** A value of a payload in words; nothing for what is not there. */
export function asText(value: unknown): string {
  if (value === undefined || value === null) return "";
  if (Array.isArray(value)) return value.slice(0, 20).map(asText).join(", ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function cut(text: string, limit: number, written: (char: string) => string): string {
  let whole = "";
  let kept = "";
  for (const char of text) {
    whole += written(char);
    if (whole.length > limit) return kept + CUT;
    if (whole.length <= limit - CUT.length) kept = whole;
  }
  return whole;
}
