import { eachBlocked, eachBlocker } from "./blockers.ts";
import type { Leaving } from "./cycle.ts";
import { Frontier } from "./frontier.ts";
import type { Node, Wait } from "./graph-node.ts";

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
  /** About how many there will be after the next node. */
  due = 0;
  readonly #open = new Frontier<Node>();
  readonly #isAhead: boolean;
  readonly #stamp: number;
  readonly #otherStamp: number;
  readonly #isWithin: (node: Node) => boolean;
  #at: Node | undefined;
  #met: Meeting | undefined;

  /** The two ways take `stamp` and the number before it, which no other search may use. */
  constructor(way: "ahead" | "back", stamp: number, isWithin: (node: Node) => boolean) {
    this.#isAhead = way === "ahead";
    this.#stamp = this.#isAhead ? stamp : stamp - 1;
    this.#otherStamp = this.#isAhead ? stamp - 1 : stamp;
    this.#isWithin = isWithin;
  }

  /** From where to go on; undefined: all was seen. */
  get next(): Node | undefined {
    return this.#open.next;
  }

  /** Goes on from `next`. Returns an edge by which it met the other way. */
  goOn(): Meeting | undefined {
    const node = this.#open.take();
    if (node === undefined) return undefined;
    this.passed.push(node);
    return this.lookFrom(node);
  }

  lookFrom(node: Node): Meeting | undefined {
    this.#at = node;
    if (this.#isAhead) eachBlocker(node, this.#see);
    else eachBlocked(node, this.#see);
    const { next } = this;
    const count = next === undefined ? 0 : this.#isAhead ? countOfBlockers(next) : countOfBlocked(next);
    this.due = this.steps + count;
    return this.#met;
  }

  readonly #see = (to: Node, by: Wait | undefined): void => {
    this.steps += 1;
    const { stamp } = to;
    if (stamp === this.#stamp) return;
    const at = this.#at;
    if (stamp === this.#otherStamp && at !== undefined) {
      this.#met = this.#isAhead ? { node: at, by, to } : { node: to, by, to: at };
    } else if (this.#isWithin(to)) {
      to.stamp = this.#stamp;
      to.from = at;
      to.by = by;
      this.#open.add(to, this.#distanceOf(to));
    }
  };

  #distanceOf(node: Node): number {
    if (!node.settled) return Number.NEGATIVE_INFINITY;
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
      return 2 * node.waits.length;
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
      return node.holds.size + node.waits.length;
  }
}
