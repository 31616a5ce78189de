/**
 * `node bench/cpu.ts tasks ../before`: CPU time that the server spends on one operation, and how many it does a second, in this checkout
 * and in another one (both built), in turn. Unlike latency the former hardly depends on what else the machine does. `--rounds N` (4), `--seconds N` (5).
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

interface Cost {
  /** of CPU an operation, all processes of the server together */
  readonly ms: number;
  readonly perSecond: number;
}

async function cost(server: Countersign): Promise<Cost> {
  const began = cpuSeconds(server.pid);
  const { latencies, perSecond } = await load(server, seconds);
  return { ms: ((cpuSeconds(server.pid) - began) * 1_000) / latencies.length, perSecond };
}

const servers = [await startCountersign()];
if (before !== undefined) servers.push(await startCountersign(undefined, {}, before));
const samples: Cost[][] = servers.map(() => []);
try {
  // One round that does not count: objects are created, code is compiled.
  for (let round = -1; round < Number(values.rounds); round += 1) {
    for (const [n, server] of servers.entries()) {
      const sample = await cost(server);
      if (round >= 0) samples[n]?.push(sample);
    }
  }
} finally {
  for (const server of servers) await server.stop();
}
for (const [n, rounds] of samples.entries()) {
  const [ms, rate] = [rounds.map((one) => one.ms), rounds.map((one) => one.perSecond)];
  const texts = ms.map((one) => one.toFixed(2)).join(" ");
  console.log(
    `${name} ${n === 0 ? "here" : "before"}: ${median(ms).toFixed(2)} ms of CPU each (${texts}), ${median(rate).toFixed(1)}/s`,
  );
}
const [ours = [], theirs = []] = samples;
const ratio = (of: (one: Cost) => number) =>
  spreadText(spread(theirs.flatMap((then, n) => (ours[n] === undefined ? [] : [of(ours[n]) / of(then)]))));
if (theirs.length > 0)
  console.log(`CPU ${ratio(({ ms }) => ms)}×, operations a second ${ratio((one) => one.perSecond)}×`);
