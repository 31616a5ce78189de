/** From the request that closes a cycle to its victim's answer, while 10,000 others wait. */
import { BASE } from "../contestants/countersign.ts";
import { quantile } from "../statistics.ts";
import type { Measure } from "./measure.ts";

const WAITERS = 10_000;
const A_LOCK = 500;
const CROSSINGS = 100;
const CLIENTS = 16;

export const deadlock: Measure = async ({ countersign }) => {
  const clients = Array.from({ length: CLIENTS }, () => countersign.as(countersign.tokens.agent));
  const [one, two] = [countersign.as(countersign.tokens.agent), countersign.as(countersign.tokens.agent)];
  const acquire = (key: string, session_id: string, more = {}) => ({
    resource_type: "resource",
    resource_id: key,
    session_id,
    ttl_seconds: 300,
    max_wait_seconds: 300,
    ...more,
  });
  for (let n = 0; n < WAITERS / A_LOCK; n += 1) {
    await one.expect(201, "POST", `${BASE}/locks/acquire`, acquire(`network:crowd/${n}`, `holder-${n}`));
  }
  await Promise.all(
    clients.map(async (client, worker) => {
      for (let n = worker; n < WAITERS; n += CLIENTS) {
        await client.expect(
          202,
          "POST",
          `${BASE}/locks/acquire`,
          acquire(`network:crowd/${n % (WAITERS / A_LOCK)}`, `waiter-${n}`),
        );
      }
    }),
  );
  const told: number[] = [];
  for (let n = 0; n < CROSSINGS; n += 1) {
    const [left, right] = [`network:left/${n}`, `network:right/${n}`];
    await one.expect(201, "POST", `${BASE}/locks/acquire`, acquire(left, `left-${n}`));
    await two.expect(201, "POST", `${BASE}/locks/acquire`, acquire(right, `right-${n}`));
    const first = one.call("POST", `${BASE}/locks/acquire`, acquire(right, `left-${n}`), { Prefer: "wait=60" });
    // The first waits in its lock's queue before the second closes the cycle.
    await queued(countersign.as(countersign.tokens.root), right);
    const began = performance.now();
    const second = two.call("POST", `${BASE}/locks/acquire`, acquire(left, `right-${n}`), { Prefer: "wait=60" });
    const answers = [first, second].map((answer) =>
      answer.then(({ status }) => ({ status, after: performance.now() - began })),
    );
    const victim = await Promise.any(
      answers.map(async (answer) => ((await answer).status === 423 ? answer : Promise.reject(new Error("survived")))),
    );
    told.push(victim.after);
    await Promise.all(answers);
  }
  for (const client of [one, two, ...clients]) client.close();
  const p99 = quantile(told, 0.99);
  return {
    rows: [
      {
        measure: `deadlock: closing request → victim told, ${WAITERS} others waiting (${CROSSINGS} crossings)`,
        target: "p99 < 1 s",
        result: `p50 ${quantile(told, 0.5).toFixed(0)} ms, p99 ${p99.toFixed(0)} ms`,
        met: p99 < 1_000,
      },
    ],
    data: { told },
  };
};

async function queued(
  root: { expect: <B>(status: number, method: string, path: string) => Promise<B>; close(): void },
  key: string,
): Promise<void> {
  for (;;) {
    const { edges } = await root.expect<{ edges: { resource_id: string }[] }>(200, "GET", `${BASE}/locks/graph`);
    if (edges.some(({ resource_id }) => resource_id === key)) break;
  }
  root.close();
}
