/**
 * A topological order of the wait-for graph, kept up as it changes: whatever waits stands below what it waits for. A wait
 * that agrees with it closes no cycle, and one that does not concerns only what stands between its two ends (Alpern, Hoover,
 * Rosen, Sweeney and Zadeck, "Incremental evaluation of computational circuits", SODA 1990; Pearce and Kelly, "A dynamic
 * topological sort algorithm for directed acyclic graphs", JEA 2006). What ends leaves the order as right as it was.
 *
 * Invariant: every edge between two of the nodes that are in order leads upwards. Locks and waits always are in order, for they
 * only lie between sessions. A session is, once *settled*. Others stay out of it:
 * - who waits for nobody or is waited for by nobody can be on no cycle; searches pass by;
 * - so they do with a session that is to be searched from, until it is its turn: of the sessions on a cycle the last one finds it;
 * - *loose* sessions are on a cycle that was found, or their search was too long. Searches go through them, whatever the order
 *   says of those around them.
 */
import { eachBlocked, eachBlocker } from "./blockers.ts";
import type { LockNode, Node, SessionNode, Wait } from "./graph-node.ts";
import type { Look } from "./look.ts";
import { Ranking, UNRANKED } from "./ranking.ts";

/** With more loose sessions than this it costs more to see how far they reach than it saves. */
const LOOSE_MANY = 64;

/** Where a session may stand: above `floor`, the highest that waits for it, and below `ceiling`, the lowest it waits for. */
export interface Bounds {
  readonly floor: Node | undefined;
  readonly ceiling: Node | undefined;
}

/** Ranks between which all cycles through a session run, as far as they run through nodes in order. */
export interface Reach {
  readonly from: number;
  readonly to: number;
}

export class WaitOrder {
  readonly #ranking = new Ranking<Node>();
  readonly #loose = new Set<SessionNode>();

  /** All that stands in it, the lowest first, and some that are out of it for now. */
  get nodes(): Iterable<Node> {
    return this.#ranking;
  }

  /** A lock for which somebody begins to wait. All its waiters, and the holders that wait, will be searched from. */
  addLock(lock: LockNode): void {
    let lowest: Node | undefined;
    let isLow = false;
    for (const { session } of lock.holders.values()) {
      if (session.rank >= 0 && (lowest === undefined || session.rank < lowest.rank)) lowest = session;
      else if (session.waits.size > 0) isLow = true;
    }
    if (lowest === undefined && isLow) this.#ranking.putLowest(lock);
    else this.#ranking.putBelow(lowest, [lock]);
  }

  /** A wait that enters its lock's `elsewhere` line: all behind it waited, and stand below, what is now ahead of it. */
  addWait(wait: Wait): void {
    this.#ranking.putBelow(wait.lock.elsewhere.before(wait.turn) ?? wait.lock, [wait]);
  }

  /** What is no longer in the graph, or waits for nothing. */
  remove(node: Node): void {
    this.#ranking.remove(node);
    if (node.kind === "session") this.unsettle(node);
  }

  /** A session that is to be searched from. */
  unsettle(session: SessionNode): void {
    session.settled = false;
    this.#loose.delete(session);
  }

  /** A session that cannot be settled. */
  loosen(session: SessionNode): void {
    session.settled = false;
    this.#loose.add(session);
  }

  /** Whether no way can lead from where a look ahead has come to to where a look back has come to. */
  isParted(ahead: Look, back: Look): boolean {
    if (ahead.next === undefined || back.next === undefined) return true;
    return this.#loose.size === 0 && ahead.next.rank > back.next.rank;
  }

  /**
   * Puts a session between those that wait for it and those it waits for. The looks have parted; of what they passed, that
   * which is on the wrong side moves to the place where they did, and the session between. Moving what was passed ahead up
   * puts nothing wrong: what it waits for was passed, too, or is still above. The same holds the other way.
   */
  settle(session: SessionNode, { floor, ceiling }: Bounds, ahead: Look, back: Look): void {
    session.settled = true;
    if (floor === undefined || ceiling === undefined || floor.rank < ceiling.rank) {
      this.#putBetween(session, floor, ceiling);
    } else if (ahead.next === undefined) {
      this.#ranking.putAbove(floor, [session, ...ranked(ahead.passed, ({ rank }) => rank < floor.rank)]);
    } else {
      // Past a loose session a look ahead may have more to pass further down.
      const [above, moved] = this.#loose.size === 0 ? [ahead.next, ahead.passed] : [ceiling, []];
      const passedBack = ranked(back.passed, ({ rank }) => rank > above.rank);
      this.#ranking.putBelow(above, [...passedBack, session, ...ranked(moved)]);
    }
  }

  boundsOf(session: SessionNode): Bounds {
    let floor: Node | undefined;
    let ceiling: Node | undefined;
    eachBlocked(session, (node) => {
      if (isIn(node) && (floor === undefined || node.rank > floor.rank)) floor = node;
    });
    eachBlocker(session, (node) => {
      if (isIn(node) && (ceiling === undefined || node.rank < ceiling.rank)) ceiling = node;
    });
    return { floor, ceiling };
  }

  /**
   * A cycle runs upwards from what the session waits for to what waits for it, but for loose sessions, which lead from
   * anything that waits for them down to anything that they wait for.
   */
  reach({ floor, ceiling }: Bounds): Reach {
    let [from, to] = [ceiling?.rank ?? Number.POSITIVE_INFINITY, floor?.rank ?? -1];
    if (this.#loose.size > LOOSE_MANY) return { from: 0, to: Number.POSITIVE_INFINITY };
    for (const loose of this.#loose) {
      const bounds = this.boundsOf(loose);
      from = Math.min(from, bounds.ceiling?.rank ?? from);
      to = Math.max(to, bounds.floor?.rank ?? to);
    }
    return { from, to };
  }

  /** Whether a cycle with that reach can run through this node. */
  isWithin(node: Node, { from, to }: Reach): boolean {
    if (isIn(node)) return node.rank >= from && node.rank <= to;
    return node.kind === "session" && this.#loose.has(node);
  }

  /** Where it is, if that is between. */
  #putBetween(session: SessionNode, floor: Node | undefined, ceiling: Node | undefined): void {
    const { rank } = session;
    if (rank > (floor?.rank ?? UNRANKED) && rank < (ceiling?.rank ?? Number.POSITIVE_INFINITY)) return;
    if (ceiling === undefined && floor !== undefined) this.#ranking.putAbove(floor, [session]);
    else this.#ranking.putBelow(ceiling, [session]);
  }
}

/** Those in order that `are`, the lowest first. */
function ranked(nodes: readonly Node[], are: (node: Node) => boolean = () => true): Node[] {
  return nodes.filter((node) => isIn(node) && are(node)).sort((one, other) => one.rank - other.rank);
}

function isIn(node: Node): boolean {
  return node.kind === "session" ? node.settled : node.rank >= 0;
}
