/**
 * `npm run soak`: random clients on random locks of a spawned server that is killed at random instants, round after round
 * (04, "Tests that must exist"). Prints its seed, then figures; the first round that fails is shrunk to a small program that
 * fails, too, and ends it. `npm run soak -- --help` tells the options.
 */
import { shrunk } from "../src/locks/history/shrunk.ts";
import { type Program, programOf } from "../test/soak/program.ts";
import { type Figures, type Judged, Round } from "../test/soak/round.ts";
import { SoakServer } from "../test/soak/soak-server.ts";
import { type Cast, castOf } from "../test/support/main-job.ts";
import { Random } from "../test/support/random.ts";
import { optionsOf, positive, whole } from "./options.ts";

const STEPS = 260;
/** Rounds at a time: clients of one spend most of their time waiting for each other. */
const LANES = 6;
/** Makes the names of a second try its own. */
const AGAIN = 1_000_000;
/** Of three times one goes by without a crash. */
const CRASHES = [0, 1, 2] as const;
/** How often a program is run again, in parts, to make it smaller. */
const SHRINKING_RUNS = 30;

const NOTHING: Figures = {
  operations: 0,
  grants: 0,
  deadlocks: 0,
  reordered: 0,
  falseVictims: 0,
  lostDeadlocks: 0,
  crashes: 0,
  applies: 0,
  undecided: 0,
  deadlocked: [],
};

const { seed, minutes } = optionsOf({
  command: "npm run soak",
  about: "random clients on random locks of a server that crashes; every rule is checked, what fails is made smaller",
  options: {
    seed: whole(
      "which programs: the same again, though not their timing (random)",
      Math.trunc(Math.random() * 2 ** 31),
    ),
    minutes: positive("how long it goes on (3)", 3),
  },
});
const end = Date.now() + minutes * 60_000;
console.log(`--seed ${seed}`);

const server = await SoakServer.start();
const cast = await castOf(server.url);
const all: Figures[] = [];
let number = 0;
let failed: { readonly seed: number; readonly program: Program; readonly problems: readonly string[] } | undefined;

while (Date.now() < end && failed === undefined) {
  const from = seed + all.length;
  const programs = Array.from({ length: LANES }, (_, lane) => {
    const random = new Random(from + lane);
    return programOf(random, STEPS, lane === 0 ? random.pick(CRASHES) : 0);
  });
  const rounds = await played(server, cast, programs);
  all.push(...rounds.map(({ figures }) => figures));
  console.log(`seeds ${from}–${from + LANES - 1}: ${line(rounds.map(({ figures }) => figures))}`);
  const at = rounds.findIndex(({ problems }) => problems.length > 0);
  const [program, round] = [programs[at], rounds[at]];
  if (program !== undefined && round !== undefined) failed = { seed: from, program, problems: round.problems };
}
console.log(`\n${all.length} rounds: ${line(all)}, ${server.lostAnswers} answers lost`);
if (failed !== undefined) {
  console.log(`\nfailed: ${failed.problems.slice(0, 5).join("\n")}\nmaking it smaller …`);
  const fails = async (program: Program) => {
    // Side by side, for the load is part of it; the server is the same, so one of them crashes it for all.
    const calm = program.filter((step) => step.do !== "crash");
    const rounds = await played(
      server,
      cast,
      Array.from({ length: LANES }, (_, lane) => (lane === 0 ? program : calm)),
    );
    return rounds.some(({ problems }) => problems.length > 0);
  };
  const smallest = await shrunk(failed.program, fails, SHRINKING_RUNS);
  console.log(`${smallest.length} of ${failed.program.length} steps still fail:`);
  for (const step of smallest) console.log(`  ${JSON.stringify(step)}`);
  console.log(`again from there on: npm run soak -- --seed ${failed.seed}`);
  process.exitCode = 1;
}
await server.end();

/** Programs side by side. No crash comes before all of them are set up, none after the last has ended. */
async function played(on: SoakServer, by: Cast, programs: readonly Program[]): Promise<Judged[]> {
  const first = number;
  number += programs.length;
  const rounds = await Promise.all(
    programs.map((program, at) => {
      // What was set up in part is in nobody's way.
      const again = () => Round.prepared(on, by, first + at + AGAIN, program);
      return Round.prepared(on, by, first + at, program).catch(again);
    }),
  );
  const failures = await Promise.all(rounds.map((round) => round.play().then(() => [], told)));
  return Promise.all(
    rounds.map(async (round, at) => {
      const { problems, figures } = await round
        .judged()
        .catch((thrown) => ({ problems: told(thrown), figures: NOTHING }));
      return { problems: [...(failures[at] ?? []), ...problems], figures };
    }),
  );
}

/** An answer that no client has to expect is a problem like any other. */
function told(thrown: unknown): string[] {
  return [String(thrown)];
}

function line(rounds: readonly Figures[]): string {
  const sum = (of: (figures: Figures) => number) => rounds.reduce((total, figures) => total + of(figures), 0);
  const stood = rounds.flatMap(({ deadlocked }) => deadlocked).sort((a, b) => a - b);
  const quantile = (share: number) => stood[Math.min(stood.length - 1, Math.floor(stood.length * share))] ?? 0;
  return [
    `${sum(({ operations }) => operations)} operations`,
    `${sum(({ grants }) => grants)} grants`,
    `${sum(({ deadlocks }) => deadlocks)} deadlocks resolved (p50 ${quantile(0.5)} ms, p99 ${quantile(0.99)} ms, max ${quantile(1)} ms)`,
    `${sum(({ reordered }) => reordered)} readers let in early`,
    `${sum(({ falseVictims }) => falseVictims)} false victims`,
    `${sum(({ lostDeadlocks }) => lostDeadlocks)} lost deadlocks`,
    `${sum(({ applies }) => applies)} applies`,
    `${sum(({ crashes }) => crashes)} crashes`,
    `${sum(({ undecided }) => undecided)} histories undecided`,
  ].join(", ");
}
