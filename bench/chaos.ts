/**
 * `npm run chaos`: clients and subscribers of a server that is killed, whose actors die, whose messages, alarms, clock and database
 * fail; then every promise is checked. Prints seeds and figures, and of a run that fails what was broken, with evidence.
 *
 * `CHAOS_SEED` makes the same program of faults again, though not the same timing; `CHAOS_SECONDS` (60) is how long one run lasts,
 * `CHAOS_RUNS` (5) how many there are.
 */
import { run } from "../test/chaos/run.ts";

const first = Number(process.env.CHAOS_SEED ?? Math.trunc(Math.random() * 2 ** 31));
const ms = Number(process.env.CHAOS_SECONDS ?? 60) * 1_000;
const runs = Number(process.env.CHAOS_RUNS ?? 5);

for (let seed = first; seed < first + runs && process.exitCode === undefined; seed += 1) {
  console.log(`CHAOS_SEED=${seed}`);
  const { findings, figures, log } = await run(seed, ms);
  console.log(JSON.stringify(figures));
  if (findings.length === 0) continue;
  for (const { invariant, evidence } of findings) console.log(`BROKEN: ${invariant}\n  ${evidence.join("\n  ")}`);
  if (process.env.CHAOS_LOG) console.log(log);
  process.exitCode = 1;
}
