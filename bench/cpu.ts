/**
 * `node bench/cpu.ts tasks ../before`: CPU time that the server spends on one operation, in this checkout and in another one
 * (both built), in turn. Unlike latency it hardly depends on what else the machine does. `--rounds N` (4), `--seconds N` (5).
 */
import { parseArgs } from "node:util";
import { type Countersign, startCountersign } from "./contestants/countersign.ts";
import { loadNamed } from "./loads.ts";
import { cpuSeconds } from "./process.ts";
import { median, spread, spreadText } from "./statistics.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: "string", default: "4" }, seconds: { type: "string", default: "5" } },
});
const [name = "tasks", before] = positionals;
const load = loadNamed(name);
const seconds = Number(values.seconds);

/** ms of CPU an operation, all processes of the server together */
async function cost(server: Countersign): Promise<number> {
  const began = cpuSeconds(server.pid);
  const { latencies } = await load(server, seconds);
  return ((cpuSeconds(server.pid) - began) * 1_000) / latencies.length;
}

const servers = [await startCountersign()];
if (before !== undefined) servers.push(await startCountersign(undefined, {}, before));
const samples: number[][] = servers.map(() => []);
try {
  // One round that does not count: objects are created, code is compiled.
  for (let round = -1; round < Number(values.rounds); round += 1) {
    for (const [n, server] of servers.entries()) {
      const ms = await cost(server);
      if (round >= 0) samples[n]?.push(ms);
    }
  }
} finally {
  for (const server of servers) await server.stop();
}
const [ours = [], theirs = []] = samples;
console.log(`${name}: ${median(ours).toFixed(2)} ms of CPU each here (${ours.map((ms) => ms.toFixed(2)).join(" ")})`);
if (theirs.length > 0) {
  console.log(`before: ${median(theirs).toFixed(2)} ms (${theirs.map((ms) => ms.toFixed(2)).join(" ")})`);
  console.log(`ratio ${spreadText(spread(ours.map((ms, n) => ms / (theirs[n] ?? ms))))}`);
}
