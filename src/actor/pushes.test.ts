import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Event } from "../realtime/contract.ts";
import { Pushes } from "./pushes.ts";

const CHANNEL = "task:1";
const HUB = "hub:EU/0";

afterEach(() => {
  vi.restoreAllMocks();
});

function event(seq: number): Event {
  return {
    event: "task:progress",
    timestamp: "2026-01-01T00:00:00Z",
    channel: CHANNEL,
    seq,
    prev: seq - 1,
    payload: {},
  };
}

function range(from: number, to: number): Event[] {
  return Array.from({ length: to - from + 1 }, (_, n) => event(from + n));
}

/** Hubs whose calls stay open until they are answered. */
class Hubs {
  readonly taken: { readonly hub: string; readonly seqs: readonly number[]; readonly answer: (ok: boolean) => void }[] =
    [];

  readonly send = (hub: string, _channel: string, events: readonly Event[]): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const answer = (ok: boolean) => (ok ? resolve() : reject(new Error("the hub is down")));
    this.taken.push({ hub, seqs: events.map(({ seq }) => seq), answer });
    return promise;
  };

  get seqs(): readonly (readonly number[])[] {
    return this.taken.map(({ seqs }) => seqs);
  }
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("a push", () => {
  it("goes out at once; what comes while it is under way goes together, in order, once that was taken", async () => {
    const hubs = new Hubs();
    const pushes = new Pushes(hubs.send);
    const done = pushes.push([HUB], CHANNEL, range(1, 2));
    await pushes.push([HUB], CHANNEL, range(3, 3));
    await pushes.push([HUB], CHANNEL, range(4, 5));
    expect(hubs.seqs).toEqual([[1, 2]]);
    hubs.taken[0]?.answer(true);
    await turn();
    expect(hubs.seqs).toEqual([
      [1, 2],
      [3, 4, 5],
    ]);
    hubs.taken[1]?.answer(true);
    await done;
  });

  it("to a hub that does not answer holds up no other hub and no other channel", async () => {
    const hubs = new Hubs();
    const pushes = new Pushes(hubs.send);
    void pushes.push([HUB, "hub:EU/1"], CHANNEL, range(1, 1));
    hubs.taken[1]?.answer(true);
    await turn();
    void pushes.push([HUB, "hub:EU/1"], CHANNEL, range(2, 2));
    void pushes.push([HUB], "task:2", range(7, 7));
    expect(hubs.taken.map(({ hub, seqs }) => [hub, ...seqs])).toEqual([
      [HUB, 1],
      ["hub:EU/1", 1],
      ["hub:EU/1", 2],
      [HUB, 7],
    ]);
  });

  it("that fails is said once, however long the hub is down, and what came meanwhile goes all the same", async () => {
    const said = vi.spyOn(console, "log").mockImplementation(() => {});
    const hubs = new Hubs();
    const pushes = new Pushes(hubs.send);
    const done = pushes.push([HUB], CHANNEL, range(1, 1));
    await pushes.push([HUB], CHANNEL, range(2, 2));
    hubs.taken[0]?.answer(false);
    await turn();
    hubs.taken[1]?.answer(false);
    await done;
    expect(hubs.seqs).toEqual([[1], [2]]);
    expect(said).toHaveBeenCalledTimes(1);
    const again = pushes.push([HUB], CHANNEL, range(3, 3));
    hubs.taken[2]?.answer(true);
    await again;
    const after = pushes.push([HUB], CHANNEL, range(4, 4));
    hubs.taken[3]?.answer(false);
    await after;
    expect(said).toHaveBeenCalledTimes(2);
  });

  it("keeps no more than a thousand events for a slow hub, then only the newest, which shows the gap", async () => {
    const hubs = new Hubs();
    const pushes = new Pushes(hubs.send);
    void pushes.push([HUB], CHANNEL, range(1, 1));
    for (let seq = 2; seq <= 1_001; seq += 1) await pushes.push([HUB], CHANNEL, [event(seq)]);
    await pushes.push([HUB], CHANNEL, [event(1_002)]);
    hubs.taken[0]?.answer(true);
    await turn();
    expect(hubs.seqs[1]).toEqual([1_002]);
  });

  it("brings a hub each event once and in order, whatever the bursts and however slowly it takes them", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.integer({ min: 1, max: 5 }), fc.boolean())), async (bursts) => {
        const hubs = new Hubs();
        const pushes = new Pushes(hubs.send);
        let last = 0;
        let answered = 0;
        for (const [size, takes] of bursts) {
          void pushes.push([HUB], CHANNEL, range(last + 1, last + size));
          last += size;
          if (takes) hubs.taken[answered++]?.answer(true);
          if (takes) await turn();
        }
        while (answered < hubs.taken.length) {
          hubs.taken[answered++]?.answer(true);
          await turn();
        }
        expect(hubs.seqs.flat()).toEqual(range(1, last).map(({ seq }) => seq));
      }),
      { numRuns: 50 },
    );
  });
});
