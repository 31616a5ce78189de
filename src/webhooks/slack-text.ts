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
  let escaped = "";
  for (const char of text) {
    const next = ENTITIES[char] ?? char;
    if (escaped.length + next.length > limit - CUT.length && !fits(text, limit)) return escaped + CUT;
    escaped += next;
  }
  return escaped;
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

function fits(text: string, limit: number): boolean {
  const entities = [...text.slice(0, limit)].reduce((more, char) => more + (ENTITIES[char]?.length ?? 1) - 1, 0);
  return text.length + entities <= limit;
}
