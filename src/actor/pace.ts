/** Work that is done at once, but not again before a gap is over: what comes up meanwhile is done together at its end. */
export class Pace {
  readonly #gapMs: number;
  readonly #work: () => void;
  #gap: ReturnType<typeof setTimeout> | undefined;
  #asked = false;

  /** @param work must not throw */
  constructor(gapMs: number, work: () => void) {
    this.#gapMs = gapMs;
    this.#work = work;
  }

  /** Has the work done now, or at the end of the gap. */
  soon(): void {
    if (this.#gap === undefined) this.now();
    else this.#asked = true;
  }

  /** Has it done now; a new gap begins. */
  now(): void {
    clearTimeout(this.#gap);
    this.#asked = false;
    this.#gap = setTimeout(() => {
      this.#gap = undefined;
      if (this.#asked) this.now();
    }, this.#gapMs);
    this.#work();
  }
}
