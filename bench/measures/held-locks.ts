/**
 * 4,000 locks held at once, each kept alive by a heartbeat every 10 s. They are taken one after the other and beat in that
 * order, as those of clients that came over time do; a minute lets the timers of every lock come round. At the end all of
 * them beat at the same moment, as they would after a network was away: that figure is for the data.
 */
import { BASE } from "../contestants/countersign.ts";
import { openLoop } from "../load.ts";
import { quantile } from "../statistics.ts";
import type { Measure } from "./measure.ts";

const HELD = 4_000;
/** New locks a second: well below what the server can make, so that no backlog of it is in the way of the first heartbeats. */
const TAKEN_PER_S = 100;
const BEAT_S = 10;
const BEATING_S = 60;
const CLIENTS = 16;
/** Operations a second, if all of them are due at once. */
const AT_ONCE = 1e6;

export const heldLocks: Measure = async ({ countersign }) => {
  const clients = Array.from({ length: CLIENTS }, () => countersign.as(countersign.tokens.agent));
  const ids: string[] = [];
  const taking = await openLoop(TAKEN_PER_S, HELD / TAKEN_PER_S, CLIENTS, async (worker, n) => {
    const body = {
      resource_type: "resource",
      resource_id: `storage:held/${n}`,
      ttl_seconds: 60,
      session_id: `held-${n}`,
    };
    const lock = await clients[worker]?.expect<{ id: string }>(201, "POST", `${BASE}/locks/acquire`, body);
    ids[n] = lock?.id ?? "";
  });
  let lost = 0;
  const beat = async (worker: number, n: number) => {
    const answer = await clients[worker]?.call("POST", `${BASE}/locks/heartbeat`, {
      lock_id: ids[n % HELD],
      ttl_extension_seconds: 60,
    });
    if (answer?.status !== 200) lost += 1;
  };
  const spread = await openLoop(HELD / BEAT_S, BEATING_S, CLIENTS, beat);
  const burst = await openLoop(AT_ONCE, HELD / AT_ONCE, CLIENTS, beat);
  await Promise.all(
    clients.map(async (client, worker) => {
      for (let n = worker; n < HELD; n += CLIENTS)
        await client.call("POST", `${BASE}/locks/release`, { lock_id: ids[n] });
    }),
  );
  for (const client of clients) client.close();
  const ms = (latencies: readonly number[], share: number) => `${quantile(latencies, share).toFixed(1)} ms`;
  const beats = `heartbeat p50 ${ms(spread.latencies, 0.5)}, p99 ${ms(spread.latencies, 0.99)}`;
  const together = `${HELD} at once in ${(HELD / burst.perSecond).toFixed(1)} s`;
  return {
    rows: [
      {
        measure: `${HELD} locks held, a heartbeat each every ${BEAT_S} s, for ${BEATING_S} s`,
        target: "4,000, none lost",
        result: `${lost} lost; ${beats}, ${together}; taken at ${TAKEN_PER_S}/s, p50 ${ms(taking.latencies, 0.5)}, p99 ${ms(taking.latencies, 0.99)}`,
        met: lost === 0,
      },
    ],
    data: { lost, taking: taking.latencies, latencies: spread.latencies, burst: burst.latencies },
  };
};
