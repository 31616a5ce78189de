import { expect, test } from "vitest";
import type { EventsPage } from "./channel-api.ts";
import { eventStream } from "./event-stream.ts";
import { eventAt } from "./forwarding.fixture.ts";

/** A stream of pages, each asked for by the seq that it follows; null after the last. */
function streamOf(pages: readonly EventsPage[], allowed = () => true) {
  const asked: number[] = [];
  const stream = eventStream({
    channel: "locks",
    after: 4,
    next: async (after) => pages[asked.push(after) - 1] ?? null,
    allowed: async () => allowed(),
  });
  return { asked, stream };
}

const page = (...seqs: number[]): EventsPage => ({
  events: seqs.map((seq) => eventAt(seq, seq - 1)),
  head: seqs.at(-1) ?? 4,
  reset: false,
});

test("each event is one message with its seq as id, each page follows the one before, and silence is a comment", async () => {
  const { asked, stream } = streamOf([page(5, 6), page(), page(7)]);
  const data = (seq: number) => `id: ${seq}\ndata: ${JSON.stringify(eventAt(seq, seq - 1))}\n\n`;
  expect(await new Response(stream).text()).toBe(`retry: 2000\n\n${data(5)}${data(6)}: still here\n\n${data(7)}`);
  expect(asked).toEqual([4, 6, 6, 7]);
});

test("a past that is not kept any more is a reset, whose id is where to go on", async () => {
  const { asked, stream } = streamOf([{ events: [], head: 90, reset: true }]);
  expect(await new Response(stream).text()).toBe(
    'retry: 2000\n\nevent: reset\nid: 90\ndata: {"event":"reset","channel":"locks","payload":{"seq":90}}\n\n',
  );
  expect(asked).toEqual([4, 90]);
});

test("it ends before the next page once the token is dead", async () => {
  let alive = 2;
  const { asked, stream } = streamOf([page(5), page(6), page(7)], () => alive-- > 0);
  await new Response(stream).text();
  expect(asked).toEqual([4, 5]);
});

test("a client that went away is asked about no more", async () => {
  const { asked, stream } = streamOf([page(5), page(6), page(7)]);
  const reader = stream.getReader();
  await reader.read();
  await reader.cancel();
  const before = asked.length;
  await new Promise((resolve) => setImmediate(resolve));
  expect(asked.length).toBe(before);
});
