/** Calls held open until something happens to what they wait for, or their time is over. Only memory. */
export class Waiters<Key> {
  readonly #open = new Map<Key, Set<() => void>>();

  /** Resolves when `key` is woken, or after `ms`. */
  until(key: Key, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const waiting = this.#open.get(key) ?? new Set();
      const done = () => {
        clearTimeout(timeout);
        waiting.delete(done);
        if (waiting.size === 0) this.#open.delete(key);
        resolve();
      };
      const timeout = setTimeout(done, ms);
      waiting.add(done);
      this.#open.set(key, waiting);
    });
  }

  /** Whether some call waits for this key. */
  has(key: Key): boolean {
    return this.#open.has(key);
  }

  wake(keys: Iterable<Key>): void {
    for (const key of keys) for (const done of [...(this.#open.get(key) ?? [])]) done();
  }
}
