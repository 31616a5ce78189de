/** The bounded part of `npm run chaos`. `CHAOS_SEED` repeats its program of faults, though not its timing. */
import { expect, test } from "vitest";
import { run } from "../chaos/run.ts";

const MS = 6_000;

test("under clients, subscribers, kills and faults of every kind at once every promise is kept", async () => {
  const seed = Number(process.env.CHAOS_SEED ?? Math.trunc(Math.random() * 2 ** 31));
  console.log(`CHAOS_SEED=${seed}`);
  const { findings, figures } = await run(seed, MS);
  console.log(JSON.stringify(figures));
  expect(findings).toEqual([]);
  expect(figures.kills).toBeGreaterThan(0);
  expect(figures.facts).toBeGreaterThan(0);
  expect(figures.events).toBeGreaterThan(0);
});
