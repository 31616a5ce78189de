/** Events of channels as an async iterator, over whatever connection can be had. */

import type { ApiClient } from "./api-client.ts";
import { type ChannelItem, type Frame, inOrder, type Page, type Positions } from "./channel-order.ts";
import { isCountersignError } from "./countersign-error.ts";
import { pause } from "./pause.ts";
import { polledFrames, type Reading, type ReadPage } from "./polled-frames.ts";
import { backoff } from "./retry-policy.ts";
import { socketFrames } from "./socket-frames.ts";

export interface EventOptions {
  /** The seq after which to begin: of each channel, or of all. Without: what happens from now on. */
  readonly since?: number | Readonly<Record<string, number>>;
  /** Ends the iteration, quietly. */
  readonly signal?: AbortSignal | undefined;
}

/** So many connections in a row that brought nothing: something in between does not let WebSockets through. */
const SOCKET_FAILURES = 3;
/** For how long to poll before a WebSocket is tried again (ms). */
const POLLING_MS = 5 * 60_000;
const RECONNECT = { base_ms: 100, cap_ms: 10_000 };
/** How long a poll is held open by the server (s), and what its answer may take on top (ms). */
const HELD_S = 25;
const ON_THE_WAY_MS = 10_000;
/** Events of one answer. */
const PAGE = 500;

/**
 * Every event of these channels (05, "Channels"), each channel's in order, each once. Reconnects and goes on where it stood,
 * for as long as it takes. Where the server no longer keeps what comes next, a `reset` says so: re-read what it is about.
 *
 * @throws CountersignError for a channel that the caller may not have
 */
export async function* events(
  client: ApiClient,
  channels: readonly string[],
  { since = {}, signal }: EventOptions = {},
): AsyncGenerator<ChannelItem> {
  const positions: Positions = new Map(
    typeof since === "number" ? channels.map((channel) => [channel, since]) : Object.entries(since),
  );
  const after = (channel: string, seq: number) => readPage(client, channel, { after: seq, signal: signal ?? NEVER }, 0);
  let failures = 0;
  while (!signal?.aborted) {
    try {
      const frames = noticed(connection(client, channels, positions, failures, signal), () => (failures = 0));
      for await (const item of inOrder(frames, positions, after)) {
        yield item;
        if (signal?.aborted) return;
      }
    } catch (thrown) {
      if (signal?.aborted) return;
      if (!isCountersignError(thrown) || !thrown.retry.retryable) throw thrown;
    }
    failures += 1;
    await pause(backoff(RECONNECT, failures, Math.random()), signal).catch(() => undefined);
  }
}

/** Says so whenever a frame comes: the connection works. */
async function* noticed(frames: AsyncIterable<Frame>, works: () => void): AsyncGenerator<Frame> {
  for await (const frame of frames) {
    works();
    yield frame;
  }
}

const NEVER = new AbortController().signal;

async function* connection(
  client: ApiClient,
  channels: readonly string[],
  positions: Positions,
  failures: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Frame> {
  const { WebSocket: Socket = globalThis.WebSocket } = client.settings;
  if (Socket == null || failures >= SOCKET_FAILURES) {
    const until = performance.now() + POLLING_MS;
    const read: ReadPage = (channel, { after, signal: left }) =>
      readPage(
        client,
        channel,
        { after, signal: signal === undefined ? left : AbortSignal.any([left, signal]) },
        HELD_S,
      );
    yield* polledFrames(channels, positions, read, () => performance.now() < until);
    return;
  }
  const url = `${client.base.replace(/^http/, "ws")}/ws?ticket=${encodeURIComponent(await ticket(client, signal))}`;
  yield* socketFrames(Socket, { url, channels, since: Object.fromEntries(positions), signal });
}

/** A ticket is shown once: where its answer was lost the repeat has none, and another is made. */
async function ticket(client: ApiClient, signal: AbortSignal | undefined): Promise<string> {
  for (;;) {
    const { ticket } = await client.channels.ticket({ signal });
    if (ticket !== undefined) return ticket;
  }
}

/** A seq that never was: it is answered with where the channel stands. */
const NOWHERE = 999_999_999_999_999;

function readPage(client: ApiClient, channel: string, { after, signal }: Reading, held: number): Promise<Page> {
  const query = after === undefined ? { after: NOWHERE } : { after, wait: held, limit: PAGE };
  return client.channels.events(channel, query, { signal, timeoutMs: held * 1000 + ON_THE_WAY_MS });
}
