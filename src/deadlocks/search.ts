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

/** How far to look back first: a fraction of the budget that spares most waits a walk through all that lies ahead. */
const LOOK_BACK_STEPS = 200;

/**
 * Looks for a cycle through `root`, depth-first, in at most about `budget` steps (an edge each; a lock's holders are taken
 * at one go). If nobody waits for the root, that is known at once; if few do, soon.
 */
export function searchFrom(root: SessionNode, budget: number): Searched {
  if (!isWaitedFor(root)) return { kind: "none", steps: 1 };
  const back = stepsToEndBehind(root);
  if (back !== undefined) return { kind: "none", steps: back };
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
 * Follows back those who wait for the root, directly or not. The steps it took if there are only a few and the root is not
 * among them: then it is on no cycle. Where the order of a queue matters it takes in everybody there, which errs only
 * towards searching.
 */
function stepsToEndBehind(root: SessionNode): number | undefined {
  const behind = new Set([root]);
  let steps = 0;
  for (const session of behind) {
    const queued = session.waits.size > 1 ? [...session.waits.keys()] : [];
    for (const lock of [...session.holds.keys(), ...queued]) {
      steps += lock.waits.size;
      if (steps > LOOK_BACK_STEPS) return undefined;
      for (const wait of lock.waits.values()) {
        if (wait.session === session) continue;
        if (wait.session === root) return undefined;
        behind.add(wait.session);
      }
    }
  }
  return steps + 1;
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
