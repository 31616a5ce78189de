/** Who waits for whom: the edges of the wait-for graph, found as they are needed. */
import type { Node, Wait } from "./graph-node.ts";

/**
 * Calls `visit` for everything that has to go away before `node` goes on, with the wait of a session that the way leads
 * through. Reaches from session to session just what direct conflicts reach, in time linear in leases and claims:
 *
 * - A queued claim waits for all holders, be it by way of the exclusive claims ahead of it.
 * - It also waits for claims ahead. Those whose session waits for this lock only lead to the same holders again and are
 *   passed over; the others are chained in the `elsewhere` line, which ends at the lock, as the way of each of them does.
 * - An upgrade waits for the *other* holders, so its way does not go through the lock.
 */
export function eachBlocker(node: Node, visit: (to: Node, by: Wait | undefined) => void): void {
  switch (node.kind) {
    case "lock":
      for (const { session } of node.holders.values()) visit(session, undefined);
      return;
    case "wait":
      visit(node.session, undefined);
      visit(node.lock.elsewhere.before(node.turn) ?? node.lock, undefined);
      return;
    case "session":
      for (const wait of node.waits.values()) {
        if (wait.upgrade) {
          for (const { session } of wait.lock.holders.values()) if (session !== node) visit(session, wait);
          continue;
        }
        visit(wait.lock, wait);
        const barrier = writerFor(wait);
        const ahead = barrier && wait.lock.elsewhere.before(barrier === wait ? wait.turn : barrier.turn + 1);
        if (ahead !== undefined) visit(ahead, wait);
      }
  }
}

/** The other way round: calls `visit` for everything that `node` blocks, as `eachBlocker` of that would call it for `node`. */
export function eachBlocked(node: Node, visit: (from: Node, by: Wait | undefined) => void): void {
  switch (node.kind) {
    case "lock": {
      const first = node.elsewhere.from(0);
      if (first !== undefined) visit(first, undefined);
      node.queue.each((wait) => visit(wait.session, wait));
      return;
    }
    case "wait":
      eachBehind(node, visit);
      return;
    case "session":
      for (const lock of node.holds.keys()) {
        if (lock.waits.size > 0) visit(lock, undefined);
        for (const wait of lock.upgrades) if (wait.session !== node) visit(wait.session, wait);
      }
      if (node.waits.size > 1) for (const wait of node.waits.values()) if (!wait.upgrade) visit(wait, undefined);
  }
}

/** Those whose way along the queue leads to this wait first: up to the first writer from the next one in the line on. */
function eachBehind(wait: Wait, visit: (from: Node, by: Wait | undefined) => void): void {
  const { elsewhere, queue, writers } = wait.lock;
  const next = elsewhere.after(wait.turn);
  if (next !== undefined) visit(next, undefined);
  const first = writers.from(wait.turn);
  if (first === undefined) return;
  const end = next && writers.from(next.turn);
  const visitOther = (other: Wait) => {
    if (other !== wait) visit(other.session, other);
  };
  queue.each(visitOther, first.turn, end?.turn);
  if (end !== undefined && end === next) visit(end.session, end);
}

/**
 * The exclusive claim that makes a queued claim wait for the queue: itself, or for a shared one the last writer ahead. It
 * waits for that writer and all ahead of it, but not for readers between them.
 */
export function writerFor(wait: Wait): Wait | undefined {
  return wait.mode === "exclusive" ? wait : wait.lock.writers.before(wait.turn);
}

/** Whether only the queue holds this claim up, not the mode of a holder: letting it in early breaks every cycle through it. */
export function isSoft(wait: Wait): boolean {
  if (wait.mode === "exclusive") return false;
  for (const { mode } of wait.lock.holders.values()) if (mode === "exclusive") return false;
  return true;
}
