/** `node bench/simulation/simulate.ts`: what saturates first at 1× to 1,000× of the target load, and what sharding does about it. */
import { type Shards, workspaceAt } from "./deployment.ts";
import { simulate } from "./model.ts";

/** At a thousandfold load there are millions of events a second: what is simulated gets shorter, what is measured does not change. */
const SECONDS: Readonly<Record<number, number>> = { 1: 20, 3: 10, 10: 5, 100: 1, 1000: 0.2 };

const PLANS: readonly { readonly name: string; readonly times: number; readonly shards: Shards }[] = [
  { name: "as built", times: 1, shards: { ledgers: 1, coordinators: 1, dispatchers: 1 } },
  { name: "as built", times: 3, shards: { ledgers: 1, coordinators: 1, dispatchers: 1 } },
  { name: "as built", times: 10, shards: { ledgers: 1, coordinators: 1, dispatchers: 1 } },
  { name: "ledgers and D1 by chain", times: 10, shards: { ledgers: 8, coordinators: 1, dispatchers: 1 } },
  { name: "and coordinators by session", times: 100, shards: { ledgers: 80, coordinators: 4, dispatchers: 8 } },
  { name: "the same, more of it", times: 1_000, shards: { ledgers: 800, coordinators: 32, dispatchers: 64 } },
];

for (const { name, times, shards } of PLANS) {
  const { stations, flows } = simulate(workspaceAt(times, shards), SECONDS[times] ?? 1, chance(times));
  const busy = stations.slice(0, 5).map((one) => `${one.station} ${(one.busy * 100).toFixed(0)} %`);
  const latency = flows.map((flow) => `${flow.name} p50 ${flow.p50.toFixed(0)} p99 ${flow.p99.toFixed(0)} ms`);
  console.log(`${times}× ${name} (${JSON.stringify(shards)})\n  busiest: ${busy.join(", ")}\n  ${latency.join("; ")}`);
}

/** A reproducible source of chance (mulberry32). */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
