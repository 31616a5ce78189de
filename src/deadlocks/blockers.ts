/** Who waits for whom: the edges of the wait-for graph, found as they are needed. */
import type { LockNode, Node, Wait } from "./graph-node.ts";

/**
 * Calls `visit` for everything that has to go away before `node` goes on, with the wait of a session that the way leads
 * through. Reaches from session to session just what direct conflicts reach, in time linear in leases and claims:
 *
 * - A queued claim waits for all holders, be it by way of the exclusive claims ahead of it.
 * - It also waits for claims ahead. Those whose session waits for this lock only lead to the same holders again and are
 *   passed over; the others are chained in the `elsewhere` line. The way goes from one to the one before and ends at the lock.
 * - An upgrade waits for the *other* holders, so its way does not go through the lock.
 */
export function eachBlocker(node: Node, visit: (to: Node, by: Wait | undefined) => void): void {
  switch (node.kind) {
    case "lock":
      for (const { session } of node.holders.values()) visit(session, undefined);
      return;
    case "wait":
      visit(node.session, undefined);
      visit(node.ahead ?? node.lock, undefined);
      return;
    case "session":
      for (const wait of node.waits) {
        if (!wait.upgrade) {
          visit(aheadOf(wait) ?? wait.lock, wait);
          continue;
        }
        for (const { session } of wait.lock.holders.values()) if (session !== node) visit(session, wait);
      }
  }
}

/** The other way round: calls `visit` for everything that `node` blocks, as `eachBlocker` of that would call it for `node`. */
export function eachBlocked(node: Node, visit: (from: Node, by: Wait | undefined) => void): void {
  switch (node.kind) {
    case "lock":
      eachBehind(node, undefined, visit);
      return;
    case "wait":
      eachBehind(node.lock, node, visit);
      return;
    case "session":
      for (const lock of node.holds.keys()) {
        // A lock is in order as long as somebody waits for it.
        if (lock.rank >= 0) visit(lock, undefined);
        for (const wait of lock.upgrades) if (wait.session !== node) visit(wait.session, wait);
      }
      if (node.waits.length > 1) for (const wait of node.waits) if (wait.rank >= 0) visit(wait, undefined);
  }
}

/** The nearest one in the `elsewhere` line that this queued claim waits for. */
function aheadOf(wait: Wait): Wait | undefined {
  const writer = writerFor(wait);
  if (writer === undefined) return undefined;
  if (writer !== wait) return wait.lock.elsewhere.before(writer.turn + 1);
  return wait.session.waits.length > 1 ? wait.ahead : wait.lock.elsewhere.before(wait.turn);
}

/**
 * Those whose way along the queue leads to this wait of the `elsewhere` line first, or to the lock if there is none: the next
 * one in the line, and the claims up to the first writer from there on, without those that no writer parts from this one.
 */
function eachBehind(
  { elsewhere, queue }: LockNode,
  wait: Wait | undefined,
  visit: (from: Node, by: Wait | undefined) => void,
): void {
  const next = wait === undefined ? elsewhere.from(0) : wait.behind;
  // A wait is in order once somebody stands behind it.
  if (next !== undefined && next.rank >= 0) visit(next, undefined);
  const writer = wait && writerFrom(wait);
  if (wait !== undefined && writer === undefined) return;
  const begin = wait === undefined || writer === undefined ? 0 : Math.max(wait.turn + 1, writer.turn);
  const end = next && writerFrom(next);
  queue.each((other) => visit(other.session, other), begin, end?.turn);
  if (end !== undefined && end === next) visit(end.session, end);
}

/**
 * The exclusive claim that makes a queued claim wait for the queue: itself, or for a shared one the last writer ahead. It
 * waits for that writer and all ahead of it, but not for readers between them.
 */
export function writerFor(wait: Wait): Wait | undefined {
  return wait.mode === "exclusive" ? wait : wait.lock.writers.before(wait.turn);
}

/** The first exclusive claim in the queue from this one on. */
function writerFrom(wait: Wait): Wait | undefined {
  return wait.mode === "exclusive" ? wait : wait.lock.writers.from(wait.turn);
}

/** Whether only the queue holds this claim up, not the mode of a holder: letting it in early breaks every cycle through it. */
export function isSoft(wait: Wait): boolean {
  if (wait.mode === "exclusive") return false;
  for (const { mode } of wait.lock.holders.values()) if (mode === "exclusive") return false;
  return true;
}
