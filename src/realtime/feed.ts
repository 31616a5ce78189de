/**
 * How far the subscribers of one channel are at a hub, and what they get next (05-realtime-and-audit, "WebSocket"): nothing
 * missing, nothing twice, each in order of seq. One cursor stands for all who are live; who asked for the past has a place of
 * their own until they reach it. Pure: pushes and pages go in, what to send comes out.
 */
import type { EventsPage } from "./channel-api.ts";
import type { Event } from "./contract.ts";

export interface Feed {
  /** seq of the last event that live subscribers have, or had no need of */
  readonly cursor: number;
  /** The highest seq that the publisher told us of; above the cursor, something was missed. */
  readonly known: number;
  /** Who is not live yet: the seq up to which each has everything. */
  readonly replays: ReadonlyMap<number, number>;
}

/** What a subscriber gets who was not live: `reset` if what they asked for is not kept, so that they go on from the cursor. */
export interface Replayed {
  readonly socket: number;
  readonly events: readonly Event[];
  readonly reset: boolean;
}

export interface Step {
  readonly feed: Feed;
  /** for everybody who was live before this step */
  readonly live: readonly Event[];
  /** What live subscribers missed is not kept any more: they have to re-read, and go on from the cursor. */
  readonly lost: boolean;
  readonly replayed: readonly Replayed[];
}

/** A channel that was just subscribed to; `pushed` is the highest seq that came before the answer. */
export function opened(head: number, pushed: number): Feed {
  return heard({ cursor: head, known: head, replays: new Map() }, pushed);
}

/** The publisher said that there is something up to `seq`. */
export function heard(feed: Feed, seq: number): Feed {
  return seq > feed.known ? { ...feed, known: seq } : feed;
}

/** A subscriber has everything up to `since`; without it, new ones begin with what comes next and others go on as they were. */
export function joined(feed: Feed, socket: number, since: number | undefined): Feed {
  if (since === undefined) return feed;
  if (since === feed.cursor) return left(feed, socket);
  return { ...feed, replays: new Map(feed.replays).set(socket, since) };
}

export function left(feed: Feed, socket: number): Feed {
  if (!feed.replays.has(socket)) return feed;
  const replays = new Map(feed.replays);
  replays.delete(socket);
  return { ...feed, replays };
}

/** The publisher pushed these, in order; some may be known already, some before them may be missing. */
export function pushed(feed: Feed, events: readonly Event[]): Step {
  const live: Event[] = [];
  let { cursor } = feed;
  for (const event of events) {
    if (event.seq <= cursor) continue;
    if (event.prev > cursor) break;
    live.push(event);
    cursor = event.seq;
  }
  const moved = cursor === feed.cursor ? feed : { ...feed, cursor };
  return { feed: heard(moved, events.at(-1)?.seq ?? 0), live, lost: false, replayed: [] };
}

/** After which seq the publisher has to be asked for a page; undefined if everybody has everything. */
export function toAsk(feed: Feed): number | undefined {
  const places = [...feed.replays.values()].filter((after) => after <= feed.cursor);
  if (isBehind(feed)) places.push(feed.cursor);
  return places.length === 0 ? undefined : Math.min(...places);
}

/** Whether there may be more than the cursor: another hub may have shown a subscriber what is still on its way to this one. */
function isBehind({ cursor, known, replays }: Feed): boolean {
  return known > cursor || [...replays.values()].some((after) => after > cursor);
}

/**
 * The publisher's page after `from`; `asked` is the feed as it was when it was asked for. What changed since, a page knows
 * nothing of: neither of who came, nor of what was pushed.
 */
export function paged(feed: Feed, asked: Feed, from: number, page: EventsPage): Step {
  if (page.head < asked.cursor) return restarted(feed, asked, page.head);
  return page.reset ? forgotten(feed, asked, from, page.head) : read(feed, asked, from, page);
}

/** The subscription was renewed, and `head` is where the publisher stands; `asked` as for a page. */
export function renewed(feed: Feed, asked: Feed, head: number): Step {
  if (head < asked.cursor) return restarted(feed, asked, head);
  return { feed: heard(feed, head), live: [], lost: false, replayed: [] };
}

/** The publisher was restored and has less than it once told: all that was asked of it is gone, and so are our places in it. */
function restarted(feed: Feed, asked: Feed, head: number): Step {
  const lost = feed.cursor === asked.cursor;
  const replays = new Map(feed.replays);
  const replayed: Replayed[] = [];
  for (const socket of asked.replays.keys()) {
    if (replays.delete(socket)) replayed.push({ socket, events: [], reset: true });
  }
  const [cursor, known] = lost ? [head, stillKnown(feed, asked, head)] : [feed.cursor, feed.known];
  return { feed: { cursor, known, replays }, live: [], lost, replayed };
}

function read(feed: Feed, asked: Feed, from: number, { events, head }: EventsPage): Step {
  const upTo = events.at(-1)?.seq ?? Math.max(from, head);
  const whole = upTo >= head;
  const cursor = Math.max(feed.cursor, upTo);
  const replays = new Map(feed.replays);
  const replayed: Replayed[] = [];
  for (const [socket, after] of feed.replays) {
    if (after >= from && after <= upTo) {
      if (upTo >= cursor) replays.delete(socket);
      else replays.set(socket, upTo);
      replayed.push({ socket, events: above(events, after), reset: false });
    } else if (whole && after > cursor && asked.replays.get(socket) === after) {
      // From a future that the publisher never had.
      replays.delete(socket);
      replayed.push({ socket, events: [], reset: true });
    }
  }
  return {
    feed: { cursor, known: stillKnown(feed, asked, Math.max(cursor, head)), replays },
    live: above(events, feed.cursor),
    lost: false,
    replayed,
  };
}

function forgotten(feed: Feed, asked: Feed, from: number, head: number): Step {
  const lost = from === feed.cursor && isBehind(asked);
  const cursor = lost ? head : feed.cursor;
  const replays = new Map(feed.replays);
  const replayed: Replayed[] = [];
  for (const [socket, after] of feed.replays) {
    if (after !== from) continue;
    replays.delete(socket);
    replayed.push({ socket, events: [], reset: true });
  }
  const known = lost ? stillKnown(feed, asked, cursor) : feed.known;
  return { feed: { cursor, known, replays }, live: [], lost, replayed };
}

/** A page that reached `seen` answers what was heard before it was asked for, and nothing that was heard since. */
function stillKnown(feed: Feed, asked: Feed, seen: number): number {
  return Math.max(seen, feed.known > asked.known ? feed.known : 0);
}

function above(events: readonly Event[], seq: number): readonly Event[] {
  return events.filter((event) => event.seq > seq);
}
