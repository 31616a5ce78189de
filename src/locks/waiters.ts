/** Requests held open until something happens to their claim (`Prefer: wait`). Only memory: a claim outlives its request. */
export class Waiters {
  readonly #open = new Map<number, Set<() => void>>();

  /** Resolves when `member` is woken, or after `ms`. */
  until(member: number, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const waiting = this.#open.get(member) ?? new Set();
      const done = () => {
        clearTimeout(timeout);
        waiting.delete(done);
        if (waiting.size === 0) this.#open.delete(member);
        resolve();
      };
      const timeout = setTimeout(done, ms);
      waiting.add(done);
      this.#open.set(member, waiting);
    });
  }

  wake(members: Iterable<number>): void {
    for (const member of members) for (const done of [...(this.#open.get(member) ?? [])]) done();
  }
}
