import { LockKind } from "../locks/contract.ts";
import type { Session } from "../locks/lock-types.ts";
import type { GraphView } from "./contract.ts";
import type { WaitForGraph } from "./wait-for-graph.ts";

/** More is no picture any more: 1,000 that wait for a lock which 1,000 share are a million edges. A ring of 10,000 is whole. */
const MAX_EDGES = 10_000;

/** The graph as GET /locks/graph shows it: an edge from everybody who waits to everybody who holds. O(nodes + edges). */
export function graphView(graph: WaitForGraph): GraphView {
  const nodes: GraphView["nodes"] = [];
  const edges: GraphView["edges"] = [];
  for (const session of graph.sessions()) {
    nodes.push(named(session));
    for (const { lock, since } of session.waits) {
      const lockName = nameOf(lock.name);
      for (const { session: holder } of lock.holders.values()) {
        if (holder === session) continue;
        if (edges.length === MAX_EDGES) return { nodes: [...graph.sessions()].map(named), edges, truncated: true };
        edges.push({ from: named(session), to: named(holder), ...lockName, since: new Date(since).toISOString() });
      }
    }
  }
  return { nodes, edges };
}

function named({ session_id, agent_id }: Session) {
  return { session_id, agent_id };
}

/** A lock is known by its actor's key, `{kind}:{id}`. */
function nameOf(lock: string): { resource_type: LockKind; resource_id: string } {
  const colon = lock.indexOf(":");
  return { resource_type: LockKind.parse(lock.slice(0, colon)), resource_id: lock.slice(colon + 1) };
}
