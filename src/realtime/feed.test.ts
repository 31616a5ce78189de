import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Feed, heard, joined, left, opened, paged, pushed, renewed, toAsk } from "./feed.ts";
import { eventAt } from "./forwarding.fixture.ts";

const feed = (cursor: number, known = cursor, replays: readonly (readonly [number, number])[] = []): Feed => ({
  cursor,
  known,
  replays: new Map(replays),
});
const events = (...seqs: number[]) => seqs.map((seq) => eventAt(seq, seq - 1));
const page = (head: number, ...seqs: number[]) => ({ events: events(...seqs), head, reset: false });
const gone = (head: number) => ({ events: [], head, reset: true });

describe("a push", () => {
  test("that follows moves everybody who is live, and nobody else", () => {
    const step = pushed(feed(3, 3, [[7, 1]]), events(3, 4, 5));
    expect(step.live.map(({ seq }) => seq)).toEqual([4, 5]);
    expect(step.feed).toEqual(feed(5, 5, [[7, 1]]));
    expect(step.replayed).toEqual([]);
  });

  test("after a gap is not sent, but remembered: the publisher is asked from the cursor", () => {
    const { live, feed: then } = pushed(feed(3), events(6, 7));
    expect(live).toEqual([]);
    expect(then).toEqual(feed(3, 7));
    expect(toAsk(then)).toBe(3);
  });

  test("of what is known changes nothing", () => {
    const before = feed(5);
    expect(pushed(before, events(4, 5)).feed).toBe(before);
  });

  test("that comes before the answer to the subscription is a gap", () => {
    expect(toAsk(opened(4, 5))).toBe(4);
    expect(toAsk(opened(5, 5))).toBeUndefined();
  });
});

describe("a subscriber", () => {
  test("begins with what comes next, unless they say since when", () => {
    expect(joined(feed(5), 1, undefined)).toEqual(feed(5));
    expect(joined(feed(5), 1, 5)).toEqual(feed(5));
    expect(joined(feed(5), 1, 2)).toEqual(feed(5, 5, [[1, 2]]));
  });

  test("who knows more than the hub makes the hub ask", () => {
    const then = joined(feed(5), 1, 8);
    expect(then).toEqual(feed(5, 5, [[1, 8]]));
    expect(toAsk(then)).toBe(5);
  });

  test("who subscribes again without since goes on with what they asked for", () => {
    expect(joined(feed(5, 5, [[1, 2]]), 1, undefined)).toEqual(feed(5, 5, [[1, 2]]));
  });

  test("who leaves is waited for no longer", () => {
    expect(toAsk(left(feed(5, 5, [[1, 2]]), 1))).toBeUndefined();
  });
});

describe("a page", () => {
  test("that reaches the cursor makes live whoever it brings there", () => {
    const asked = feed(5, 5, [
      [1, 2],
      [2, 4],
      [3, 0],
    ]);
    const step = paged(asked, asked, 2, page(5, 3, 4, 5));
    expect(step.replayed.map(({ socket, events: sent }) => [socket, sent.map(({ seq }) => seq)])).toEqual([
      [1, [3, 4, 5]],
      [2, [5]],
    ]);
    // Whoever came since, from further back, is next.
    expect(step.feed).toEqual(feed(5, 5, [[3, 0]]));
    expect(step.live).toEqual([]);
  });

  test("that does not reach the cursor leaves them where it ends", () => {
    const asked = feed(5, 5, [[1, 0]]);
    const step = paged(asked, asked, 0, page(5, 1, 2));
    expect(step.feed).toEqual(feed(5, 5, [[1, 2]]));
  });

  test("that goes beyond the cursor brings what is new to everybody, once", () => {
    const asked = feed(3, 5, [[1, 2]]);
    const step = paged(asked, asked, 2, page(5, 3, 4, 5));
    expect(step.live.map(({ seq }) => seq)).toEqual([4, 5]);
    expect(step.replayed[0]?.events.map(({ seq }) => seq)).toEqual([3, 4, 5]);
    expect(step.feed).toEqual(feed(5));
  });

  test("resets whoever asked for what never was, but not who came while it was on its way", () => {
    const asked = feed(5, 5, [[1, 9]]);
    const now = feed(5, 5, [
      [1, 9],
      [2, 8],
    ]);
    const step = paged(now, asked, 5, page(5));
    expect(step.replayed).toEqual([{ socket: 1, events: [], reset: true }]);
    expect(step.feed).toEqual(feed(5, 5, [[2, 8]]));
    expect(toAsk(step.feed)).toBe(5);
  });

  test("does not answer what was heard of since it was asked for", () => {
    const asked = feed(3, 4);
    expect(paged(heard(asked, 6), asked, 3, page(4, 4)).feed).toEqual(feed(4, 6));
  });

  test("does not answer a push of what a subscriber had claimed before", () => {
    const asked = joined(feed(3), 1, 5);
    const now = pushed(asked, events(5)).feed;
    expect(paged(now, asked, 3, page(4, 4)).feed).toEqual(feed(4, 5));
  });
});

