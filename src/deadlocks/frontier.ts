/** Things to go on from, the one with the least key first (a binary heap). */
export class Frontier<T> {
  readonly #items: T[] = [];
  readonly #keys: number[] = [];

  /** What `take` will take; undefined: nothing is left. */
  get next(): T | undefined {
    return this.#items[0];
  }

  add(item: T, key: number): void {
    let at = this.#items.length;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (this.#keyAt(parent) <= key) break;
      this.#move(parent, at);
      at = parent;
    }
    this.#items[at] = item;
    this.#keys[at] = key;
  }

  take(): T | undefined {
    const { next } = this;
    const last = this.#items.pop();
    const key = this.#keys.pop();
    if (last === undefined || key === undefined || this.#items.length === 0) return next;
    let at = 0;
    for (let child = this.#lesserChild(at); this.#keyAt(child) < key; child = this.#lesserChild(at)) {
      this.#move(child, at);
      at = child;
    }
    this.#items[at] = last;
    this.#keys[at] = key;
    return next;
  }

  #lesserChild(at: number): number {
    const left = 2 * at + 1;
    return this.#keyAt(left + 1) < this.#keyAt(left) ? left + 1 : left;
  }

  /** Infinity beyond the end. */
  #keyAt(at: number): number {
    return this.#keys[at] ?? Number.POSITIVE_INFINITY;
  }

  #move(from: number, to: number): void {
    const [item, key] = [this.#items[from], this.#keys[from]];
    if (item === undefined || key === undefined) return;
    this.#items[to] = item;
    this.#keys[to] = key;
  }
}
