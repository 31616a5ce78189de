import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { CHANNEL, FakePublisher, Hub, type Told } from "./forwarding.fixture.ts";

const atOnce = async () => {};

// Publishers out of reach are told in the log.
beforeEach(() => void vi.spyOn(console, "log").mockImplementation(() => {}));
afterEach(() => void vi.restoreAllMocks());

/** What happens to a hub, in whatever order a test comes up with. */
type Act =
  | { readonly do: "publish"; readonly step: number; readonly push: "arrives" | "lost" | "twice" | "late" }
  | { readonly do: "subscribe"; readonly back: number | null }
  | { readonly do: "unsubscribe"; readonly nth: number }
  | { readonly do: "proceed" | "evict" | "crash" | "fail" | "recover" | "renew" };

const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 8, arbitrary: fc.constant<Act>({ do: "proceed" }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("publish" as const),
      step: fc.integer({ min: 1, max: 3 }),
      push: fc.constantFrom("arrives" as const, "arrives" as const, "lost" as const, "twice" as const, "late" as const),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("subscribe" as const), back: fc.option(fc.integer({ min: -3, max: 12 })) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("unsubscribe" as const), nth: fc.nat(5) }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom<Act>(
      { do: "evict" },
      { do: "crash" },
      { do: "fail" },
      { do: "recover" },
      { do: "renew" },
    ),
  },
);

interface Subscriber {
  readonly id: number;
  /** Asked for something that had not happened yet. */
  readonly early: boolean;
}

async function live(hub: Hub, acts: readonly Act[], schedule: fc.Scheduler): Promise<Subscriber[]> {
  const { publisher } = hub;
  const subscribers: Subscriber[] = [];
  let failing = false;
  hub.failing = () => failing;
  const push = (what: string, event: ReturnType<FakePublisher["publish"]>) => {
    if (!publisher.subscribed) return;
    void schedule.schedule(Promise.resolve(), what).then(() => hub.forwarding.push(CHANNEL, [event]));
  };
  for (const one of acts) {
    // What was begun before goes as far as it can by itself.
    await setImmediate();
    switch (one.do) {
      case "publish": {
        const event = publisher.publish(one.step);
        if (one.push === "arrives" && publisher.subscribed) hub.forwarding.push(CHANNEL, [event]);
        if (one.push === "late") push("late push", event);
        if (one.push === "twice") for (const what of ["push", "push again"]) push(what, event);
        break;
      }
      case "subscribe": {
        const since = one.back === null ? undefined : Math.max(0, publisher.head - one.back);
        const id = subscribers.length + 1;
        subscribers.push({ id, early: since !== undefined && since > publisher.head });
        hub.subscribe(id, since).catch(() => {});
        break;
      }
      case "unsubscribe": {
        const whom = subscribers[one.nth]?.id;
        if (whom !== undefined) hub.forwarding.leave(whom, [CHANNEL]);
        break;
      }
      case "proceed":
        if (schedule.count() > 0) await schedule.waitOne();
        break;
      case "evict":
        hub.evict();
        break;
      case "crash":
        hub.crash();
        break;
      case "fail":
      case "recover":
        failing = one.do === "fail";
        break;
      case "renew":
        void hub.forwarding.renew();
    }
  }
  failing = false;
  return subscribers;
}

/** Until nothing is left to do: what the timers of a hub do, as often as it takes. */
async function settle(hub: Hub, schedule: fc.Scheduler, renews: boolean): Promise<void> {
  for (let round = 0; round < 4; round += 1) {
    hub.forwarding.catchUp();
    await schedule.waitIdle();
    if (renews) void hub.forwarding.renew();
    await schedule.waitIdle();
  }
}

/** Where a client is in the end: each event has to follow what it had before, with none between and none again. */
function placeAfter(told: readonly Told[]): number {
  let place = -1;
  for (const one of told) {
    if ("event" in one) {
      expect(one.event.prev, `before ${one.event.seq} comes`).toBeLessThanOrEqual(place);
      expect(one.event.seq).toBeGreaterThan(place);
      place = one.event.seq;
    } else place = one.place;
  }
  return place;
}

type Bounds = NonNullable<ConstructorParameters<typeof FakePublisher>[0]>;

/** Plays a random story to its end. */
async function play(schedule: fc.Scheduler, acts: readonly Act[], bounds: Bounds, renews = true) {
  const publisher = new FakePublisher(bounds);
  const hub = new Hub(publisher, (what) => schedule.schedule(Promise.resolve(), what));
  const subscribers = await live(hub, acts, schedule);
  await settle(hub, schedule, renews);
  const members = new Set(hub.store.load(CHANNEL)?.members);
  return { publisher, hub, subscribers, members };
}

const story = fc.array(act, { minLength: 30, maxLength: 120, size: "max" });

test("nothing is missing, nothing comes twice, each in order: whatever is lost, late, doubled, evicted, crashed or out of reach", async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), story, async (schedule, acts) => {
      const { publisher, hub, subscribers, members } = await play(schedule, acts, {});
      expect(hub.store.lagging()).toEqual([]);
      for (const { id, early } of subscribers) {
        const told = hub.told.get(id) ?? [];
        const place = placeAfter(told);
        if (members.has(id)) expect(place).toBe(publisher.head);
        if (!early) expect(told.filter((one) => "reset" in one && one.reset)).toEqual([]);
      }
    }),
    { numRuns: 60 },
  );
});

