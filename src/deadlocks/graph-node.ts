/**
 * What the wait-for graph consists of. Nodes are changed by the graph alone, their places by its order, their visits by the
 * search.
 */
import type { Session } from "../locks/lock-types.ts";
import { Chain, type Chained, Line } from "./line.ts";
import { type Ranked, UNRANKED } from "./ranking.ts";
import type { Holder, Version, Waiter } from "./snapshot.ts";

/**
 * Where a node stands among those that wait below it and those that it waits for above it, and where searches came by. A
 * search is as fast as memory gives it its nodes: what it looks at in each is part of the node itself, and stands first.
 */
abstract class Place implements Ranked<Node> {
  /** Of a session: whether all that it waits for and all that waits for it is in order with its rank. Of others: true. */
  settled: boolean;
  /** Of the newest search that visited it, and by which edge it came. */
  stamp = 0;
  rank = UNRANKED;
  from: Node | undefined = undefined;
  by: Wait | undefined = undefined;
  lower: Node | undefined = undefined;
  upper: Node | undefined = undefined;

  constructor(settled: boolean) {
    this.settled = settled;
  }
}

export class SessionNode extends Place implements Session {
  readonly kind = "session";
  /** Few: a search goes through all of them whenever it comes by. */
  readonly waits: Wait[] = [];
  readonly holds = new Map<LockNode, Hold>();
  readonly agent_id: string;
  readonly session_id: string;

  constructor({ agent_id, session_id }: Session) {
    super(false);
    this.agent_id = agent_id;
    this.session_id = session_id;
  }
}

/** One list for all locks without upgrades: searches look at it often. */
const NONE: readonly Wait[] = [];

/** As a node: all that hold this lock. */
export class LockNode extends Place {
  readonly kind = "lock";
  readonly holders = new Map<string, Hold>();
  readonly waits = new Map<string, Wait>();
  /** Waits of holders for the other holders: two of them are a deadlock, so there are few. */
  upgrades = NONE;
  /** The queued claims, and those of them for exclusive mode. */
  readonly queue = new Line<Wait>();
  readonly writers = new Line<Wait>();
  /** The queued claims of sessions that wait for other locks, too: the only waiters worth following the queue to. */
  readonly elsewhere = new Chain<Wait>();
  next_turn = 0;
  readonly name: string;
  version: Version | undefined = undefined;
  /** Time of the last report, whatever it was worth. */
  heard_at = Number.NEGATIVE_INFINITY;
  /** Reports are missing: only a snapshot helps. */
  wanting = false;
  asked_at = Number.NEGATIVE_INFINITY;

  constructor(name: string) {
    super(true);
    this.name = name;
  }
}

export interface Hold {
  readonly session: SessionNode;
  readonly lock: LockNode;
  readonly lease: string;
  readonly token: number;
  readonly mode: Holder["mode"];
  readonly since: number;
}

/** What a wait is from its beginning to its end. */
interface Waiting extends Pick<Waiter, "claim" | "mode" | "since" | "priority"> {
  readonly session: SessionNode;
  readonly lock: LockNode;
  /** A holder's wait for the other holders, ahead of the queue and in none of its lines. */
  readonly upgrade: boolean;
  /** Its place in the queue, relative to others. */
  readonly turn: number;
}

/** As a node: everybody in the `elsewhere` line up to and including this wait. */
export class Wait extends Place implements Waiting, Chained<Wait> {
  readonly kind = "wait";
  readonly session: SessionNode;
  readonly lock: LockNode;
  ahead: Wait | undefined = undefined;
  behind: Wait | undefined = undefined;
  readonly mode: Waiter["mode"];
  readonly upgrade: boolean;
  readonly turn: number;
  readonly claim: string;
  readonly since: number;
  readonly priority: number;

  constructor({ session, lock, mode, upgrade, turn, claim, since, priority }: Waiting) {
    super(true);
    this.session = session;
    this.lock = lock;
    this.mode = mode;
    this.upgrade = upgrade;
    this.turn = turn;
    this.claim = claim;
    this.since = since;
    this.priority = priority;
  }
}

export type Node = SessionNode | LockNode | Wait;

/** One text per (agent, session): the length keeps ("a", "b:c") and ("a:b", "c") apart. */
export function sessionKey({ agent_id, session_id }: Session): string {
  return `${agent_id.length}:${agent_id}:${session_id}`;
}
