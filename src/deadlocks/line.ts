/** Some of a lock's waits, in the order in which it will serve them. */
export class Line<T extends { readonly turn: number }> {
  readonly #places: T[] = [];

  add(item: T): void {
    this.#places.splice(this.#firstFrom(item.turn), 0, item);
  }

  delete(item: T): void {
    const at = this.#firstFrom(item.turn);
    if (this.#places[at] === item) this.#places.splice(at, 1);
  }

  /** The last one that comes before `turn`. */
  before(turn: number): T | undefined {
    return this.#places[this.#firstFrom(turn) - 1];
  }

  /** All that come before `turn`. */
  allBefore(turn: number): readonly T[] {
    return this.#places.slice(0, this.#firstFrom(turn));
  }

  /** The first one that comes at `turn` or after it. */
  from(turn: number): T | undefined {
    return this.#places[this.#firstFrom(turn)];
  }

  /** Calls `visit` for each that comes at `begin` or after it and before `end`. */
  each(visit: (item: T) => void, begin: number, end = Number.POSITIVE_INFINITY): void {
    for (let at = this.#firstFrom(begin); ; at += 1) {
      const place = this.#places[at];
      if (place === undefined || place.turn >= end) return;
      visit(place);
    }
  }

  /** Where the first one at or after `turn` is or would be. New waits come last: looked at first. */
  #firstFrom(turn: number): number {
    let [low, high] = [0, this.#places.length];
    const last = this.#places[high - 1];
    if (last === undefined || last.turn < turn) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#places[middle]?.turn ?? turn) < turn) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
