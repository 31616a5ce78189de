/** Latencies at half of saturation: of acquire (with its release), and of a reviewer's answer. */
import { BASE, type Countersign } from "../contestants/countersign.ts";
import { closedLoop, type Measured, openLoop } from "../load.ts";
import { quantile } from "../statistics.ts";
import type { Measure, Row } from "./measure.ts";
import { submitted } from "./task-life.ts";

const CLIENTS = 32;
const ANSWERS = 600;

export const acquireAtHalf: Measure = async ({ countersign, seconds }) => {
  const clients = Array.from({ length: CLIENTS }, () => countersign.as(countersign.tokens.agent));
  const acquires: number[] = [];
  const pair = async (client: number, due = performance.now()) => {
    const connection = clients[client];
    if (connection === undefined) return;
    const body = {
      resource_type: "resource",
      resource_id: `database:bench/half-${client}`,
      session_id: `half-${client}`,
    };
    const { id } = await connection.expect<{ id: string }>(201, "POST", `${BASE}/locks/acquire`, body);
    acquires.push(performance.now() - due);
    await connection.expect(204, "POST", `${BASE}/locks/release`, { lock_id: id });
  };
  const saturated = await closedLoop(CLIENTS, seconds * 2, (client) => pair(client));
  acquires.length = 0;
  const half = await openLoop(saturated.perSecond / 2, seconds * 5, CLIENTS, (client, _, due) => pair(client, due));
  for (const client of clients) client.close();
  return {
    rows: [row("acquire at half of saturation", acquires, half, 10, 50)],
    data: { saturated: saturated.perSecond, acquires },
  };
};

export const respondAtHalf: Measure = async ({ countersign }) => {
  const reviewers = Array.from({ length: CLIENTS }, () => countersign.as(countersign.tokens.reviewer));
  const answer = async (client: number, id: string | undefined) => {
    await reviewers[client]?.expect(200, "POST", `${BASE}/approvals/${id}/respond`, { action: "approve" });
  };
  // As fast as they can; then as many again at half of that rate.
  const first = await waiting(countersign, ANSWERS, "saturate");
  const saturated = await openLoop(1e6, ANSWERS / 1e6, CLIENTS, (client, n) => answer(client, first[n]));
  const second = await waiting(countersign, ANSWERS, "half");
  const rate = saturated.perSecond / 2;
  const half = await openLoop(rate, ANSWERS / rate, CLIENTS, (client, n) => answer(client, second[n]));
  for (const one of reviewers) one.close();
  return {
    rows: [row("approval respond at half of saturation", half.latencies, half, 100, 500)],
    data: { saturated: saturated.perSecond, latencies: half.latencies },
  };
};

/** Open requests of that many tasks, each on a resource of its own. */
async function waiting(countersign: Countersign, count: number, name: string): Promise<string[]> {
  const authors = Array.from({ length: 8 }, () => countersign.as(countersign.tokens.author));
  const made = await Promise.all(
    authors.map(async (connection, worker) => {
      const ids: string[] = [];
      for (let n = worker; n < count; n += authors.length)
        ids.push((await submitted(connection, `${name}-${n % 50}`)).request);
      return ids;
    }),
  );
  for (const connection of authors) connection.close();
  return made.flat();
}

function row(measure: string, latencies: readonly number[], { perSecond }: Measured, p50: number, p99: number): Row {
  const [half, most] = [quantile(latencies, 0.5), quantile(latencies, 0.99)];
  return {
    measure: `${measure} (${perSecond.toFixed(0)}/s)`,
    target: `p50 < ${p50} ms, p99 < ${p99} ms`,
    result: `p50 ${half.toFixed(1)} ms, p99 ${most.toFixed(1)} ms`,
    met: half < p50 && most < p99,
  };
}
