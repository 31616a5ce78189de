/** Text of others, made fit for a terminal: what a task is called must not move the cursor or hide what stands beside it. */

const UNSAFE = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu;

/** One line: every control character is shown as its picture (`␛`), none is obeyed. */
export function plainLine(text: string): string {
  return text.replaceAll(UNSAFE, picture);
}

/** As {@link plainLine}, but line feeds and tabs stay: for diffs and comments. */
export function plainLines(text: string): string {
  return text.replaceAll(UNSAFE, (found) => (found === "\n" || found === "\t" ? found : picture(found)));
}

function picture(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  return code === 0x7f ? "␡" : "�";
}
