import { describe, expect, it } from "vitest";
import { RENEWAL_MS, SUBSCRIPTION_MS } from "../realtime/channel-api.ts";
import { hubsOf, type Subscriber, subscribed, unsubscribed } from "./subscribers.ts";

const NOW = 1_000_000;
const none: readonly Subscriber[] = [];

describe("a hub's subscription", () => {
  it("outlives its next renewal, and is over when that is missed", () => {
    const one = subscribed(none, "task:1", "hub:EU/0", 1, NOW);
    expect(hubsOf(one, "task:1", NOW + RENEWAL_MS)).toEqual(["hub:EU/0"]);
    expect(hubsOf(one, "task:1", NOW + SUBSCRIPTION_MS)).toEqual([]);
  });

  it("is one however often it is renewed", () => {
    const twice = subscribed(subscribed(none, "locks", "hub:EU/0", 1, NOW), "locks", "hub:EU/0", 1, NOW + 5);
    expect(twice).toEqual([{ channel: "locks", hub: "hub:EU/0", life: 1, until: NOW + 5 + SUBSCRIPTION_MS }]);
  });

  it("is for one channel: another's is neither told nor ended by it", () => {
    const both = subscribed(subscribed(none, "locks", "hub:EU/0", 1, NOW), "system", "hub:EU/0", 1, NOW);
    const left = unsubscribed(both, "locks", "hub:EU/0", 1);
    expect(hubsOf(left, "locks", NOW)).toEqual([]);
    expect(hubsOf(left, "system", NOW)).toEqual(["hub:EU/0"]);
  });

  it("of a hub that vanished is dropped as soon as another one comes", () => {
    const gone = subscribed(none, "task:1", "hub:EU/0", 1, NOW);
    const after = subscribed(gone, "task:1", "hub:EU/1", 1, NOW + SUBSCRIPTION_MS);
    expect(after.map(({ hub }) => hub)).toEqual(["hub:EU/1"]);
  });

  it("ends only when that very hub says so", () => {
    const one = subscribed(none, "task:1", "hub:EU/0", 1, NOW);
    expect(unsubscribed(one, "task:1", "hub:EU/1", 1)).toEqual(one);
  });

  it("is not ended by what an earlier life of the hub said, though a late call of that life renewed it", () => {
    const now = subscribed(subscribed(none, "task:1", "hub:EU/0", 2, NOW), "task:1", "hub:EU/0", 1, NOW);
    expect(unsubscribed(now, "task:1", "hub:EU/0", 1)).toEqual(now);
    expect(unsubscribed(now, "task:1", "hub:EU/0", 2)).toEqual([]);
  });

  it("that was stored without a life is ended by any", () => {
    expect(unsubscribed([{ channel: "locks", hub: "hub:EU/0", until: NOW }], "locks", "hub:EU/0", 1)).toEqual([]);
  });
});
