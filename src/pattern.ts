/**
 * Does `pattern` match the whole of `text`? `*` stands for any characters (or none) within one segment, segments being
 * separated by `/` or `:`; `**` stands for any characters at all; everything else stands for itself, case included
 * (03-tasks-and-approvals, "Reviewer policies").
 *
 * All readings of the pattern are followed at once, one character of text at a time, so the cost is at most
 * length of pattern × length of text. No pattern is ever compiled to a regular expression: those backtrack.
 */
export function matches(pattern: string, text: string): boolean {
  const steps = pattern.match(/\*+|[^*]/gu) ?? [];
  const reached = new Array<boolean>(steps.length + 1).fill(false);
  reached[0] = true;
  advance(reached, steps, undefined);
  for (const char of text) {
    if (!advance(reached, steps, char)) return false;
  }
  return reached[steps.length] === true;
}

/**
 * `reached[n]`: the first n steps can stand for all the text read so far. Reads one more character (none at the
 * beginning, where only stars that stand for nothing move on) and says whether any reading is left.
 */
function advance(reached: boolean[], steps: readonly string[], char: string | undefined): boolean {
  let before = reached[0] === true;
  reached[0] = char === undefined;
  let alive = reached[0];
  for (const [index, step] of steps.entries()) {
    const stayed = reached[index + 1] === true;
    const now = step.startsWith("*")
      ? reached[index] === true || (stayed && char !== undefined && crosses(step, char))
      : before && step === char;
    reached[index + 1] = now;
    before = stayed;
    alive ||= now;
  }
  return alive;
}

function crosses(star: string, char: string): boolean {
  return star.length > 1 || (char !== "/" && char !== ":");
}
