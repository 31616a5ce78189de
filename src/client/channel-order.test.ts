import fc from "fast-check";
import { expect, test } from "vitest";
import { type ChannelEvent, type ChannelItem, type Frame, inOrder, isReset, type Page } from "./channel-order.ts";

const CHANNEL = "task:t";

/** A channel's events: seqs rise with gaps, each names the one before. */
const logs = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 25 }).map((steps) => {
  let prev = 0;
  return steps.map((step): ChannelEvent => {
    const event = { event: "task:updated", timestamp: "", channel: CHANNEL, seq: prev + step, prev, payload: {} };
    prev = event.seq;
    return event;
  });
});

/** What a publisher that keeps events above `floor` answers, two at a time. */
function pages(log: readonly ChannelEvent[], floor = 0) {
  return async (_: string, after: number): Promise<Page> => {
    const events = log.filter(({ seq }) => seq > Math.max(after, floor)).slice(0, 2);
    return { events, next_seq: events.at(-1)?.seq ?? after };
  };
}

async function* from<Item>(items: readonly Item[]): AsyncGenerator<Item> {
  yield* items;
}

async function read(frames: readonly Frame[], positions: Map<string, number>, page: ReturnType<typeof pages>) {
  const read: ChannelItem[] = [];
  for await (const item of inOrder(from(frames), positions, page)) read.push(item);
  return read;
}

test("over connections that drop, repeat and skip events, every event after `since` arrives once, in order", async () => {
  const connections = fc.array(fc.array(fc.nat({ max: 24 }), { maxLength: 15 }), { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(logs, connections, fc.nat({ max: 24 }), async (log, picked, start) => {
      const since = log[start % log.length]?.prev ?? 0;
      const positions = new Map([[CHANNEL, since]]);
      const got: ChannelItem[] = [];
      for (const picks of picked) {
        const frames = picks.flatMap((pick) => log[pick % log.length] ?? []);
        got.push(...(await read(frames, positions, pages(log))));
      }
      const last = log.at(-1);
      got.push(...(await read(last === undefined ? [] : [last], positions, pages(log))));
      expect(got).toEqual(log.filter(({ seq }) => seq > since));
      expect(positions.get(CHANNEL)).toBe(Math.max(since, last?.seq ?? 0));
    }),
  );
});

test("without `since` it begins where the subscription began, and a later connection goes on from there", async () => {
  const event = (seq: number, prev: number): ChannelEvent => ({
    event: "e",
    timestamp: "",
    channel: CHANNEL,
    seq,
    prev,
    payload: {},
  });
  const log = [event(4, 0), event(7, 4), event(9, 7), event(12, 9)];
  const positions = new Map<string, number>();
  const subscribed: Frame = { event: "subscribed", payload: { channels: { [CHANNEL]: 4 } } };
  expect(await read([subscribed, event(7, 4)], positions, pages(log))).toEqual([event(7, 4)]);
  const again: Frame = { event: "subscribed", payload: { channels: { [CHANNEL]: 12 } } };
  expect(await read([again, event(12, 9)], positions, pages(log))).toEqual([event(9, 7), event(12, 9)]);
});

test("what is no longer kept is told as a reset, once, and events go on after it", async () => {
  await fc.assert(
    fc.asyncProperty(logs, fc.nat({ max: 24 }), async (log, cut) => {
      const floor = log[cut % log.length]?.seq ?? 0;
      const last = log.at(-1);
      if (last === undefined) return;
      const got = await read([last], new Map([[CHANNEL, 0]]), pages(log, floor));
      const kept = log.filter(({ seq }) => seq > floor);
      if (kept.length === 0) expect(got).toEqual([...resetTo(last.prev), last]);
      else expect(got).toEqual([...resetTo(floor), ...kept]);
    }),
  );
  function resetTo(seq: number): ChannelItem[] {
    return seq === 0 ? [] : [{ event: "reset", channel: CHANNEL, payload: { seq } }];
  }
});

test("a reset where the past is only more than a socket is sent is none: all of it is read", async () => {
  await fc.assert(
    fc.asyncProperty(logs, fc.nat({ max: 24 }), fc.nat({ max: 24 }), async (log, start, pick) => {
      const since = log[start % log.length]?.prev ?? 0;
      const { seq } = log[pick % log.length] ?? { seq: 0 };
      fc.pre(seq > since);
      const reset: ChannelItem = { event: "reset", channel: CHANNEL, payload: { seq } };
      const live = log.filter((event) => event.seq > seq);
      const got = await read([reset, ...live], new Map([[CHANNEL, since]]), pages(log));
      expect(got).toEqual(log.filter((event) => event.seq > since));
    }),
  );
});

test("a reset of a reader who was ahead of the channel takes them back", async () => {
  const positions = new Map([[CHANNEL, 99]]);
  const reset: ChannelItem = { event: "reset", channel: CHANNEL, payload: { seq: 40 } };
  expect(await read([reset], positions, () => expect.unreachable())).toEqual([reset]);
  expect(positions.get(CHANNEL)).toBe(40);
});

test("a reset that the server sends is handed on and moves the reader", async () => {
  const positions = new Map([[CHANNEL, 3]]);
  const reset: ChannelItem = { event: "reset", channel: CHANNEL, payload: { seq: 40 } };
  const next: ChannelEvent = { event: "e", timestamp: "", channel: CHANNEL, seq: 41, prev: 40, payload: {} };
  const got = await read([reset, next], positions, pages([]));
  expect(got).toEqual([reset, next]);
  expect(got.map(isReset)).toEqual([true, false]);
});
