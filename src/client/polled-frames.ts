/** The same frames without a WebSocket: a long poll per channel. */
import { type Frame, itemsOf, type Page, type Positions } from "./channel-order.ts";

export interface Reading {
  /** Strictly after this seq; undefined: nothing, only where the channel stands. */
  readonly after: number | undefined;
  readonly signal: AbortSignal;
}

/** Reads a page of a channel, held open until there is something or a while has passed. */
export type ReadPage = (channel: string, reading: Reading) => Promise<Page>;

/** Ends between two pages once it should not go on. Throws what reading a page throws. */
export async function* polledFrames(
  channels: readonly string[],
  positions: Positions,
  read: ReadPage,
  goesOn: () => boolean,
): AsyncGenerator<Frame> {
  const left = new AbortController();
  const open = new Map<string, Promise<readonly Frame[]>>();
  const ask = async (channel: string): Promise<readonly Frame[]> => {
    const after = positions.get(channel);
    const page = await read(channel, { after, signal: left.signal });
    open.delete(channel);
    if (after !== undefined) return itemsOf(channel, after, page);
    return [{ event: "subscribed", payload: { channels: { [channel]: page.next_seq } } }];
  };
  try {
    while (goesOn()) {
      for (const channel of channels) {
        if (open.has(channel)) continue;
        const asked = ask(channel);
        open.set(channel, asked);
        // The race hears of the first that fails; the others fail because they were left.
        asked.catch(() => left.abort());
      }
      yield* await Promise.race(open.values());
    }
  } finally {
    left.abort();
  }
}
