import { describe, expect, it } from "vitest";
import { graphView } from "./graph-view.ts";
import { LockWorld } from "./lock-world.fixture.ts";
import { SILENT_AFTER_MS, WaitForGraph } from "./wait-for-graph.ts";

const L = "resource:database:orders";
const M = "task:0197-m";

function told(world: LockWorld, graph: WaitForGraph): void {
  for (const report of world.reports()) graph.apply(report, world.now);
}

/** "a>b" for each edge of the graph. */
function edges(graph: WaitForGraph): string[] {
  return graphView(graph)
    .edges.map(({ from, to }) => `${from.session_id}>${to.session_id}`)
    .sort();
}

describe("the wait-for graph", () => {
  it("has an edge from everybody who waits to everybody else who holds, and none among waiters", () => {
    const world = new LockWorld();
    const graph = new WaitForGraph();
    world.ask("a", L, "shared");
    world.ask("b", L, "shared");
    world.ask("c", L);
    world.ask("d", L, "shared");
    world.ask("b", L, "exclusive");
    told(world, graph);
    expect(edges(graph)).toEqual(["b>a", "c>a", "c>b", "d>a", "d>b"]);
  });

  it("shows its edges with the lock and the time, and its nodes", () => {
    const world = new LockWorld();
    const graph = new WaitForGraph();
    world.ask("a", L);
    world.ask("b", M);
    world.now += 1_500;
    world.ask("b", L);
    world.ask("a", M);
    told(world, graph);
    const [a, b] = ["a", "b"].map((name) => ({ agent_id: name, session_id: name }));
    const since = "1970-01-01T00:16:41.500Z";
    expect(graphView(graph)).toEqual({
      nodes: [a, b],
      edges: [
        { from: a, to: b, resource_type: "task", resource_id: "0197-m", since },
        { from: b, to: a, resource_type: "resource", resource_id: "database:orders", since },
      ],
    });
  });

  it("is shown with as many edges as fit an answer where a crowd waits for a crowd, and says that there are more", () => {
    const world = new LockWorld();
    const graph = new WaitForGraph();
    for (let n = 0; n < 300; n += 1) world.ask(`r${n}`, L, "shared");
    for (let n = 0; n < 300; n += 1) world.ask(`w${n}`, L);
    told(world, graph);
    const { nodes, edges, truncated } = graphView(graph);
    expect([nodes.length, truncated]).toEqual([600, true]);
    expect(edges.length).toBeGreaterThan(50_000);
    expect(JSON.stringify(edges).length).toBeLessThan(12_000_000);
  });

  it("forgets sessions with their last lease and claim, and the lock when no late report can come any more", () => {
    const world = new LockWorld();
    const graph = new WaitForGraph();
    world.ask("a", L);
    world.ask("b", L);
    told(world, graph);
    world.release("a", L);
    told(world, graph);
    expect(graphView(graph)).toEqual({ nodes: [], edges: [] });
    expect(graph.isEmpty).toBe(false);
    expect(graph.toAsk(world.now + SILENT_AFTER_MS)).toEqual([]);
    expect(graph.isEmpty).toBe(true);
  });

  it("is not brought back by a snapshot that was overtaken by the end of the wait", () => {
    const world = new LockWorld();
    const graph = new WaitForGraph();
    world.ask("a", L);
    world.ask("b", L);
    const late = world.snapshot(L);
    world.release("b", L);
    told(world, graph);
    expect(graph.apply(late, world.now).worth).toBe("old");
    expect(edges(graph)).toEqual([]);
  });

  it("stays as it was after a gap, asks for a snapshot, once in five seconds, and is right again with it", () => {
    const world = new LockWorld();
    const graph = new WaitForGraph();
    world.ask("a", L);
    world.ask("b", L);
    told(world, graph);
    world.ask("c", L);
    const lost = world.report(L);
    world.release("a", L);
    const [after] = world.reports();
    if (lost === undefined || after === undefined) throw new Error("nothing was reported");
    expect(graph.apply(after, world.now)).toMatchObject({ worth: "gap", ask: true });
    expect(graph.apply(after, world.now)).toMatchObject({ worth: "gap", ask: false });
    expect(edges(graph)).toEqual(["b>a"]);
    expect(graph.toAsk(world.now)).toEqual([]);
    expect(graph.toAsk(world.now + 5_000)).toEqual([L]);
    graph.apply(lost, world.now);
    expect(graph.toAsk(world.now + 10_000)).toEqual([L]);
    graph.apply(world.snapshot(L), world.now);
    expect(edges(graph)).toEqual(["c>b"]);
    expect(graph.toAsk(world.now + 15_000)).toEqual([]);
  });

  it("replaces what an earlier life of the lock said, and ignores what still comes from there", () => {
    const world = new LockWorld();
    const graph = new WaitForGraph();
    world.ask("a", L);
    world.ask("b", L);
    told(world, graph);
    world.ask("c", L);
    const late = world.snapshot(L);
    world.release("c", L);
    world.restart(L);
    told(world, graph);
    expect(graph.apply(late, world.now).worth).toBe("old");
    expect(edges(graph)).toEqual(["b>a"]);
  });

  it("asks a contended lock that fell silent, for the word that nobody waits any more may be lost", () => {
    const world = new LockWorld();
    const graph = new WaitForGraph();
    world.ask("a", L);
    world.ask("b", L);
    told(world, graph);
    expect(graph.toAsk(world.now + SILENT_AFTER_MS - 1)).toEqual([]);
    expect(graph.toAsk(world.now + SILENT_AFTER_MS)).toEqual([L]);
  });

  it("comes out the same from deltas and from snapshots", () => {
    const world = new LockWorld();
    const [byDelta, bySnapshot] = [new WaitForGraph(), new WaitForGraph()];
    const names = ["a", "b", "c", "d", "e"];
    for (let turn = 0; turn < 200; turn += 1) {
      const session = names[(turn * 7) % 5] ?? "a";
      if (turn % 3 === 2) world.release(session, L);
      else world.ask(session, L, turn % 2 === 0 ? "shared" : "exclusive");
      told(world, byDelta);
      if (turn % 4 === 0) bySnapshot.apply(world.snapshot(L), world.now);
    }
    bySnapshot.apply(world.snapshot(L), world.now);
    told(world, byDelta);
    expect(edges(byDelta)).toEqual(edges(bySnapshot));
    expect(edges(byDelta)).not.toEqual([]);
  });
});
