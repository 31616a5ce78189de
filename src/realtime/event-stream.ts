/** Server-sent events (05-realtime-and-audit, fallback; WHATWG HTML, "Server-sent events") out of a publisher's pages. */
import type { EventsPage } from "./channel-api.ts";
import type { Event } from "./contract.ts";
import { eventMessage, resetMessage } from "./messages.ts";

/** A stream tells that often that it is alive, and proxies keep it open (ms). */
export const HEARTBEAT_MS = 15_000;
/** A browser comes again this long after a stream ended (ms). */
const RETRY_MS = 2_000;

interface Ports {
  readonly channel: string;
  /** the seq after which it begins */
  readonly after: number;
  /** The events after a seq, waited for no longer than {@link HEARTBEAT_MS}; null: the channel is no more. */
  readonly next: (after: number) => Promise<EventsPage | null>;
  /** Whether the stream may go on. */
  readonly allowed: () => Promise<boolean>;
}

/** One page per pull: a client that does not read is not read for, and one that went away is not asked about again. */
export function eventStream({ channel, after, next, allowed }: Ports): ReadableStream<Uint8Array> {
  const utf8 = new TextEncoder();
  let place = after;
  return new ReadableStream({
    start(controller) {
      controller.enqueue(utf8.encode(`retry: ${RETRY_MS}\n\n`));
    },
    async pull(controller) {
      const page = (await allowed()) ? await next(place) : null;
      if (page === null) return controller.close();
      controller.enqueue(utf8.encode(framesOf(channel, page)));
      place = page.reset ? page.head : (page.events.at(-1)?.seq ?? place);
    },
  });
}

function framesOf(channel: string, { events, head, reset }: EventsPage): string {
  if (reset) return `event: reset\nid: ${head}\ndata: ${resetMessage(channel, head)}\n\n`;
  return events.length === 0 ? ": still here\n\n" : events.map(frame).join("");
}

function frame(event: Event): string {
  return `id: ${event.seq}\ndata: ${eventMessage(event)}\n\n`;
}
