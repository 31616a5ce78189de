/** The bounded part of `npm run chaos`. `CHAOS_SEED` repeats what its clients choose, though not their timing. */
import { expect, test } from "vitest";
import { type Faults, NO_FAULTS } from "../chaos/faults.ts";
import type { Program } from "../chaos/program.ts";
import { run } from "../chaos/run.ts";

/** Everything that can go wrong, in the few seconds that a test has. */
const OFTEN: Faults = {
  ...NO_FAULTS,
  death: 0.02,
  eviction: 0.1,
  receiver: "dying",
  delivery: 0.2,
  alarm: 0.3,
  shipment: 0.2,
  flush: 0.1,
  life_skew_ms: 1_500,
};
const MET = [
  "kills",
  "deaths",
  "evictions",
  "deliveries",
  "shipments",
  "failed queries",
  "receiver dying",
  "lives with clocks of their own",
];
const PROGRAM: Program = [
  { do: "beset", with: OFTEN, for_ms: 2_000, until_met: true },
  { do: "beset", with: { ...OFTEN, database: "down", receiver: "failing", skew_ms: -2_000 }, for_ms: 700 },
  { do: "kill", down_ms: 0, for_ms: 300 },
];

test("under clients, subscribers, kills and faults of every kind at once every promise is kept", async () => {
  const seed = Number(process.env.CHAOS_SEED ?? Math.trunc(Math.random() * 2 ** 31));
  console.log(`CHAOS_SEED=${seed}`);
  const { findings, figures } = await run(seed, 0, PROGRAM);
  console.log(JSON.stringify(figures));
  expect(findings).toEqual([]);
  for (const kind of MET) expect(figures[kind], kind).toBeGreaterThan(0);
  expect(figures.facts).toBeGreaterThan(0);
  expect(figures.events).toBeGreaterThan(0);
  expect(figures.hooked).toBeGreaterThan(0);
  // An apply that waits for its locks may take a minute to give them up.
}, 150_000);
