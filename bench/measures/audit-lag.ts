/** From an acknowledged change to its row in D1, while 500 audited events a second come in. */
import { randomUUID } from "node:crypto";
import { BASE } from "../contestants/countersign.ts";
import { openLoop } from "../load.ts";
import { quantile } from "../statistics.ts";
import type { Measure } from "./measure.ts";

const EVENTS = 500;
const CLIENTS = 32;
/** Every so many pairs one is looked for in the trail. */
const SAMPLED = 25;

export const auditLag: Measure = async ({ countersign, seconds }) => {
  const clients = Array.from({ length: CLIENTS }, () => countersign.as(countersign.tokens.agent));
  const auditor = countersign.as(countersign.tokens.root);
  const lags: number[] = [];
  const looking: Promise<void>[] = [];
  // A pair is two events: the acquire and the release.
  const load = await openLoop(EVENTS / 2, seconds * 5, CLIENTS, async (worker, n) => {
    const client = clients[worker];
    if (client === undefined) return;
    const request = randomUUID();
    const body = {
      resource_type: "resource",
      resource_id: `database:bench/lag-${worker}`,
      session_id: `lag-${n}`,
    };
    const { body: lock, status } = await client.call("POST", `${BASE}/locks/acquire`, body, {
      "X-Request-Id": request,
    });
    if (status !== 201) throw new Error(`acquire answered ${status}`);
    const acknowledged = performance.now();
    if (n % SAMPLED === 0) {
      looking.push(
        (async () => {
          const found = async () =>
            (await auditor.expect<{ entries: unknown[] }>(200, "GET", `${BASE}/audit?request_id=${request}`)).entries
              .length > 0;
          while (!(await found())) await new Promise((resolve) => setTimeout(resolve, 5));
          lags.push(performance.now() - acknowledged);
        })(),
      );
    }
    await client.expect(204, "POST", `${BASE}/locks/release`, { lock_id: (lock as { id: string }).id });
  });
  await Promise.all(looking);
  for (const one of [auditor, ...clients]) one.close();
  const p50 = quantile(lags, 0.5);
  return {
    rows: [
      {
        measure: `audit lag, commit → D1, at ${(load.perSecond * 2).toFixed(0)} events/s`,
        target: "p50 < 250 ms",
        result: `p50 ${p50.toFixed(0)} ms, p99 ${quantile(lags, 0.99).toFixed(0)} ms (${lags.length} sampled)`,
        met: p50 < 250,
      },
    ],
    data: { lags, perSecond: load.perSecond * 2 },
  };
};
