/** Load on whatever is measured: a fixed number of clients, or a fixed rate. */
import { performance } from "node:perf_hooks";

export interface Measured {
  /** ms each */
  readonly latencies: readonly number[];
  readonly perSecond: number;
}

/** `clients` that each begin their next operation when the last one is done, for `seconds`. */
export async function closedLoop(
  clients: number,
  seconds: number,
  operation: (client: number) => Promise<unknown>,
): Promise<Measured> {
  const latencies: number[] = [];
  const began = performance.now();
  const until = began + seconds * 1_000;
  await Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      for (let start = performance.now(); start < until; start = performance.now()) {
        await operation(client);
        latencies.push(performance.now() - start);
      }
    }),
  );
  return { latencies, perSecond: (latencies.length * 1_000) / (performance.now() - began) };
}

/**
 * `rate` operations a second for `seconds`, each by a client that is idle, or by the first that becomes so. Latency counts from
 * when an operation was due, so that one that had to wait for its turn is not made to look fast (coordinated omission).
 */
export async function openLoop(
  rate: number,
  seconds: number,
  clients: number,
  operation: (client: number, n: number, due: number) => Promise<unknown>,
): Promise<Measured> {
  const latencies: number[] = [];
  const began = performance.now();
  const total = Math.floor(rate * seconds);
  let next = 0;
  await Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      while (next < total) {
        const n = next;
        next += 1;
        const due = began + (n * 1_000) / rate;
        await until(due);
        await operation(client, n, due);
        latencies.push(performance.now() - due);
      }
    }),
  );
  return { latencies, perSecond: (latencies.length * 1_000) / (performance.now() - began) };
}

async function until(due: number): Promise<void> {
  for (let rest = due - performance.now(); rest > 0; rest = due - performance.now()) {
    await new Promise((resolve) => setTimeout(resolve, rest));
  }
}