describe("what is not kept any more", () => {
  test("resets the subscriber who asked for it, and nobody else", () => {
    const asked = feed(9, 9, [
      [1, 2],
      [2, 7],
    ]);
    const step = paged(asked, asked, 2, gone(9));
    expect(step).toMatchObject({ lost: false, replayed: [{ socket: 1, reset: true }] });
    expect(step.feed).toEqual(feed(9, 9, [[2, 7]]));
  });

  test("resets everybody live, if the hub itself missed it", () => {
    const asked = feed(3, 9);
    const step = paged(asked, asked, 3, gone(20));
    expect(step).toMatchObject({ lost: true, live: [] });
    expect(step.feed).toEqual(feed(20));
  });

  test("is no loss to the live, if the hub got there by a push meanwhile", () => {
    const asked = feed(3, 9);
    const step = paged(feed(9), asked, 3, gone(20));
    expect(step.lost).toBe(false);
    expect(step.feed).toEqual(feed(9));
  });
});

describe("a publisher with any past, even one that is shorter than it was once", () => {
  const seq = fc.nat(24);
  const any = fc.record({
    kept: fc.uniqueArray(fc.integer({ min: 1, max: 20 })),
    oldest: seq,
    cursor: seq,
    ahead: fc.nat(3),
    since: fc.array(seq, { maxLength: 4 }),
  });

  test("is asked only as often as it takes to bring everybody to its head, or to tell them that this cannot be", () => {
    fc.assert(
      fc.property(any, ({ kept, oldest, cursor, ahead, since }) => {
        const seqs = kept.filter((one) => one >= oldest).sort((a, b) => a - b);
        const head = Math.max(0, ...kept);
        let now = feed(
          cursor,
          cursor + ahead,
          since.map((after, socket) => [socket, after]),
        );
        const served = new Set<number>();
        let asked = 0;
        for (let from = toAsk(now); from !== undefined; from = toAsk(now)) {
          asked += 1;
          expect(asked).toBeLessThan(60);
          const after = from;
          const isGone = after > head || (after < oldest && after < head);
          const next = seqs.filter((one) => one > after).slice(0, 3);
          const step = paged(
            now,
            now,
            after,
            isGone ? gone(head) : { ...page(head), events: next.map((one) => eventAt(one, after)) },
          );
          for (const { socket } of step.replayed) served.add(socket);
          now = step.feed;
        }
        expect(now.replays.size).toBe(0);
        if (asked > 0) expect(now.cursor).toBeLessThanOrEqual(head);
        expect(served.size).toBe(since.length);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("a renewal", () => {
  test("tells what was missed, so that it is asked for", () => {
    expect(toAsk(renewed(feed(3), feed(3), 5).feed)).toBe(3);
    expect(renewed(feed(5), feed(3), 5)).toEqual({ feed: feed(5), live: [], lost: false, replayed: [] });
  });

  test("of a publisher that was restored with less than it once told makes everybody read anew, from where it stands", () => {
    const before = feed(9, 9, [[1, 4]]);
    const step = renewed(before, before, 6);
    expect(step).toEqual({ feed: feed(6), live: [], lost: true, replayed: [{ socket: 1, events: [], reset: true }] });
    // What it publishes from now on is heard.
    expect(pushed(step.feed, [eventAt(7, 6)]).live).toHaveLength(1);
  });

  test("of such a publisher does not take back what it pushed meanwhile", () => {
    expect(renewed(feed(12), feed(9), 6)).toMatchObject({ feed: feed(12), lost: false });
  });
});
