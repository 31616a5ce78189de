/** Sessions that wait for each other in a ring, over HTTP. */
import { type Fetched, fetched } from "../support/fetched.ts";
import type { Session } from "../support/wire.ts";

/** Requests under way at once while a ring is set up. */
const TOGETHER = 16;
const LASTING = { ttl_seconds: 300, max_wait_seconds: 300 };

/**
 * A ring of `size` sessions, all waiting but the last. Returns the request that closes it, held open to its end: a 423, for it
 * comes of the session whose lease is the youngest.
 */
export async function openRing({ url, token }: Session, name: string, size: number): Promise<() => Promise<Fetched>> {
  const ask = (session: number, lock: number, prefer = "") => {
    const wanted = { resource_type: "resource", resource_id: `ring:${name}/${lock % size}` };
    const body = { ...wanted, ...LASTING, session_id: `${name}-${session}` };
    return fetched(url, token, { method: "POST", path: "/locks/acquire", body, prefer });
  };
  await each(size - 1, (n) => told(201, () => ask(n, n)));
  await told(201, () => ask(size - 1, size - 1));
  await each(size - 1, (n) => told(202, () => ask(n, n + 1)));
  return () => ask(size - 1, size, "wait=60");
}

async function each(count: number, work: (n: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    for (let n = next++; n < count; n = next++) await work(n);
  };
  await Promise.all(Array.from({ length: Math.min(count, TOGETHER) }, worker));
}

/** Asks again if a connection is lost: the same session finds what it has. */
async function told(expected: number, ask: () => Promise<Fetched>): Promise<void> {
  const { status, body } = await ask().catch(ask).catch(ask);
  if (status !== expected) throw new Error(`answered ${status}, not ${expected}: ${JSON.stringify(body)}`);
}
