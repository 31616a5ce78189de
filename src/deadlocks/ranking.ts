/**
 * Nodes in a line, each with a number by which two of them are compared at once, however the line changes (order
 * maintenance: Bender, Cole, Demaine, Farach-Colton and Zito, "Two simplified algorithms for maintaining order in a list",
 * ESA 2002). Where no number is left between two neighbours, the smallest range around them that is not too dense is
 * numbered anew: O(log n) per node, amortized.
 *
 * The line runs through the nodes themselves; only their ranking changes these fields.
 */
export interface Ranked<T> {
  /** Greater the higher it stands; below 0: nowhere. */
  rank: number;
  lower: T | undefined;
  upper: T | undefined;
}

/** The rank of a node that stands nowhere. */
export const UNRANKED = -1;

/**
 * Ranks are whole numbers below this. So small ones stand in the node itself, on every engine's account of small; greater
 * ones would each be fetched from elsewhere in memory, whenever two nodes are compared.
 */
const RANKS = 2 ** 30;
/** Between nodes at an end of the line, as long as there is so much left. */
const STRIDE = 2 ** 11;
/**
 * A range of 2^i numbers is too dense with more than (2 / this)^i nodes: the greater, the rarer but larger the repairs, and the
 * fewer nodes fit in all: 1.3 million, ten times what an actor's memory holds.
 */
const SPARSITY = 1.25;

export class Ranking<T extends Ranked<T>> {
  #lowest: T | undefined;
  #highest: T | undefined;

  /** All nodes, the lowest first. */
  *[Symbol.iterator](): Iterator<T> {
    for (let node = this.#lowest; node !== undefined; node = node.upper) yield node;
  }

  /** Puts these nodes, the lowest first, directly below `above`, or on top of all. They may stand elsewhere, `above` not among them. */
  putBelow(above: T | undefined, nodes: readonly T[]): void {
    for (const node of nodes) this.remove(node);
    this.#insert(nodes, above === undefined ? this.#highest : above.lower, above);
  }

  /** Puts these nodes, the lowest first, directly above `below`. They may stand elsewhere, `below` not among them. */
  putAbove(below: T, nodes: readonly T[]): void {
    for (const node of nodes) this.remove(node);
    this.#insert(nodes, below, below.upper);
  }

  /** Puts a node below all others. */
  putLowest(node: T): void {
    this.remove(node);
    this.#insert([node], undefined, this.#lowest);
  }

  /** Takes a node out, if it is in. */
  remove(node: T): void {
    if (node.rank < 0) return;
    if (node.lower === undefined) this.#lowest = node.upper;
    else node.lower.upper = node.upper;
    if (node.upper === undefined) this.#highest = node.lower;
    else node.upper.lower = node.lower;
    node.rank = UNRANKED;
    node.lower = undefined;
    node.upper = undefined;
  }

  #insert(nodes: readonly T[], below: T | undefined, above: T | undefined): void {
    let last = below;
    for (const node of nodes) {
      node.lower = last;
      if (last === undefined) this.#lowest = node;
      else last.upper = node;
      last = node;
    }
    if (last === undefined) return;
    last.upper = above;
    if (above === undefined) this.#highest = last;
    else above.lower = last;
    const [first] = nodes;
    if (first !== undefined) number(first, last, nodes.length);
  }
}

/** Gives ranks to the `count` new nodes from `first` to `last`. */
function number<T extends Ranked<T>>(first: T, last: T, count: number): void {
  const room = (count + 1) * STRIDE;
  const [below, above] = [first.lower?.rank, last.upper?.rank];
  const from = below ?? (above === undefined ? RANKS / 2 : Math.max(-1, above - room));
  const to = above ?? Math.min(RANKS, from + room);
  const gap = (to - from) / (count + 1);
  if (gap >= 1) spread(first, last, from, gap);
  else makeRoom(first, last, count, below ?? to);
}

/** Numbers them evenly: after `from`, `gap` (at least 1) apart. */
function spread<T extends Ranked<T>>(first: T, last: T, from: number, gap: number): void {
  let at = 1;
  for (let node: T | undefined = first; node !== undefined; node = node === last ? undefined : node.upper) {
    node.rank = Math.floor(from + gap * at);
    at += 1;
  }
}

/** Numbers the new nodes together with as many of those around them as it takes; `near`: the rank of a neighbour. */
function makeRoom<T extends Ranked<T>>(first: T, last: T, count: number, near: number): void {
  let [lowest, highest, nodes, allowed, size] = [first, last, count, 1, 1];
  let from = near;
  while (nodes > allowed || nodes >= size) {
    if (size === RANKS) throw new RangeError(`no order of ${nodes} nodes fits into ${RANKS} numbers`);
    size *= 2;
    allowed *= 2 / SPARSITY;
    from = near - (near % size);
    for (; lowest.lower !== undefined && lowest.lower.rank >= from; nodes += 1) lowest = lowest.lower;
    for (; highest.upper !== undefined && highest.upper.rank < from + size; nodes += 1) highest = highest.upper;
  }
  spread(lowest, highest, from - 1, size / (nodes + 1));
}
