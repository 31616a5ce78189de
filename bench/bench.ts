/**
 * `npm run bench`: fills 06-performance's table. `npm run bench -- locks tasks` runs some measures only; `--rounds N` and
 * `--seconds N` say how long. Results go to bench/results. bench/README.md tells how to read them.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type Absent, type Contestant, isAbsent } from "./contestants/contestant.ts";
import { startCountersign } from "./contestants/countersign.ts";
import { startEtcd } from "./contestants/etcd.ts";
import { startFloor } from "./contestants/floor.ts";
import { startPostgres } from "./contestants/postgres.ts";
import { startRedis } from "./contestants/redis.ts";
import { startZooKeeper } from "./contestants/zookeeper.ts";
import { machine } from "./machine.ts";
import { auditLag } from "./measures/audit-lag.ts";
import { deadlock } from "./measures/deadlock.ts";
import { detector } from "./measures/detector.ts";
import { fanout } from "./measures/fanout.ts";
import { type GrowthPoint, growth } from "./measures/growth.ts";
import { heartbeat } from "./measures/heartbeat.ts";
import { heldLocks } from "./measures/held-locks.ts";
import { acquireAtHalf, respondAtHalf } from "./measures/latency.ts";
import { manyClients, oneClient } from "./measures/locks.ts";
import type { Measure, Row, Stage } from "./measures/measure.ts";
import { bundle, coldStart } from "./measures/size.ts";
import { fullTasks } from "./measures/tasks.ts";
import { plot } from "./plot.ts";
import { table } from "./table.ts";

const MEASURES: Readonly<Record<string, Measure>> = {
  "one-client": oneClient,
  "many-clients": manyClients,
  heartbeat,
  acquire: acquireAtHalf,
  respond: respondAtHalf,
  tasks: fullTasks,
  "held-locks": heldLocks,
  deadlock,
  detector,
  fanout,
  "audit-lag": auditLag,
  growth,
  bundle,
  "cold-start": coldStart,
};
const RESULTS = fileURLToPath(new URL("results/", import.meta.url));
/** Only these need the peers. */
const AGAINST_PEERS = ["one-client", "many-clients"];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: "string", default: "5" }, seconds: { type: "string", default: "3" } },
});
const chosen = positionals.length === 0 ? Object.keys(MEASURES) : positionals;
const unknown = chosen.filter((name) => !(name in MEASURES));
if (unknown.length > 0) {
  console.error(`no such measure: ${unknown.join(", ")}; there are ${Object.keys(MEASURES).join(", ")}`);
  process.exit(2);
}

mkdirSync(RESULTS, { recursive: true });
const on = machine();
console.log(`${on.cpu}, ${on.cores} cores, ${on.memory_gib} GiB, Linux ${on.kernel}, Node ${on.node}, ${on.commit}`);
const rows: Row[] = [];
let failed = false;
for (const name of chosen) {
  const measure = MEASURES[name];
  if (measure === undefined) continue;
  const stage = await onStage(AGAINST_PEERS.includes(name));
  try {
    const outcome = await measure(stage);
    rows.push(...outcome.rows);
    writeFileSync(`${RESULTS}${name}.json`, `${JSON.stringify({ machine: on, ...outcome }, rounded, 1)}\n`);
    if (name === "growth") writeFileSync(`${RESULTS}growth.svg`, growthPlot(outcome.data as GrowthPoint[]));
    for (const { measure: what, result, met } of outcome.rows)
      console.log(`${met === false ? "✗" : "·"} ${what}: ${result}`);
  } catch (thrown) {
    failed = true;
    console.error(`✗ ${name} failed:`, thrown);
  } finally {
    await Promise.all([stage.floor, stage.countersign, ...stage.peers].map((one) => one.stop()));
  }
}
console.log(`\n${table(rows)}`);
if (positionals.length === 0) writeFileSync(`${RESULTS}table.md`, `${table(rows)}\n`);
process.exit(failed ? 1 : 0);

/** Everybody anew for each measure: what one leaves behind is not the next one's burden. */
async function onStage(withPeers: boolean): Promise<Stage> {
  const peers: Contestant[] = [];
  for (const start of withPeers ? [startEtcd, startPostgres, startRedis, startZooKeeper] : []) {
    const peer: Contestant | Absent = await start();
    if (isAbsent(peer)) console.log(`skipped: ${peer.name} is not installed (${peer.absent})`);
    else peers.push(peer);
  }
  return {
    floor: await startFloor(),
    countersign: await startCountersign(),
    peers,
    rounds: Number(values.rounds),
    seconds: Number(values.seconds),
  };
}

/** A microsecond is more than any of it is worth. */
function rounded(_: string, value: unknown): unknown {
  return typeof value === "number" ? Math.round(value * 1_000) / 1_000 : value;
}

function growthPlot(points: readonly GrowthPoint[]): string {
  const names = [
    "acquire",
    "heartbeat",
    "respond",
    "claim",
    "list_tasks",
    "list_audit",
    "filter_tasks",
    "list_locks",
  ] as const;
  return plot(
    "Cost of a call as history grows",
    "tasks, locks and audit rows in D1, each",
    "ms (median)",
    names.map((name) => ({ name, points: points.map((point) => ({ x: point.size, y: point[name] })) })),
  );
}
