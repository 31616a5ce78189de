/**
 * `npm run chaos`: clients and subscribers of a server that is killed, whose actors die, whose messages, alarms, clock and database
 * fail; then every promise is checked. Prints seeds and figures, and of a run that fails what was broken, with evidence.
 *
 * `CHAOS_SEED` makes the same program of faults again, though not the same timing; `CHAOS_SECONDS` (60) is how long one run lasts,
 * `CHAOS_RUNS` (5) how many there are, `CHAOS_EVIDENCE` a folder for the log and the trail of one that fails.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../test/chaos/run.ts";

const first = Number(process.env.CHAOS_SEED ?? Math.trunc(Math.random() * 2 ** 31));
const ms = Number(process.env.CHAOS_SECONDS ?? 60) * 1_000;
const runs = Number(process.env.CHAOS_RUNS ?? 5);
const folder = process.env.CHAOS_EVIDENCE;

for (let seed = first; seed < first + runs && process.exitCode === undefined; seed += 1) {
  console.log(`CHAOS_SEED=${seed}`);
  const { findings, figures, log, trail } = await run(seed, ms);
  console.log(JSON.stringify(figures));
  if (findings.length === 0) continue;
  for (const { invariant, evidence } of findings) console.log(`BROKEN: ${invariant}\n  ${evidence.join("\n  ")}`);
  if (folder !== undefined) {
    writeFileSync(join(folder, `chaos-${seed}.log`), log);
    writeFileSync(join(folder, `chaos-${seed}.trail.json`), JSON.stringify(trail, null, 1));
  }
  process.exitCode = 1;
}
