/**
 * From a commit to the sockets that listen: 1,000 and 100 WebSockets of one hub on one channel, over the server as `npm start`
 * runs it. Run with `node bench/fanout.ts`. A latency counts from the event's own timestamp, which is the commit's, to its
 * arrival at the client, which shares this machine's cores with the server.
 */
import { once } from "node:events";
import { BASE, type Countersign, startCountersign } from "./contestants/countersign.ts";
import { machine } from "./machine.ts";
import { quantile } from "./statistics.ts";

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

async function measure(server: Countersign, count: number): Promise<string> {
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
  for (const end = Date.now() + 10_000; latencies.length < count * EVENTS && Date.now() < end; ) await pause(20);
  await client.close();
  for (const socket of sockets) socket.close();
  const [p50, p99, most] = [0.5, 0.99, 1].map((share) => quantile(latencies, share).toFixed(0));
  const arrived = `${latencies.length} of ${count * EVENTS} arrived`;
  return `${count} sockets: p50 ${p50} ms, p99 ${p99} ms, max ${most} ms; ${arrived}; opened in ${opened.toFixed(0)} ms`;
}

const server = await startCountersign();
try {
  console.log(await machine());
  for (const count of [100, 1_000]) console.log(await measure(server, count));
} finally {
  await server.stop();
}