test("while no push is lost, nothing waits for a renewal", async () => {
  const reliable = story.map((acts) =>
    acts.filter((one) => one.do !== "renew" && !(one.do === "publish" && one.push === "lost")),
  );
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), reliable, async (schedule, acts) => {
      const { publisher, hub, members } = await play(schedule, acts, {}, false);
      for (const id of members) expect(placeAfter(hub.told.get(id) ?? [])).toBe(publisher.head);
    }),
    { numRuns: 60 },
  );
});

const few = fc.integer({ min: 1, max: 3 });
const bounds: fc.Arbitrary<Bounds> = fc.oneof(fc.record({ kept: few }), fc.record({ most: few }));

test("what is not kept any more, or too much, is a reset, after which nothing is missing and nothing comes twice", async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), story, bounds, async (schedule, acts, bound) => {
      const { publisher, hub, members } = await play(schedule, acts, bound);
      expect(hub.store.lagging()).toEqual([]);
      for (const id of members) expect(placeAfter(hub.told.get(id) ?? [])).toBe(publisher.head);
    }),
    { numRuns: 60 },
  );
});

describe("of a past that is more than a replay may be", () => {
  const published = (publisher: FakePublisher, count: number) => {
    for (let n = 0; n < count; n += 1) publisher.publish(1);
  };
  const resets = (told: readonly Told[] = []) => told.filter((one) => "reset" in one && one.reset);

  test("whoever asks is told a reset and then what comes, and the last that is not too much comes whole", async () => {
    const publisher = new FakePublisher({ most: 500 });
    published(publisher, 501);
    const hub = new Hub(publisher, atOnce);
    await hub.subscribe(1, 0);
    await hub.subscribe(2, 1);
    await setImmediate();
    hub.forwarding.push(CHANNEL, [publisher.publish(1)]);
    expect(hub.told.get(1)?.slice(1)).toEqual([{ place: 501, reset: true }, { event: publisher.all.at(-1) }]);
    expect(hub.told.get(2)?.slice(1)).toEqual(publisher.all.slice(1).map((event) => ({ event })));
  });

  test("a replay that is under way is none, however much happens while it runs", async () => {
    const publisher = new FakePublisher({ most: 500 });
    published(publisher, 500);
    let pages = 0;
    const hub = new Hub(publisher, async (what) => {
      if (what !== "events" || pages === 5) return;
      pages += 1;
      if (pages > 1) published(publisher, 300);
    });
    await hub.subscribe(1, 0);
    await setImmediate();
    expect(resets(hub.told.get(1))).toEqual([]);
    expect(publisher.head).toBe(1_700);
    expect(placeAfter(hub.told.get(1) ?? [])).toBe(1_700);
  });

  test("a hub that missed as much tells its subscribers, and goes on from the head", async () => {
    const publisher = new FakePublisher({ most: 500 });
    const hub = new Hub(publisher, atOnce);
    await hub.subscribe(1);
    published(publisher, 501);
    await hub.forwarding.renew();
    await setImmediate();
    hub.forwarding.push(CHANNEL, [publisher.publish(1)]);
    expect(hub.told.get(1)?.slice(1)).toEqual([{ place: 501, reset: true }, { event: publisher.all.at(-1) }]);
  });
});

test("an event that is pushed before the answer to the subscription is not lost", async () => {
  const publisher = new FakePublisher();
  const hub = new Hub(publisher, async (what) => {
    if (what === "answer to subscribe") hub.forwarding.push(CHANNEL, [publisher.publish(1)]);
  });
  await hub.subscribe(1, 0);
  await setImmediate();
  expect(placeAfter(hub.told.get(1) ?? [])).toBe(1);
});

test("a channel that nobody hears any more is given up, and followed anew when somebody comes", async () => {
  const publisher = new FakePublisher();
  const hub = new Hub(publisher, atOnce);
  await hub.subscribe(1);
  expect(publisher.subscribed).toBe(true);
  hub.forwarding.leave(1, [CHANNEL]);
  await hub.subscribe(2);
  expect(publisher.subscribed).toBe(true);
  hub.forwarding.leave(2, [CHANNEL]);
  await hub.forwarding.renew();
  expect(publisher.subscribed).toBe(false);
  expect(hub.store.names()).toEqual([]);
});

test("a push of a channel that the hub does not follow is answered with an end of the subscription", async () => {
  const publisher = new FakePublisher();
  const hub = new Hub(publisher, atOnce);
  publisher.subscribe(0);
  hub.forwarding.push(CHANNEL, [publisher.publish(1)]);
  await hub.subscribe(1);
  hub.forwarding.leave(1, [CHANNEL]);
  await hub.forwarding.renew();
  expect(publisher.subscribed).toBe(false);
});

test("a channel that ended is an error to its subscribers, and is followed no longer", async () => {
  const publisher = new FakePublisher();
  const hub = new Hub(publisher, atOnce);
  await hub.subscribe(1);
  publisher.gone = true;
  expect(await hub.forwarding.renew()).toBe(true);
  expect(hub.store.names()).toEqual([]);
  expect(hub.errors).toEqual([{ socket: 1, channel: CHANNEL, code: "TASK_NOT_FOUND" }]);
});
