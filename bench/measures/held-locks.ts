/** 4,000 locks held at once, each kept alive by a heartbeat every 10 s. */
import { BASE } from "../contestants/countersign.ts";
import { openLoop } from "../load.ts";
import { quantile } from "../statistics.ts";
import type { Measure } from "./measure.ts";

const HELD = 4_000;
const BEAT_S = 10;
const CLIENTS = 16;

export const heldLocks: Measure = async ({ countersign }) => {
  const clients = Array.from({ length: CLIENTS }, () => countersign.as(countersign.tokens.agent));
  const ids: string[] = [];
  const began = performance.now();
  await Promise.all(
    clients.map(async (client, worker) => {
      for (let n = worker; n < HELD; n += CLIENTS) {
        const body = {
          resource_type: "resource",
          resource_id: `storage:held/${n}`,
          ttl_seconds: 60,
          session_id: `held-${n}`,
        };
        ids.push((await client.expect<{ id: string }>(201, "POST", `${BASE}/locks/acquire`, body)).id);
      }
    }),
  );
  const taken = (performance.now() - began) / 1_000;
  let lost = 0;
  const beats = await openLoop(HELD / BEAT_S, BEAT_S * 3, CLIENTS, async (worker, n) => {
    const answer = await clients[worker]?.call("POST", `${BASE}/locks/heartbeat`, {
      lock_id: ids[n % HELD],
      ttl_extension_seconds: 60,
    });
    if (answer?.status !== 200) lost += 1;
  });
  await Promise.all(
    clients.map(async (client, worker) => {
      for (let n = worker; n < HELD; n += CLIENTS)
        await client.expect(204, "POST", `${BASE}/locks/release`, { lock_id: ids[n] });
    }),
  );
  for (const client of clients) client.close();
  return {
    rows: [
      {
        measure: `${HELD} locks held, a heartbeat each every ${BEAT_S} s, for ${BEAT_S * 3} s`,
        target: "4,000, none lost",
        result: `${lost} lost; heartbeat p50 ${quantile(beats.latencies, 0.5).toFixed(1)} ms, p99 ${quantile(beats.latencies, 0.99).toFixed(1)} ms; taken in ${taken.toFixed(0)} s (${(HELD / taken).toFixed(0)} new locks/s)`,
        met: lost === 0,
      },
    ],
    data: { lost, taken, latencies: beats.latencies },
  };
};
