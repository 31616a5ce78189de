/** Runs that must not overlap: whoever comes while one is under way waits for it, then looks again with a run of its own. */
export class Turns {
  #running: Promise<boolean> | undefined;
  #takers = 0;

  /** Whether nothing runs and nobody waits to. */
  get idle(): boolean {
    return this.#takers === 0;
  }

  /** Answers what `run` did; false without running if a run that it had to wait for came to false. */
  async take(run: () => Promise<boolean>): Promise<boolean> {
    this.#takers += 1;
    try {
      // The run under way may have looked for the last time already: its success says nothing of what came since.
      while (this.#running !== undefined) if (!(await this.#running)) return false;
      this.#running = run().finally(() => {
        this.#running = undefined;
      });
      return await this.#running;
    } finally {
      this.#takers -= 1;
    }
  }
}
