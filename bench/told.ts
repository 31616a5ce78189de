/**
 * How long a deadlock's victim waits to be told, over HTTP: from the request that closes the cycle until one of those held open
 * is answered 423. Run with `node bench/told.ts`; `CROSSINGS` (200) and `RINGS` (100,1000) say how much.
 */
import { performance } from "node:perf_hooks";
import { openRing } from "../test/soak/ring.ts";
import { fetched } from "../test/support/fetched.ts";
import { ROOT_TOKEN, startServer } from "../test/support/server.ts";
import { Session } from "../test/support/wire.ts";

const CROSSINGS = Number(process.env.CROSSINGS ?? 200);
const RINGS = (process.env.RINGS ?? "100,1000").split(",").filter(Boolean).map(Number);

const server = await startServer();
const { url } = server;
const agent = await new Session(url, "root", ROOT_TOKEN).newAgent("bench");

function acquire(session_id: string, resource_id: string, prefer = ""): Promise<{ readonly status: number }> {
  const wanted = { resource_type: "resource", resource_id, ttl_seconds: 300, max_wait_seconds: 300 };
  return fetched(url, agent.token, { method: "POST", path: "/locks/acquire", body: { ...wanted, session_id }, prefer });
}

/** ms from the second wait to the victim's 423. */
async function crossing(n: number): Promise<number> {
  const [one, two] = [`cross:${n}/one`, `cross:${n}/two`];
  await acquire(`a${n}`, one);
  await acquire(`b${n}`, two);
  const first = acquire(`a${n}`, two, "wait=30");
  // It has to be in the queue.
  await new Promise((resolve) => setTimeout(resolve, 30));
  const closed = performance.now();
  const second = acquire(`b${n}`, one, "wait=30");
  const answers = [first, second].map(async (answer) => ({ ...(await answer), at: performance.now() }));
  const victim = (await Promise.all(answers)).find(({ status }) => status === 423);
  if (victim === undefined) throw new Error("nobody gave way");
  return victim.at - closed;
}

function quantile(sorted: readonly number[], share: number): string {
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(1);
}

const times: number[] = [];
for (let n = 0; n < CROSSINGS; n += 1) times.push(await crossing(n));
times.sort((a, b) => a - b);
console.log(
  `${CROSSINGS} crossings: p50 ${quantile(times, 0.5)} ms, p99 ${quantile(times, 0.99)} ms, max ${quantile(times, 1)} ms`,
);
for (const size of RINGS) {
  const close = await openRing(agent, `r${size}`, size);
  const closed = performance.now();
  const { status } = await close();
  console.log(
    `ring of ${size}: ${(performance.now() - closed).toFixed(0)} ms until the closing request is answered ${status}`,
  );
}
await server.end();
