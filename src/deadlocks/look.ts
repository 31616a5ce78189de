import { eachBlocked, eachBlocker } from "./blockers.ts";
import type { Leaving } from "./cycle.ts";
import { Frontier } from "./frontier.ts";
import type { Node } from "./graph-node.ts";

/** An edge from what was seen looking ahead to what was seen looking back. */
export interface Meeting extends Leaving {
  readonly to: Node;
}

/**
 * One of the two ways of looking around a root: `ahead` at what it waits for, or `back` at what waits for it. Begins with what
 * is nearest to the root in the order, and with what has no place in it before that.
 */
export class Look {
  /** What it went on from, the root aside. */
  readonly passed: Node[] = [];
  /** An edge each. */
  steps = 0;
  readonly #open = new Frontier<Node>();
  readonly #isAhead: boolean;
  readonly #stamp: number;
  readonly #isWithin: (node: Node) => boolean;

  /** The two ways take `stamp` and the number before it, which no other search may use. */
  constructor(way: "ahead" | "back", stamp: number, isWithin: (node: Node) => boolean) {
    this.#isAhead = way === "ahead";
    this.#stamp = this.#isAhead ? stamp : stamp - 1;
    this.#isWithin = isWithin;
  }

  /** From where to go on; undefined: all was seen. */
  get next(): Node | undefined {
    return this.#open.next;
  }

  /** About how many steps will have been taken after the next node. */
  get due(): number {
    const { next } = this;
    if (next === undefined) return this.steps;
    return this.steps + (this.#isAhead ? countOfBlockers(next) : countOfBlocked(next));
  }

  /** Goes on from `next`. Returns an edge by which it met the other way. */
  goOn(): Meeting | undefined {
    const node = this.#open.take();
    if (node === undefined) return undefined;
    this.passed.push(node);
    return this.lookFrom(node);
  }

  lookFrom(node: Node): Meeting | undefined {
    const other = this.#isAhead ? this.#stamp - 1 : this.#stamp + 1;
    const each = this.#isAhead ? eachBlocker : eachBlocked;
    let met: Meeting | undefined;
    each(node, (to, by) => {
      this.steps += 1;
      if (to.stamp === this.#stamp) return;
      if (to.stamp === other) met = this.#isAhead ? { node, by, to } : { node: to, by, to: node };
      if (to.stamp === other || !this.#isWithin(to)) return;
      to.stamp = this.#stamp;
      to.from = node;
      to.by = by;
      this.#open.add(to, this.#distanceOf(to));
    });
    return met;
  }

  #distanceOf(node: Node): number {
    if (node.kind === "session" && !node.settled) return Number.NEGATIVE_INFINITY;
    return this.#isAhead ? node.rank : -node.rank;
  }
}

/** About how many `eachBlocker` will visit. */
function countOfBlockers(node: Node): number {
  switch (node.kind) {
    case "lock":
      return node.holders.size;
    case "wait":
      return 2;
    case "session":
      return 2 * node.waits.size;
  }
}

/** How many `eachBlocked` will visit, at most. */
function countOfBlocked(node: Node): number {
  switch (node.kind) {
    case "lock":
      return node.waits.size;
    case "wait":
      return node.lock.waits.size;
    case "session":
      return node.holds.size + node.waits.size;
  }
}
