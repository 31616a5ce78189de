/**
 * Tarjan's strongly connected components (SIAM J. Comput. 1972), iterative and in slices, over all that can be reached from
 * the sessions whose own search was too long. One pass is linear in the graph however many those are.
 *
 * The graph changes between two slices. The blockers of each node are therefore taken down when it is entered. A deadlock
 * stands still: its edges are seen whenever its nodes are entered, so they all end up in one component. What else is seen
 * may never have existed at one time; that is for the caller to check.
 */
import { eachBlocker } from "./blockers.ts";
import { type Cycle, cycleOf } from "./cycle.ts";
import type { Node, SessionNode, Wait } from "./graph-node.ts";

interface Edge {
  readonly to: Node;
  readonly by: Wait | undefined;
}

interface Place {
  readonly node: Node;
  readonly edges: readonly Edge[];
  readonly index: number;
  next: number;
  low: number;
  open: boolean;
}

export interface Knot {
  /** One of the cycles in it. */
  readonly cycle: Cycle;
  readonly sessions: ReadonlySet<SessionNode>;
}

export class Scan {
  readonly #starts: Iterator<SessionNode>;
  readonly #places = new Map<Node, Place>();
  readonly #way: Place[] = [];
  /** Entered and not yet known to belong to any component. */
  readonly #open: Place[] = [];
  #isDone = false;

  constructor(starts: Iterable<SessionNode>) {
    this.#starts = starts[Symbol.iterator]();
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  /** Goes on for about `steps` edges. Returns the knots that were completed. */
  run(steps: number): Knot[] {
    const knots: Knot[] = [];
    for (let left = steps; left > 0 && !this.#isDone; ) {
      const place = this.#way.at(-1);
      if (place === undefined) {
        left -= this.#start();
        continue;
      }
      left -= 1;
      const edge = place.edges[place.next];
      if (edge === undefined) {
        const knot = this.#leave(place);
        if (knot !== undefined) knots.push(knot);
        continue;
      }
      place.next += 1;
      const known = this.#places.get(edge.to);
      if (known === undefined) left -= this.#enter(edge.to);
      else if (known.open) place.low = Math.min(place.low, known.index);
    }
    return knots;
  }

  #start(): number {
    const { value, done } = this.#starts.next();
    if (done) {
      this.#isDone = true;
      return 0;
    }
    return this.#places.has(value) ? 1 : this.#enter(value);
  }

  #enter(node: Node): number {
    const edges: Edge[] = [];
    eachBlocker(node, (to, by) => edges.push({ to, by }));
    const index = this.#places.size;
    const place: Place = { node, edges, index, next: 0, low: index, open: true };
    this.#places.set(node, place);
    this.#way.push(place);
    this.#open.push(place);
    return edges.length + 1;
  }

  #leave(place: Place): Knot | undefined {
    this.#way.pop();
    const parent = this.#way.at(-1);
    if (parent !== undefined) parent.low = Math.min(parent.low, place.low);
    if (place.low < place.index) return undefined;
    const component = this.#open.splice(this.#open.lastIndexOf(place));
    for (const member of component) member.open = false;
    return component.length > 1 ? this.#knot(component) : undefined;
  }

  /** Whoever is in a component has an edge that stays in it: following these must come back to where it was. */
  #knot(component: readonly Place[]): Knot {
    const members = new Set(component);
    const passed = new Map<Place, number>();
    const way: { readonly place: Place; readonly edge: Edge }[] = [];
    let place = component[0];
    while (place !== undefined && !passed.has(place)) {
      passed.set(place, way.length);
      const stays = place.edges.map((edge) => ({ edge, to: this.#places.get(edge.to) }));
      const found = stays.find(({ to }) => to !== undefined && members.has(to));
      if (found === undefined) throw new Error("a component of one node was taken for a knot");
      way.push({ place, edge: found.edge });
      place = found.to;
    }
    const round = way.slice(place === undefined ? 0 : passed.get(place));
    const sessions = new Set<SessionNode>();
    for (const { node } of component) if (node.kind === "session") sessions.add(node);
    return { cycle: cycleOf(round.map(({ place: { node }, edge: { by } }) => ({ node, by }))), sessions };
  }
}
