import { expect, test } from "vitest";
import type { ChannelEvent, Frame, Page } from "./channel-order.ts";
import { polledFrames } from "./polled-frames.ts";

const event = (channel: string, seq: number): ChannelEvent => {
  return { event: "e", timestamp: "", channel, seq, prev: seq - 1, payload: {} };
};

async function read(frames: AsyncIterable<Frame>): Promise<Frame[]> {
  const all: Frame[] = [];
  for await (const frame of frames) all.push(frame);
  return all;
}

test("each channel is asked from where the reader stands, and one that is quiet holds up no other", async () => {
  const asked: string[] = [];
  const positions = new Map([
    ["loud", 0],
    ["quiet", 7],
  ]);
  const page = async (channel: string, after: number | undefined): Promise<Page> => {
    asked.push(`${channel} after ${after}`);
    if (channel === "quiet") return new Promise(() => undefined);
    const next = (after ?? 0) + 1;
    positions.set(channel, next);
    return { events: [event(channel, next)], next_seq: next };
  };
  let pages = 0;
  const frames = polledFrames(
    ["loud", "quiet"],
    positions,
    (one, { after }) => page(one, after),
    () => pages++ < 3,
  );
  expect(await read(frames)).toEqual([event("loud", 1), event("loud", 2), event("loud", 3)]);
  expect(asked).toEqual(["loud after 0", "quiet after 7", "loud after 1", "loud after 2"]);
});

test("a reader that stands nowhere is told where the channel stands", async () => {
  let pages = 0;
  const frames = polledFrames(
    ["c"],
    new Map(),
    async () => ({ events: [], next_seq: 12 }),
    () => pages++ < 1,
  );
  expect(await read(frames)).toEqual([{ event: "subscribed", payload: { channels: { c: 12 } } }]);
});

test("what fails for one channel ends all, and leaves no request open", async () => {
  const left: string[] = [];
  const frames = polledFrames(
    ["bad", "good"],
    new Map([["good", 0]]),
    (channel, { signal }) =>
      channel === "bad"
        ? Promise.reject(new Error("forbidden"))
        : new Promise((_, reject) =>
            signal.addEventListener("abort", () => {
              left.push(channel);
              reject(signal.reason);
            }),
          ),
    () => true,
  );
  await expect(read(frames)).rejects.toThrow("forbidden");
  expect(left).toEqual(["good"]);
});
