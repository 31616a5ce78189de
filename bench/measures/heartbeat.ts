/** A heartbeat of one lease against the floor's one durable write. */

import { Connection } from "../connection.ts";
import { BASE } from "../contestants/countersign.ts";
import { closedLoop } from "../load.ts";
import { median, spread, spreadText } from "../statistics.ts";
import type { Measure } from "./measure.ts";

export const heartbeat: Measure = async ({ floor, countersign, rounds, seconds }) => {
  const ours = countersign.as(countersign.tokens.agent);
  const theirs = new Connection(floor.url);
  const { id } = await ours.expect<{ id: string }>(201, "POST", `${BASE}/locks/acquire`, {
    resource_type: "resource",
    resource_id: "database:bench/heartbeat",
    ttl_seconds: 300,
  });
  const samples: { ours: number; floor: number }[] = [];
  for (let round = -1; round < rounds; round += 1) {
    const base = await closedLoop(1, seconds, () => floor.call(theirs, "heartbeat"));
    const beats = await closedLoop(1, seconds, () =>
      ours.expect(200, "POST", `${BASE}/locks/heartbeat`, { lock_id: id, ttl_extension_seconds: 300 }),
    );
    if (round >= 0) samples.push({ ours: median(beats.latencies), floor: median(base.latencies) });
  }
  await ours.expect(204, "POST", `${BASE}/locks/release`, { lock_id: id });
  ours.close();
  theirs.close();
  const ratio = spread(samples.map((sample) => sample.ours / sample.floor));
  const [own, bare] = [median(samples.map((one) => one.ours)), median(samples.map((one) => one.floor))];
  return {
    rows: [
      {
        measure: "lock heartbeat: latency against the floor",
        target: "≤ 1.2×",
        result: `${spreadText(ratio)}×; ${own.toFixed(2)} ms against ${bare.toFixed(2)} ms`,
        met: ratio.median <= 1.2,
      },
    ],
    data: samples,
  };
};
