/**
 * Events of channels in order, each once, nothing missing (05, "Channels"): every event names the one before it, so a reader
 * that knows where it stands sees what it has already and what it lacks. Where frames come from is passed in.
 */
export interface ChannelEvent {
  readonly event: string;
  /** RFC 3339 */
  readonly timestamp: string;
  readonly channel: string;
  readonly seq: number;
  /** seq of the channel's event before; 0 for the first */
  readonly prev: number;
  readonly payload: Readonly<Record<string, unknown>>;
}

/** Something is not kept any more: what the channel is about has to be read anew; events go on after `seq`. */
export interface ChannelReset {
  readonly event: "reset";
  readonly channel: string;
  readonly payload: { readonly seq: number };
}

export type ChannelItem = ChannelEvent | ChannelReset;

/** The head of each channel at the moment that a subscription began. */
export interface Subscribed {
  readonly event: "subscribed";
  readonly payload: { readonly channels: Readonly<Record<string, number>> };
}

export type Frame = ChannelItem | Subscribed;

/** What `GET /channels/{channel}/events` answers. */
export interface Page {
  readonly events: readonly ChannelEvent[];
  readonly next_seq: number;
}

/** Per channel the seq of the last event that was handed on. */
export type Positions = Map<string, number>;

/**
 * @param positions where the reader stands; kept up to date, so that a next connection goes on from there
 * @param pageAfter reads what a channel holds after a seq
 */
export async function* inOrder(
  frames: AsyncIterable<Frame>,
  positions: Positions,
  pageAfter: (channel: string, after: number) => Promise<Page>,
): AsyncGenerator<ChannelItem> {
  for await (const frame of frames) {
    if (isSubscribed(frame)) {
      for (const [channel, head] of Object.entries(frame.payload.channels))
        if (!positions.has(channel)) positions.set(channel, head);
      continue;
    }
    for await (const item of upTo(frame, positions, pageAfter)) {
      positions.set(item.channel, seqOf(item));
      yield item;
    }
  }
}

/** What is still to be handed on once this frame is here: nothing, itself, or what it shows to be missing before it. */
async function* upTo(
  frame: ChannelItem,
  positions: Positions,
  pageAfter: (channel: string, after: number) => Promise<Page>,
): AsyncGenerator<ChannelItem> {
  const { channel } = frame;
  const at = () => positions.get(channel) ?? Number.POSITIVE_INFINITY;
  if (!positions.has(channel)) return yield frame;
  // A socket is also reset where it is not sent that much of the past: pages may have it all the same.
  const before = isReset(frame) ? frame.payload.seq : frame.prev;
  if (isReset(frame) && at() >= before) return yield frame;
  while (at() < before) {
    const items = itemsOf(channel, at(), await pageAfter(channel, at()));
    // The page knows of nothing in between: it was dropped where it is read from.
    yield* items.length > 0 ? items : [resetTo(channel, before)];
  }
  if (!isReset(frame) && at() < frame.seq) yield frame;
}

/** A page as items: a reset where it does not begin right after `after`. */
export function itemsOf(channel: string, after: number, { events, next_seq }: Page): ChannelItem[] {
  const [first] = events;
  if (first === undefined) return next_seq === after ? [] : [resetTo(channel, next_seq)];
  return first.prev === after ? [...events] : [resetTo(channel, first.prev), ...events];
}

function resetTo(channel: string, seq: number): ChannelReset {
  return { event: "reset", channel, payload: { seq } };
}

function seqOf(item: ChannelItem): number {
  return isReset(item) ? item.payload.seq : item.seq;
}

export function isReset(item: Frame): item is ChannelReset {
  return item.event === "reset" && !("seq" in item);
}

function isSubscribed(frame: Frame): frame is Subscribed {
  return frame.event === "subscribed" && !("seq" in frame);
}
