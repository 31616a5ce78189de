import fc from "fast-check";
import { expect, it, test } from "vitest";
import type { Event } from "../realtime/contract.ts";
import { Following } from "./following.ts";

function eventsAt(seqs: readonly number[]): Event[] {
  return seqs.map((seq, at) => ({
    event: "user.created",
    timestamp: "2026-11-20T00:00:00.000000Z",
    channel: "system",
    seq,
    prev: seqs[at - 1] ?? 0,
    payload: {},
  }));
}

/** A follower of this channel from `begin` on; `fails` answers whether the next call does. */
function follower(channel: readonly Event[], begin: number, fails: () => boolean = () => false) {
  const world = { reached: null as number | null, taken: [] as number[], told: channel.length, enabled: true };
  const attempt = <T>(answer: () => T) => {
    if (fails()) throw new Error("out of reach");
    return answer();
  };
  const told = () => channel.slice(0, world.told);
  const following = new Following({
    subscribe: async () => attempt(() => null),
    beginning: async () => attempt(() => begin),
    read: async (after, limit) =>
      attempt(() => {
        const head = told().at(-1)?.seq ?? 0;
        if (after > head) return { events: [], head, reset: true };
        // Small pages, so that there are several.
        return {
          events: told()
            .filter(({ seq }) => seq > after)
            .slice(0, Math.min(limit, 3)),
          head,
          reset: false,
        };
      }),
    wanted: () => world.enabled,
    reached: () => world.reached,
    failed: () => {},
    take: (events, reached) => {
      world.taken.push(...events.map(({ seq }) => seq));
      world.reached = reached;
    },
  });
  return { following, world };
}

const seqs = fc
  .uniqueArray(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 30 })
  .map((all) => all.sort((a, b) => a - b));

test("whatever is pushed, lost, repeated or out of reach: each event after the beginning is taken once and in order", async () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant("push" as const), from: fc.nat(30), count: fc.integer({ min: 1, max: 5 }) }),
    fc.constant({ do: "follow" as const }),
    fc.constant({ do: "happens" as const }),
  );
  await fc.assert(
    fc.asyncProperty(
      seqs,
      fc.nat(29),
      fc.array(step, { maxLength: 20 }),
      fc.infiniteStream(fc.boolean()),
      async (all, first, steps, luck) => {
        const channel = eventsAt(all);
        const begin = all[first % all.length] ?? 0;
        let lucky = false;
        const { following, world } = follower(channel, begin, () => !lucky && luck.next().value === true);
        world.told = Math.min(channel.length, (first % all.length) + 1);
        const under: Promise<boolean>[] = [];
        for (const one of steps) {
          if (one.do === "happens") world.told = Math.min(channel.length, world.told + 1);
          else if (one.do === "follow") under.push(following.follow());
          else under.push(following.push(channel.slice(one.from, Math.min(one.from + one.count, world.told))));
        }
        await Promise.all(under);
        lucky = true;
        world.told = channel.length;
        expect(await following.follow()).toBe(true);
        expect(world.taken).toEqual(all.filter((seq) => seq > begin));
      },
    ),
  );
});

it("does not take what comes before it has begun, or while it is not wanted", async () => {
  const channel = eventsAt([1, 2, 3]);
  const { following, world } = follower(channel, 1);
  expect(await following.push(channel)).toBe(true);
  expect(world.taken).toEqual([]);
  world.enabled = false;
  await following.follow();
  await following.push(channel);
  expect(world.taken).toEqual([]);
});

it("says that it has to try again when nobody answers", async () => {
  const { following } = follower(eventsAt([1]), 0, () => true);
  expect(await following.follow()).toBe(false);
});

it("goes on from the head of a channel that is shorter than it was", async () => {
  const { following, world } = follower(eventsAt([1, 2]), 50);
  expect(await following.follow()).toBe(true);
  expect(world).toMatchObject({ reached: 2, taken: [] });
});
