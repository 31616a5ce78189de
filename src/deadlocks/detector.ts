/**
 * Finds cycles as they close (04-locks-and-deadlocks, "Detection"). Every cycle in the graph goes through a session that is
 * searched from, parked here, or kept by whoever deals with a cycle found before: none is ever lost.
 */
import type { Cycle } from "./cycle.ts";
import type { SessionNode } from "./graph-node.ts";
import { Scan } from "./scan.ts";
import { type Searched, searchFrom } from "./search.ts";
import type { WaitOrder } from "./wait-order.ts";

/** A few milliseconds. A report whose searches take more is finished from the timer. */
export const STEP_BUDGET = 20_000;
/** About as long: reports have to pass in between. */
const SLICE_STEPS = 10_000;

export interface Found {
  readonly cycle: Cycle;
  /** Where to search again when this cycle is dealt with: it may hide others. */
  readonly again: readonly SessionNode[];
}

export class Detector {
  readonly #order: WaitOrder;
  readonly #budget: number;
  /** Those for whom others left too little of the budget: to be searched from alone. */
  readonly #parked = new Set<SessionNode>();
  /** Those for whom all of it did not suffice: to be scanned from, together. */
  readonly #far = new Set<SessionNode>();
  #scan: Scan | undefined;
  #scanned: ReadonlySet<SessionNode> = new Set();
  #steps = 0;

  constructor(order: WaitOrder, budget = STEP_BUDGET) {
    this.#order = order;
    this.#budget = budget;
  }

  /** All steps ever taken. */
  get steps(): number {
    return this.#steps;
  }

  /** Whether `slice` has work to do. */
  get isBusy(): boolean {
    return this.#scan !== undefined || this.#parked.size > 0 || this.#far.size > 0;
  }

  /** Searches from these sessions, at most one cycle each; those for which the budget does not suffice are parked. */
  find(roots: ReadonlySet<SessionNode> | readonly SessionNode[]): Found[] {
    const found: Found[] = [];
    for (const root of roots) this.#order.unsettle(root);
    let left = this.#budget;
    for (const root of roots) {
      const searched = this.#search(root, left);
      if (searched.kind === "overflow") (left < this.#budget ? this.#parked : this.#far).add(root);
      left = Math.max(0, left - searched.steps);
      if (searched.kind === "cycle") found.push({ cycle: searched.cycle, again: [root] });
    }
    return found;
  }

  /** Does a bounded part of the work that was parked. */
  slice(steps = SLICE_STEPS): Found[] {
    if (this.#scan !== undefined) return this.#goOn(this.#scan, steps);
    const [root] = this.#parked;
    if (root !== undefined) return this.#retry(root);
    if (this.#far.size === 0) return [];
    this.#scanned = new Set(this.#far);
    this.#far.clear();
    this.#scan = new Scan(this.#scanned);
    return this.#goOn(this.#scan, steps);
  }

  #retry(root: SessionNode): Found[] {
    this.#parked.delete(root);
    const searched = this.#search(root, this.#budget);
    if (searched.kind === "overflow") this.#far.add(root);
    return searched.kind === "cycle" ? [{ cycle: searched.cycle, again: [root] }] : [];
  }

  #goOn(scan: Scan, steps: number): Found[] {
    const knots = scan.run(steps);
    this.#steps += steps;
    if (scan.isDone) this.#scan = undefined;
    return knots.map(({ cycle, sessions }) => {
      const roots = [...this.#scanned].filter((root) => sessions.has(root));
      return { cycle, again: roots.length > 0 ? roots : [...sessions].slice(0, 1) };
    });
  }

  #search(root: SessionNode, budget: number): Searched {
    this.#order.unsettle(root);
    const searched = searchFrom(root, this.#order, budget);
    this.#steps += searched.steps;
    if (searched.kind !== "none") this.#order.loosen(root);
    return searched;
  }
}
