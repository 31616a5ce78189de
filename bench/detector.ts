/**
 * `node bench/detector.ts`: what the deadlock detector costs per wait, with 50,000 locks and 10,000 waiters (06-performance, target
 * p99 < 100 µs), and how much memory its graph takes. Each wait is measured in five rounds that are all alike, and its median
 * counts: so what else the machine does meanwhile is left out.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Coordination } from "../src/deadlocks/coordination.ts";
import { median, quantile } from "./statistics.ts";
import { costs } from "./wait-costs.ts";
import { LOCKS, lockOf, nameOf, ring, SHAPES, WAITERS } from "./wait-shapes.ts";

const ROUNDS = 5;

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

function row(name: string, times: readonly number[]): void {
  const cells = [0.5, 0.9, 0.99, 1].map((share) => quantile(times, share).toFixed(1).padStart(9));
  console.log(`${name.padEnd(64)}${cells.join("")}`);
}

function heapMiB(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed / 2 ** 20;
}

/** Of a graph with every lock in it, one in five still contended. */
function memory(): string {
  const before = heapMiB();
  const kept = new Coordination("abort_youngest", "bench");
  for (let at = 0; at < LOCKS; at += 1) {
    const [owner, waiter] = [nameOf(at % WAITERS), `waiter-${at}`];
    const [since, mode, tail] = [at, "exclusive" as const, at.toString(16).padStart(12, "0")];
    const isContended = at % (LOCKS / WAITERS) === 0;
    const lease = `01970000-0000-8000-8000-${tail}`;
    const holders = isContended ? [{ agent: owner, session: owner, lease, token: 1, mode, since }] : [];
    const claim = `01970001-0000-8000-8000-${tail}`;
    const queue = isContended ? [{ agent: waiter, session: waiter, claim, mode, since, priority: 50 }] : [];
    kept.report({ kind: "snapshot", lock: lockOf(at, 0), epoch: 1, seq: 1, holders, queue }, at);
  }
  return `${(heapMiB() - before).toFixed(1)} MiB for ${LOCKS} locks that were contended within a minute, ${WAITERS} waiters (${!kept.graph.isEmpty})`;
}

const header = ["p50", "p90", "p99", "max"].map((name) => name.padStart(9)).join("");
console.log(`${"µs per wait".padEnd(64)}${header}`);
for (const { name, run } of SHAPES) {
  const { all, closing, quiet } = costs(run, ROUNDS);
  row(name, all);
  if (closing.length === 0) continue;
  row(`   the ${closing.length} that close a deadlock`, closing);
  row("   all others", quiet);
}
const rings = Array.from({ length: ROUNDS }, ring);
console.log(`ring of 10,000: ${(median(rings) / 1_000).toFixed(1)} ms from the closing wait to the questions`);
console.log(`memory: ${memory()}`);
