/**
 * Does `pattern` match the whole of `text`? `*` stands for any characters (or none) within one segment, segments being
 * separated by `/` or `:`; `**` stands for any characters at all; everything else stands for itself, case included
 * (03-tasks-and-approvals, "Reviewer policies").
 *
 * All readings of the pattern are followed at once, one character of text at a time and 32 readings a word, so the cost is at
 * most length of pattern × length of text / 32 (Baeza-Yates and Gonnet 1992, "A new approach to text searching"). No pattern is
 * ever compiled to a regular expression: those backtrack.
 */
export function matches(pattern: string, text: string): boolean {
  const steps = pattern.match(/\*+|[^*]/gu) ?? [];
  const stars = bitsWhere(steps, (step) => step.startsWith("*"));
  const crossing = bitsWhere(steps, (step) => step.startsWith("**"));
  const standsFor = new Map<string, Uint32Array>();
  // Bit n: the first n steps can stand for all the text read so far.
  const reached = new Uint32Array(stars.length);
  reached[0] = steps[0]?.startsWith("*") === true ? 0b11 : 0b1;
  for (const char of text) {
    const literal = standsFor.get(char) ?? bitsWhere(steps, (step) => step === char);
    standsFor.set(char, literal);
    const staying = char === "/" || char === ":" ? crossing : stars;
    if (!advance(reached, literal, staying, stars)) return false;
  }
  return isSet(reached, steps.length);
}

/**
 * Reads one character: a reading goes on over a step that stands for it, stays at a star that takes it in, and is past a star at
 * once. No two stars are neighbours, so one look at each is enough. Says whether any reading is left.
 */
function advance(reached: Uint32Array, literal: Uint32Array, staying: Uint32Array, stars: Uint32Array): boolean {
  let moved = 0;
  let passed = 0;
  let alive = 0;
  for (let word = 0; word < reached.length; word += 1) {
    const before = reached[word] ?? 0;
    const going = before & (literal[word] ?? 0);
    const arrived = (going << 1) | moved | (before & (staying[word] ?? 0));
    const starred = arrived & (stars[word] ?? 0);
    const after = arrived | (starred << 1) | passed;
    moved = going >>> 31;
    passed = starred >>> 31;
    reached[word] = after;
    alive |= after;
  }
  return alive !== 0;
}

/** Bit n for each step n of which this holds, with room for one bit more than there are steps. */
function bitsWhere(steps: readonly string[], holds: (step: string) => boolean): Uint32Array {
  const bits = new Uint32Array((steps.length >>> 5) + 1);
  steps.forEach((step, n) => {
    if (holds(step)) bits[n >>> 5] = (bits[n >>> 5] ?? 0) | (1 << (n & 31));
  });
  return bits;
}

function isSet(bits: Uint32Array, n: number): boolean {
  return (((bits[n >>> 5] ?? 0) >>> (n & 31)) & 1) === 1;
}
