/** Prints who did what and when, for people. */
export class Timeline {
  readonly #out: NodeJS.WritableStream;
  readonly #started = performance.now();

  constructor(out: NodeJS.WritableStream) {
    this.#out = out;
  }

  chapter(title: string): void {
    this.#out.write(`\n── ${title} ${"─".repeat(Math.max(0, 72 - title.length))}\n`);
  }

  tell(who: string, what: string): void {
    const seconds = ((performance.now() - this.#started) / 1000).toFixed(2).padStart(6);
    this.#out.write(`${seconds} s  ${who.padEnd(9)} ${what}\n`);
  }

  /** Something that belongs to the last line; `text` is shown as it is, indented. */
  detail(line: string, text?: string): void {
    this.#out.write(`             · ${line}\n`);
    for (const row of text?.trimEnd().split("\n") ?? []) this.#out.write(`               ${row}\n`);
  }
}
