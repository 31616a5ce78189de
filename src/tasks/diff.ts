import { FILE_HEADERS_ONLY, formatPatch, type StructuredPatch, structuredPatch } from "diff";
import type { JsonObject } from "../wire.ts";
import { prettyJson, sameJson } from "./stable-json.ts";

/** The longest diff of one change, in bytes of UTF-8, the note that it was cut included. */
export const MAX_DIFF_BYTES = 64 * 1024;

const CONTEXT_LINES = 3;

/**
 * The work of the line diff grows with the square of the lines that differ; 500 keeps even two documents of 256 KiB
 * near 100 ms. A count and not a time limit: the same change must give the same diff everywhere, and in a Durable
 * Object the clock stands still while code runs.
 */
export const MAX_EDITS = 500;

/**
 * A unified diff of the pretty-printed JSON with sorted keys (03-tasks-and-approvals, "Preview"); null, the state after a
 * delete, is the empty document. Equal values give the empty text. Documents that differ in more than `maxEdits` lines get one
 * hunk from their first to their last difference. At most 64 KiB: what is longer ends after a whole line with a note
 * that starts with a backslash, as unified diffs mark what is no line of either document.
 */
export function unifiedDiff(before: JsonObject | null, after: JsonObject | null, maxEdits = MAX_EDITS): string {
  if (sameJson(before, after)) return "";
  const [old, next] = [documentOf(before), documentOf(after)];
  const options = { context: CONTEXT_LINES, maxEditLength: maxEdits };
  const patch = structuredPatch("before", "after", old, next, undefined, undefined, options) ?? replacement(old, next);
  return cut(formatPatch(patch, FILE_HEADERS_ONLY));
}

function documentOf(value: JsonObject | null): string {
  return value === null ? "" : `${prettyJson(value)}\n`;
}

/** One hunk that replaces everything between the lines that both documents begin with and those that both end with. */
function replacement(old: string, next: string): StructuredPatch {
  const [a, b] = [linesOf(old), linesOf(next)];
  const shorter = Math.min(a.length, b.length);
  let head = 0;
  while (head < shorter && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < shorter - head && a.at(-1 - tail) === b.at(-1 - tail)) tail++;

  const start = Math.max(0, head - CONTEXT_LINES);
  const trailing = Math.min(tail, CONTEXT_LINES);
  const lines = [
    ...a.slice(start, head).map((line) => ` ${line}`),
    ...a.slice(head, a.length - tail).map((line) => `-${line}`),
    ...b.slice(head, b.length - tail).map((line) => `+${line}`),
    ...a.slice(a.length - tail, a.length - tail + trailing).map((line) => ` ${line}`),
  ];
  const oldLines = a.length - tail + trailing - start;
  const newLines = b.length - tail + trailing - start;
  const hunk = { oldStart: start + 1, oldLines, newStart: start + 1, newLines, lines };
  return { oldFileName: "before", newFileName: "after", oldHeader: undefined, newHeader: undefined, hunks: [hunk] };
}

function linesOf(document: string): readonly string[] {
  return document.split("\n").slice(0, -1);
}

function cut(diff: string): string {
  const bytes = new TextEncoder().encode(diff).byteLength;
  if (bytes <= MAX_DIFF_BYTES) return diff;
  const note = `\\ Cut here: the whole diff has ${bytes} bytes, more than the ${MAX_DIFF_BYTES} that are shown.\n`;
  const { read } = new TextEncoder().encodeInto(diff, new Uint8Array(MAX_DIFF_BYTES - note.length));
  return diff.slice(0, diff.lastIndexOf("\n", read - 1) + 1) + note;
}
