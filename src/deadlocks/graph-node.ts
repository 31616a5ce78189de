/**
 * What the wait-for graph consists of. Nodes are changed by the graph alone, their places by its order, their visits by the
 * search.
 */
import type { Session } from "../locks/lock-types.ts";
import type { Line } from "./line.ts";
import { type Ranked, UNRANKED } from "./ranking.ts";
import type { Holder, Version, Waiter } from "./snapshot.ts";

/** Where a search has been: of the newest search that visited a node, and by which edge it came. */
interface Visit {
  stamp: number;
  from: Node | undefined;
  by: Wait | undefined;
}

/** Where a node stands among those that wait below it and those that it waits for above it, and where searches came by. */
type Place = Ranked<Node> & Visit;

export function noPlace(): Place {
  return { rank: UNRANKED, lower: undefined, upper: undefined, stamp: 0, from: undefined, by: undefined };
}

export interface SessionNode extends Session, Place {
  readonly kind: "session";
  /** Whether all that it waits for and all that waits for it is in order with its rank. */
  settled: boolean;
  readonly holds: Map<LockNode, Hold>;
  readonly waits: Map<LockNode, Wait>;
}

/** As a node: all that hold this lock. */
export interface LockNode extends Place {
  readonly kind: "lock";
  readonly name: string;
  version: Version | undefined;
  /** Time of the last report, whatever it was worth. */
  heard_at: number;
  /** Reports are missing: only a snapshot helps. */
  wanting: boolean;
  asked_at: number;
  readonly holders: Map<string, Hold>;
  readonly waits: Map<string, Wait>;
  /** Waits of holders for the other holders: two of them are a deadlock, so there are few. */
  upgrades: readonly Wait[];
  /** The queued claims, and those of them for exclusive mode. */
  readonly queue: Line<Wait>;
  readonly writers: Line<Wait>;
  /** The queued claims of sessions that wait for other locks, too: the only waiters worth following the queue to. */
  readonly elsewhere: Line<Wait>;
  next_turn: number;
}

export interface Hold {
  readonly session: SessionNode;
  readonly lock: LockNode;
  readonly lease: string;
  readonly token: number;
  readonly mode: Holder["mode"];
  readonly since: number;
}

/** As a node: everybody in the `elsewhere` line up to and including this wait. */
export interface Wait extends Place {
  readonly kind: "wait";
  readonly session: SessionNode;
  readonly lock: LockNode;
  readonly claim: string;
  readonly mode: Waiter["mode"];
  readonly since: number;
  readonly priority: number;
  /** A holder's wait for the other holders, ahead of the queue and in none of its lines. */
  readonly upgrade: boolean;
  /** Its place in the queue, relative to others. */
  readonly turn: number;
}

export type Node = SessionNode | LockNode | Wait;

/** One text per (agent, session): the length keeps ("a", "b:c") and ("a:b", "c") apart. */
export function sessionKey({ agent_id, session_id }: Session): string {
  return `${agent_id.length}:${agent_id}:${session_id}`;
}
