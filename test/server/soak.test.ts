/** The bounded part of `npm run soak` (04, "Tests that must exist"). `SOAK_SEED` repeats its program, though not its timing. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { programOf } from "../soak/program.ts";
import { Round } from "../soak/round.ts";
import { SoakServer } from "../soak/soak-server.ts";
import { type Cast, castOf } from "../support/main-job.ts";
import { Random } from "../support/random.ts";

let server: SoakServer;
let cast: Cast;
beforeAll(async () => {
  server = await SoakServer.start();
  cast = await castOf(server.url);
});
afterAll(() => server.end());

test("random clients on random locks, killed once with everything in flight: no rule is broken, no deadlock lost, no victim false", async () => {
  const seed = Number(process.env.SOAK_SEED ?? Math.trunc(Math.random() * 2 ** 31));
  console.log(`SOAK_SEED=${seed}`);
  const round = await Round.prepared(server, cast, 0, programOf(new Random(seed), 150, 1));
  await round.play();
  const { problems, figures } = await round.judged();
  console.log(JSON.stringify(figures));
  expect(problems).toEqual([]);
  expect(figures).toMatchObject({ falseVictims: 0, lostDeadlocks: 0, crashes: 1, undecided: 0 });
  expect(figures.deadlocks).toBeGreaterThan(0);
  expect(figures.applies).toBeGreaterThan(0);
});
