/**
 * Finds cycles as they close (04-locks-and-deadlocks, "Detection"). Every cycle in the graph goes through a session that is
 * searched from, parked here, or kept by whoever deals with a cycle found before: none is ever lost.
 */
import type { Cycle } from "./cycle.ts";
import type { SessionNode } from "./graph-node.ts";
import { Scan } from "./scan.ts";
import { searchFrom } from "./search.ts";
import type { WaitOrder } from "./wait-order.ts";

/** About a millisecond. A report whose searches take more is finished from the timer. */
export const STEP_BUDGET = 20_000;
/** A few milliseconds: reports have to pass in between. */
export const SLICE_STEPS = 10_000;

export interface Found {
  readonly cycle: Cycle;
  /** Where to search again when this cycle is dealt with: it may hide others. */
  readonly again: readonly SessionNode[];
}

export class Detector {
  readonly #parked = new Set<SessionNode>();
  readonly #budget: number;
  #scan: Scan | undefined;
  #scanned: ReadonlySet<SessionNode> = new Set();
  #steps = 0;
  readonly #order: WaitOrder;

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
    return this.#scan !== undefined || this.#parked.size > 0;
  }

  /** Searches from these sessions, at most one cycle each; those for which the budget does not suffice are parked. */
  find(roots: Iterable<SessionNode>): Found[] {
    const found: Found[] = [];
    let left = this.#budget;
    const all = [...roots];
    for (const root of all) this.#order.unsettle(root);
    for (const root of all) {
      const searched = searchFrom(root, this.#order, left);
      left = Math.max(0, left - searched.steps);
      this.#steps += searched.steps;
      if (searched.kind !== "none") this.#order.loosen(root);
      if (searched.kind === "overflow") this.#parked.add(root);
      if (searched.kind === "cycle") found.push({ cycle: searched.cycle, again: [root] });
    }
    return found;
  }

  /** Does a bounded part of the work that was parked. */
  slice(steps = SLICE_STEPS): Found[] {
    if (!this.isBusy) return [];
    if (this.#scan === undefined) {
      this.#scanned = new Set(this.#parked);
      this.#parked.clear();
      this.#scan = new Scan(this.#scanned);
    }
    const knots = this.#scan.run(steps);
    this.#steps += steps;
    const found = knots.map(({ cycle, sessions }) => {
      const roots = [...this.#scanned].filter((root) => sessions.has(root));
      return { cycle, again: roots.length > 0 ? roots : [...sessions].slice(0, 1) };
    });
    if (this.#scan.isDone) this.#scan = undefined;
    return found;
  }
}
