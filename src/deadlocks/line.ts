/** Some of a lock's waits, in the order in which it will serve them. Turns are whole numbers, each given once. */
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
    const at = this.#firstFrom(turn);
    return at === 0 ? undefined : this.#places[at - 1];
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
    if (begin >= end) return;
    for (let at = this.#firstFrom(begin); ; at += 1) {
      const place = this.#places[at];
      if (place === undefined || place.turn >= end) return;
      visit(place);
    }
  }

  /** Where the first one at or after `turn` (from 0) is or would be. New waits come last: looked at first. */
  #firstFrom(turn: number): number {
    if (turn === 0) return 0;
    let [low, high] = [0, this.#places.length];
    const last = high === 0 ? undefined : this.#places[high - 1];
    if (last === undefined || last.turn < turn) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#places[middle]?.turn ?? turn) < turn) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** What stands in a chain and knows its neighbours there. */
export interface Chained<T> {
  readonly turn: number;
  ahead: T | undefined;
  behind: T | undefined;
}

/** A line that can be gone along without being looked at. */
export class Chain<T extends Chained<T>> extends Line<T> {
  override add(item: T): void {
    super.add(item);
    item.ahead = this.before(item.turn);
    item.behind = this.from(item.turn + 1);
    if (item.ahead !== undefined) item.ahead.behind = item;
    if (item.behind !== undefined) item.behind.ahead = item;
  }

  override delete(item: T): void {
    super.delete(item);
    if (item.ahead?.behind === item) item.ahead.behind = item.behind;
    if (item.behind?.ahead === item) item.behind.ahead = item.ahead;
    item.ahead = undefined;
    item.behind = undefined;
  }
}
