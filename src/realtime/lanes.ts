/** Work about the same thing one after another, about different things side by side. */
export class Lanes<Key> {
  readonly #tails = new Map<Key, Promise<void>>();

  /** Runs `work` once everything that was begun for `key` before is over, however it ended. */
  run<T>(key: Key, work: () => Promise<T>): Promise<T> {
    const turn = (this.#tails.get(key) ?? Promise.resolve()).then(work);
    const done = () => {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    };
    const tail = turn.then(done, done);
    this.#tails.set(key, tail);
    return turn;
  }
}
