/** How wide text stands in a terminal, in columns: a CJK character or an emoji takes two, a combining mark none. */

const GRAPHEMES = new Intl.Segmenter(undefined, { granularity: "grapheme" });
const WIDE =
  /\p{Emoji_Presentation}|\ufe0f|[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]/u;
/** Half-width kana: a sound mark after one is a column of its own. */
const HALF = /^[\uff61-\uffdc]/;
const INVISIBLE = /^[\p{Mn}\p{Me}\p{Cf}]+$/u;
const ASCII = /^[\x20-\x7e]*$/;

/** @param text without escape sequences */
export function widthOf(text: string): number {
  if (ASCII.test(text)) return text.length;
  let width = 0;
  for (const { segment } of GRAPHEMES.segment(text)) width += graphemeWidth(segment);
  return width;
}

function graphemeWidth(grapheme: string): number {
  if (INVISIBLE.test(grapheme)) return 0;
  if (HALF.test(grapheme)) return grapheme.length;
  return WIDE.test(grapheme) ? 2 : 1;
}

/** Cut to so many columns; what was cut off is a `…`, which counts. */
export function fitted(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  let taken = "";
  let width = 0;
  for (const { segment } of GRAPHEMES.segment(text)) {
    width += graphemeWidth(segment);
    if (width > columns - 1) break;
    taken += segment;
  }
  return columns < 1 ? "" : `${taken}…`;
}

/** Filled up with spaces to so many columns. */
export function padded(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - widthOf(text)));
}
