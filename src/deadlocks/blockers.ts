/** Who waits for whom: the edges of the wait-for graph, found as they are needed. */
import type { Node, SessionNode, Wait } from "./graph-node.ts";

/**
 * Calls `visit` for everything that has to go away before `node` goes on, with the wait of a session that the way leads
 * through. Reaches from session to session just what direct conflicts reach, in time linear in leases and claims:
 *
 * - A queued claim waits for all holders, be it by way of the exclusive claims ahead of it.
 * - It also waits for claims ahead. Those whose session waits for this lock only lead to the same holders again and are
 *   passed over; the others are chained in the `elsewhere` line.
 * - An upgrade waits for the *other* holders, so its way does not go through the lock.
 */
export function eachBlocker(node: Node, visit: (to: Node, by: Wait | undefined) => void): void {
  switch (node.kind) {
    case "lock":
      for (const { session } of node.holders.values()) visit(session, undefined);
      return;
    case "wait": {
      visit(node.session, undefined);
      const ahead = node.lock.elsewhere.before(node.turn);
      if (ahead !== undefined) visit(ahead, undefined);
      return;
    }
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

/**
 * The other way round, and from session to session: calls `visit` for every wait that `session` keeps waiting, as a holder
 * or, if it also waits elsewhere, from ahead in a queue; its own may be among them. As soon as `visit` answers false, so
 * does this.
 */
export function everyHeldUp(session: SessionNode, visit: (wait: Wait) => boolean): boolean {
  for (const lock of session.holds.keys()) {
    for (const wait of lock.waits.values()) if (!visit(wait)) return false;
  }
  if (session.waits.size < 2) return true;
  for (const { upgrade, lock, turn } of session.waits.values()) {
    const writer = upgrade ? undefined : lock.writers.from(turn);
    if (writer !== undefined && !lock.queue.everyFrom(writer.turn, visit)) return false;
  }
  return true;
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
