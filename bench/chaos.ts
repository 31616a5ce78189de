/**
 * `npm run chaos`: clients and subscribers of a server that is killed, whose actors die, whose messages, alarms, clock and database
 * fail; then every promise is checked. Prints seeds and figures, and of a run that fails what was broken, with evidence.
 * `npm run chaos -- --help` tells the options.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../test/chaos/run.ts";
import { folder, optionsOf, positive, whole } from "./options.ts";

const options = optionsOf({
  command: "npm run chaos",
  about: "clients under kills and faults of every kind; then every promise is checked",
  options: {
    seed: whole("which faults: the same again, though not their timing (random)", Math.trunc(Math.random() * 2 ** 31)),
    minutes: positive("how long one run lasts (1)", 1),
    runs: whole("how many there are, each with a seed of its own (5)", 5, 1),
    evidence: folder("where to put the log and the trail of a run that fails (nowhere)"),
  },
});
const { evidence: kept } = options;
if (kept !== undefined) mkdirSync(kept, { recursive: true });

for (let seed = options.seed; seed < options.seed + options.runs && process.exitCode === undefined; seed += 1) {
  console.log(`--seed ${seed}`);
  const { findings, figures, log, trail } = await run(seed, options.minutes * 60_000);
  console.log(JSON.stringify(figures));
  if (findings.length === 0) continue;
  for (const { invariant, evidence } of findings) console.log(`BROKEN: ${invariant}\n  ${evidence.join("\n  ")}`);
  if (kept !== undefined) {
    writeFileSync(join(kept, `chaos-${seed}.log`), log);
    writeFileSync(join(kept, `chaos-${seed}.trail.json`), JSON.stringify(trail, null, 1));
  }
  process.exitCode = 1;
}
