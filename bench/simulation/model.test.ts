import { expect, test } from "vitest";
import { type Flow, simulate } from "./model.ts";

function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const visiting = (rate: number, work: number): Flow => ({
  name: "visit",
  rate,
  visits: () => [{ station: "one", work, travel: 0 }],
});

test("a single server at half load takes as long as queueing theory says (M/M/1)", () => {
  // Arrivals 500/s, service 1,000/s: sojourn is exponential with mean 1 / (1000 - 500) s = 2 ms, median 2 ln 2.
  const { flows, stations } = simulate([visiting(500, 1)], 200, chance(7));
  expect(flows[0]?.p50).toBeCloseTo(2 * Math.LN2, 1);
  expect(flows[0]?.p99).toBeGreaterThan(2 * Math.log(100) * 0.9);
  expect(flows[0]?.p99).toBeLessThan(2 * Math.log(100) * 1.1);
  expect(stations[0]?.busy).toBeCloseTo(0.5, 1);
});

test("more than a server can do shows as more than all of its time", () => {
  expect(simulate([visiting(2_000, 1)], 5, chance(8)).stations[0]?.busy).toBeGreaterThan(1.8);
});

test("what happens in the background is work, but nobody waits for it", () => {
  const flow: Flow = {
    name: "answered",
    rate: 100,
    visits: () => [
      { station: "front", work: 0.1, travel: 1 },
      { station: "back", work: 5, travel: 50, background: true },
      { station: "further", work: 1, travel: 50, background: true },
    ],
  };
  const { flows, stations } = simulate([flow], 20, chance(9));
  expect(flows[0]?.p99).toBeLessThan(10);
  expect(flows[0]?.done).toBeGreaterThan(1_800);
  expect(stations.map(({ station }) => station)).toEqual(["back", "further", "front"]);
});
