/**
 * A topological order of the wait-for graph, kept up as it changes: whatever waits stands below what it waits for. A wait
 * that agrees with it closes no cycle, and one that does not concerns only what stands between its two ends (Alpern, Hoover,
 * Rosen, Sweeney and Zadeck, "Incremental evaluation of computational circuits", SODA 1990; Pearce and Kelly, "A dynamic
 * topological sort algorithm for directed acyclic graphs", JEA 2006). What ends leaves the order as right as it was.
 *
 * Invariant: every edge between two of the nodes that are in order leads upwards. Locks are in order as long as somebody waits
 * for them, and waits from when somebody stands behind them: they only lie between sessions. A session is in order once it is
 * *settled*. Others stay out of it:
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

  /**
   * A lock for which `waiter` is the first to wait. It and the holders that wait will be searched from, so that any place
   * below the holders in order is right. Without any, it is best where the waiter is likely to come to stand below.
   */
  addLock(lock: LockNode, waiter: SessionNode): void {
    let lowest: Node | undefined;
    for (const { session } of lock.holders.values()) {
      if (session.rank >= 0 && (lowest === undefined || session.rank < lowest.rank)) lowest = session;
    }
    if (lowest === undefined && !isWaitedFor(waiter)) this.#ranking.putLowest(lock);
    else this.#ranking.putBelow(lowest, [lock]);
  }

  /**
   * A wait in its lock's `elsewhere` line behind which somebody stands or is about to. All behind it waited, and stand below,
   * what is now ahead of it; its session will then be searched from. With nobody behind so far, it comes below its session, too.
   */
  addWait(wait: Wait): void {
    const { lock, session, turn } = wait;
    const ahead = lock.elsewhere.before(turn) ?? lock;
    const isLast = lock.queue.from(turn + 1) === undefined && session.rank >= 0 && session.rank < ahead.rank;
    this.#ranking.putBelow(isLast ? session : ahead, [wait]);
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

  /** Whether there is room between these bounds, and no loose session by which a way could lead down from one to the other. */
  isOpen(bounds: Bounds): boolean {
    return this.#loose.size === 0 && isOrdered(bounds);
  }

  /** Whether no way can lead from where a look ahead has come to to where a look back has come to. */
  isParted(ahead: Look, back: Look): boolean {
    if (ahead.next === undefined || back.next === undefined) return true;
    return this.#loose.size === 0 && ahead.next.rank > back.next.rank;
  }

  /** Puts a session, which is on no cycle, between bounds that have room for it. It stays where it is, if it can. */
  settle(session: SessionNode, { floor, ceiling }: Bounds): void {
    session.settled = true;
    const { rank } = session;
    if (rank > (floor?.rank ?? UNRANKED) && rank < (ceiling?.rank ?? Number.POSITIVE_INFINITY)) return;
    if (floor === undefined) this.#ranking.putBelow(ceiling, [session]);
    else this.#ranking.putAbove(floor, [session]);
  }

  /**
   * Makes room for a session that is on no cycle, as two looks that have parted show. Where they did, it is put, above it what
   * was passed ahead and stood below, and the other way round. What was passed ahead may move up, for what it waits for was
   * passed, too, or is still above.
   */
  makeRoom(session: SessionNode, bounds: Bounds, ahead: Look, back: Look): void {
    const { floor, ceiling } = bounds;
    if (floor === undefined || ceiling === undefined || isOrdered(bounds)) {
      this.settle(session, bounds);
      return;
    }
    session.settled = true;
    if (ahead.next === undefined) {
      this.#ranking.putAbove(floor, [session, ...ranked(ahead.passed, (rank) => rank < floor.rank)]);
      return;
    }
    // Past a loose session the look ahead might have come further down: then only what was passed back can move.
    const [above, passedAhead] = this.#loose.size === 0 ? [ahead.next, ahead.passed] : [ceiling, []];
    const passedBack = ranked(back.passed, (rank) => rank > above.rank);
    this.#ranking.putBelow(above, [...passedBack, session, ...ranked(passedAhead, (rank) => rank < above.rank)]);
  }

  boundsOf(session: SessionNode): Bounds {
    let floor: Node | undefined;
    let ceiling: Node | undefined;
    eachBlocked(session, (node) => {
      if (node.settled && (floor === undefined || node.rank > floor.rank)) floor = node;
    });
    eachBlocker(session, (node) => {
      if (node.settled && (ceiling === undefined || node.rank < ceiling.rank)) ceiling = node;
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
    if (node.settled) return node.rank >= from && node.rank <= to;
    return node.kind === "session" && this.#loose.has(node);
  }
}

function isOrdered({ floor, ceiling }: Bounds): boolean {
  return floor === undefined || ceiling === undefined || floor.rank < ceiling.rank;
}

/** Those in order with such a rank, the lowest first. */
function ranked(nodes: readonly Node[], isMeant: (rank: number) => boolean): Node[] {
  return nodes.filter((node) => node.settled && isMeant(node.rank)).sort((one, other) => one.rank - other.rank);
}

/** By holding a contended lock or by standing in a queue while it also waits elsewhere. */
export function isWaitedFor(session: SessionNode): boolean {
  return session.holds.size > 0 || session.waits.length > 1;
}
