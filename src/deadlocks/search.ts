import { eachBlocker, everyHeldUp } from "./blockers.ts";
import type { Cycle, Hop } from "./cycle.ts";
import type { Node, SessionNode } from "./graph-node.ts";

export type Searched =
  | { readonly kind: "none"; readonly steps: number }
  | { readonly kind: "cycle"; readonly cycle: Cycle; readonly steps: number }
  /** The budget ran out first: nothing is known. */
  | { readonly kind: "overflow"; readonly steps: number };

/** Stamps mark what the newest search visited, so that nothing has to be cleared between two of them. */
let lastStamp = 0;

/** How far to look at first, either way, and by how much further each time. */
const FIRST_LOOK = 16;
const FURTHER = 4;

/**
 * Looks for a cycle through `root`, in at most about `budget` steps (an edge each; a lock's holders are taken at one go). If
 * nobody waits for the root, that is known at once.
 *
 * It looks back at those who wait for the root and ahead, depth-first, at those it waits for, in turns and further each time.
 * Whichever comes to its end or to the root decides, so the smaller side counts: neither a long way ahead nor a crowd
 * behind is dear alone.
 */
export function searchFrom(root: SessionNode, budget: number): Searched {
  if (!isWaitedFor(root)) return { kind: "none", steps: 1 };
  let steps = 0;
  for (let reach = FIRST_LOOK; ; reach *= FURTHER) {
    for (const look of [lookBack, lookAhead]) {
      const looked = look(root, Math.min(reach, budget - steps));
      steps += looked.steps;
      if (looked.kind !== "overflow" || steps >= budget) return { ...looked, steps };
    }
  }
}

/** Depth-first through whatever the root waits for, directly or not. Decides alone, if `budget` steps suffice. */
export function lookAhead(root: SessionNode, budget: number): Searched {
  lastStamp += 1;
  const stamp = lastStamp;
  root.from = undefined;
  const open: Node[] = [root];
  let steps = 0;
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (steps >= budget) return { kind: "overflow", steps };
    const from = node;
    let closed = false;
    eachBlocker(from, (to, by) => {
      steps += 1;
      if (to === root && !closed) {
        closed = true;
        root.from = from;
        root.by = by;
      } else if (to.stamp !== stamp && to !== root) {
        to.stamp = stamp;
        to.from = from;
        to.by = by;
        open.push(to);
      }
    });
    if (closed) return { kind: "cycle", cycle: wayBackFrom(root), steps };
  }
  return { kind: "none", steps };
}

/** Breadth-first through all who wait for the root, directly or not. Decides alone, if `budget` steps suffice. */
export function lookBack(root: SessionNode, budget: number): Searched {
  lastStamp += 1;
  const stamp = lastStamp;
  const behind = [root];
  let steps = 0;
  let closing: Hop | undefined;
  for (const next of behind) {
    const isWithinBudget = everyHeldUp(next, (wait) => {
      const { session } = wait;
      if (session === next) return true;
      if (session === root) closing = { wait, next };
      if (session === root || steps >= budget) return false;
      steps += 1;
      if (session.stamp === stamp) return true;
      session.stamp = stamp;
      session.from = next;
      session.by = wait;
      behind.push(session);
      return true;
    });
    if (closing !== undefined) return { kind: "cycle", cycle: wayOnFrom(closing, root), steps };
    if (!isWithinBudget) return { kind: "overflow", steps };
  }
  return { kind: "none", steps };
}

/** A session is waited for by holding a contended lock or by standing in a queue while it also waits elsewhere. */
function isWaitedFor(session: SessionNode): boolean {
  return session.holds.size > 0 || session.waits.size > 1;
}

function wayBackFrom(root: SessionNode): Cycle {
  const hops: Hop[] = [];
  let next = root;
  let node: Node = root;
  do {
    const from: Node | undefined = node.from;
    const by = node.by;
    if (from === undefined) throw new Error("a search lost its way back");
    if (from.kind === "session") {
      if (by === undefined) throw new Error("a session waits only by its waits");
      hops.push({ wait: by, next });
      next = from;
    }
    node = from;
  } while (node !== root);
  return hops.reverse();
}

function wayOnFrom(closing: Hop, root: SessionNode): Cycle {
  const hops = [closing];
  for (let { next } = closing; next !== root; next = hops.at(-1)?.next ?? root) {
    const { from, by } = next;
    if (from?.kind !== "session" || by === undefined) throw new Error("a search lost its way on");
    hops.push({ wait: by, next: from });
  }
  return hops;
}
