import { LockKind } from "../locks/contract.ts";
import type { Session } from "../locks/lock-types.ts";
import type { GraphView } from "./contract.ts";
import type { WaitForGraph } from "./wait-for-graph.ts";

/**
 * JSON of the edges, about: half of what a call between objects carries. 1,000 that wait for a lock which 1,000 share are a
 * million edges, which is no picture any more; some fifty thousand usual ones fit.
 */
const MAX_CHARS = 12_000_000;
/** Of an edge, without its names. */
const EDGE_CHARS = 180;

/** The graph as GET /locks/graph shows it: an edge from everybody who waits to everybody who holds. O(nodes + edges). */
export function graphView(graph: WaitForGraph): GraphView {
  const nodes: GraphView["nodes"] = [];
  const edges: GraphView["edges"] = [];
  let chars = 0;
  for (const session of graph.sessions()) {
    nodes.push(named(session));
    for (const { lock, since } of session.waits) {
      const lockName = nameOf(lock.name);
      for (const { session: holder } of lock.holders.values()) {
        if (holder === session) continue;
        chars += EDGE_CHARS + lock.name.length + lengthOf(session) + lengthOf(holder);
        if (chars > MAX_CHARS) return { nodes: [...graph.sessions()].map(named), edges, truncated: true };
        edges.push({ from: named(session), to: named(holder), ...lockName, since: new Date(since).toISOString() });
      }
    }
  }
  return { nodes, edges };
}

function named({ session_id, agent_id }: Session) {
  return { session_id, agent_id };
}

function lengthOf({ session_id, agent_id }: Session): number {
  return session_id.length + agent_id.length;
}

/** A lock is known by its actor's key, `{kind}:{id}`. */
function nameOf(lock: string): { resource_type: LockKind; resource_id: string } {
  const colon = lock.indexOf(":");
  return { resource_type: LockKind.parse(lock.slice(0, colon)), resource_id: lock.slice(colon + 1) };
}
