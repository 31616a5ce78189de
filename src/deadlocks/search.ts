import { eachBlocker } from "./blockers.ts";
import type { Cycle, Hop } from "./cycle.ts";
import type { Node, SessionNode } from "./graph-node.ts";

export type Searched =
  | { readonly kind: "none"; readonly steps: number }
  | { readonly kind: "cycle"; readonly cycle: Cycle; readonly steps: number }
  /** The budget ran out first: nothing is known. */
  | { readonly kind: "overflow"; readonly steps: number };

/** Stamps mark what the newest search visited, so that nothing has to be cleared between two of them. */
let lastStamp = 0;

/** How far to look at first, ahead and back, and by how much further each time. */
const FIRST_LOOK = 64;
const FURTHER = 4;

/**
 * Looks for a cycle through `root`, in at most about `budget` steps (an edge each; a lock's holders are taken at one go). If
 * nobody waits for the root, that is known at once.
 *
 * It looks ahead, depth-first, and back at those who wait for the root, in turns and further each time: no cycle is there as
 * soon as one of the two comes to its end. So neither a long way ahead nor a crowd behind is dear alone.
 */
export function searchFrom(root: SessionNode, budget: number): Searched {
  if (!isWaitedFor(root)) return { kind: "none", steps: 1 };
  let steps = 0;
  for (let reach = FIRST_LOOK; ; reach *= FURTHER) {
    const limit = Math.min(reach, budget - steps);
    const ahead = lookAhead(root, limit);
    steps += ahead.steps;
    if (ahead.kind !== "overflow" || steps >= budget) return { ...ahead, steps };
    const behind = lookBack(root, limit);
    steps += behind.steps;
    if (behind.isEnd) return { kind: "none", steps };
  }
}

function lookAhead(root: SessionNode, budget: number): Searched {
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

/**
 * Follows back those who wait for the root, directly or not. `isEnd`: these were all, and the root is not among them. Where
 * the order of a queue matters it takes in everybody there, which errs only towards searching.
 */
function lookBack(root: SessionNode, budget: number): { readonly isEnd: boolean; readonly steps: number } {
  const behind = new Set([root]);
  let steps = 0;
  for (const session of behind) {
    const queued = session.waits.size > 1 ? session.waits.keys() : [];
    for (const lock of [...session.holds.keys(), ...queued]) {
      if (steps + lock.waits.size > budget) return { isEnd: false, steps };
      steps += lock.waits.size;
      for (const wait of lock.waits.values()) {
        if (wait.session === root && session !== root) return { isEnd: false, steps };
        behind.add(wait.session);
      }
    }
  }
  return { isEnd: true, steps };
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
