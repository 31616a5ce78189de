import { type Cycle, cycleOf, type Leaving } from "./cycle.ts";
import type { Node, SessionNode } from "./graph-node.ts";
import { Look, type Meeting } from "./look.ts";
import { isWaitedFor, type WaitOrder } from "./wait-order.ts";

export type Searched =
  /** On no cycle: the session is in order. */
  | { readonly kind: "none"; readonly steps: number }
  | { readonly kind: "cycle"; readonly cycle: Cycle; readonly steps: number }
  /** The budget ran out first: nothing is known. */
  | { readonly kind: "overflow"; readonly steps: number };

/** Stamps mark what the newest search visited, so that nothing has to be cleared between two of them. */
let lastStamp = 0;

/**
 * Looks for a cycle through `root`, which is out of the order, in at most about `budget` steps (an edge each; those of one
 * node are taken at one go). If nobody waits for the root, or all that it waits for stands above all that waits for it, that
 * is known at once.
 *
 * Else it looks ahead from the lowest of those it waits for upwards, and back from the highest of those who wait for it
 * downwards, where less was done so far. Where the two meet is a cycle. When they have passed one another, or one is at
 * its end, there is none, and what was seen changes sides. So neither a long way ahead nor a crowd behind is dear alone.
 */
export function searchFrom(root: SessionNode, order: WaitOrder, budget: number): Searched {
  if (root.waits.length === 0 || !isWaitedFor(root)) return { kind: "none", steps: 1 };
  const bounds = order.boundsOf(root);
  if (order.isOpen(bounds)) {
    order.settle(root, bounds);
    return { kind: "none", steps: 1 };
  }
  const reach = order.reach(bounds);
  lastStamp += 2;
  const isWithin = (node: Node) => order.isWithin(node, reach);
  const [ahead, back] = [new Look("ahead", lastStamp, isWithin), new Look("back", lastStamp, isWithin)];
  ahead.lookFrom(root);
  let met = back.lookFrom(root);
  for (;;) {
    const steps = ahead.steps + back.steps;
    if (met !== undefined) return { kind: "cycle", cycle: cycleThrough(met, root), steps };
    if (order.isParted(ahead, back)) {
      order.makeRoom(root, bounds, ahead, back);
      return { kind: "none", steps };
    }
    if (steps >= budget) return { kind: "overflow", steps };
    met = ahead.due <= back.due ? ahead.goOn() : back.goOn();
  }
}

function cycleThrough({ node, by, to }: Meeting, root: SessionNode): Cycle {
  const round: Leaving[] = [{ node, by }];
  for (let at = node; at !== root; ) {
    const from = cameFrom(at);
    round.push({ node: from, by: at.by });
    at = from;
  }
  round.reverse();
  for (let at = to; at !== root; at = cameFrom(at)) round.push({ node: at, by: at.by });
  return cycleOf(round);
}

function cameFrom({ from }: Node): Node {
  if (from === undefined) throw new Error("a search lost its way");
  return from;
}
