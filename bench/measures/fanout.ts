/**
 * From a commit to the sockets that listen: 100 and 1,000 WebSockets of one hub on one channel. A latency counts from the event's own
 * timestamp, which is the commit's, to its arrival at the client, which shares this machine's cores with the server.
 */
import { once } from "node:events";
import { BASE, type Countersign } from "../contestants/countersign.ts";
import { quantile } from "../statistics.ts";
import type { Measure, Row } from "./measure.ts";

/** Sockets on the channel, and what 06-performance wants of their latencies (ms). */
const AUDIENCES = [
  { sockets: 100, target: "p50 < 20 ms", p50: 20, p99: Number.POSITIVE_INFINITY },
  { sockets: 1_000, target: "p50 < 100 ms, p99 < 250 ms", p50: 100, p99: 250 },
] as const;

const EVENTS = 60;
/** Between two pairs of events (ms): each is over before the next begins. */
const PAUSE = 300;
/** Sockets that are opened at once. */
const TOGETHER = 50;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Opens sockets that listen to a channel, and calls `arrived` with the commit's time (ms) of each event that reaches one. */
async function listen(
  { url, tokens }: Countersign,
  count: number,
  channel: string,
  arrived: (committed: number) => void,
): Promise<WebSocket[]> {
  const sockets: WebSocket[] = [];
  while (sockets.length < count) {
    const opening = Array.from({ length: Math.min(TOGETHER, count - sockets.length) }, async () => {
      const headers = { Authorization: `Bearer ${tokens.reviewer}` };
      // Node's WebSocket takes headers, other than a browser's.
      const socket = new WebSocket(`${url.replace("http", "ws")}${BASE}/ws`, { headers } as unknown as string[]);
      await once(socket, "open");
      const { promise: subscribed, resolve } = Promise.withResolvers<void>();
      socket.addEventListener("message", ({ data }) => {
        const message = JSON.parse(String(data)) as { event: string; timestamp?: string };
        if (message.event === "subscribed") resolve();
        else if (message.timestamp !== undefined) arrived(Date.parse(message.timestamp));
      });
      socket.send(JSON.stringify({ action: "subscribe", channels: [channel] }));
      await subscribed;
      return socket;
    });
    sockets.push(...(await Promise.all(opening)));
  }
  return sockets;
}

interface Heard {
  /** ms, of every event at every socket */
  readonly latencies: readonly number[];
  readonly expected: number;
  /** what opening the sockets took (ms) */
  readonly opened: number;
}

async function hear(server: Countersign, count: number): Promise<Heard> {
  const key = `service:bench/fanout-${count}`;
  const latencies: number[] = [];
  const begun = performance.now();
  const sockets = await listen(server, count, `resource:${key}`, (committed) => {
    latencies.push(performance.timeOrigin + performance.now() - committed);
  });
  const opened = performance.now() - begun;
  const client = await server.client(0);
  for (let n = 0; n < EVENTS / 2; n += 1) {
    await client.pair(key);
    await pause(PAUSE);
  }
  const expected = count * EVENTS;
  for (const end = Date.now() + 10_000; latencies.length < expected && Date.now() < end; ) await pause(20);
  await client.close();
  for (const socket of sockets) socket.close();
  return { latencies, expected, opened };
}

export const fanout: Measure = async ({ countersign }) => {
  const rows: Row[] = [];
  const data: object[] = [];
  for (const { sockets, target, ...most } of AUDIENCES) {
    const { latencies, expected, opened } = await hear(countersign, sockets);
    const [p50, p99, max] = [quantile(latencies, 0.5), quantile(latencies, 0.99), quantile(latencies, 1)];
    const arrived = `${latencies.length} of ${expected} arrived`;
    rows.push({
      measure: `event: commit → subscriber's socket, ${sockets} sockets on one channel`,
      target,
      result: `p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms, max ${max.toFixed(0)} ms; ${arrived}`,
      met: latencies.length === expected && p50 < most.p50 && p99 < most.p99,
    });
    data.push({ sockets, p50, p99, max, arrived: latencies.length, expected, opened });
  }
  return { rows, data };
};
