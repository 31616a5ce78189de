import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Ranked, Ranking, UNRANKED } from "./ranking.ts";

interface Card extends Ranked<Card> {
  readonly name: number;
}

function card(name: number): Card {
  return { name, rank: UNRANKED, lower: undefined, upper: undefined };
}

function expectOrder(ranking: Ranking<Card>, names: readonly number[]): void {
  const cards = [...ranking];
  expect(cards.map(({ name }) => name)).toEqual(names);
  const ranks = cards.map(({ rank }) => rank);
  expect(ranks.every((rank, at) => Number.isInteger(rank) && rank > (ranks[at - 1] ?? -1) && rank < 2 ** 30)).toBe(
    true,
  );
}

const step = fc.oneof(
  fc.record({
    put: fc.constantFrom("below" as const, "above" as const),
    whom: fc.uniqueArray(fc.nat(19), { minLength: 1, maxLength: 5 }),
    at: fc.nat(19),
  }),
  fc.record({ put: fc.constantFrom("lowest" as const, "top" as const, "nowhere" as const), at: fc.nat(19) }),
);

describe("a ranking", () => {
  it("is in the order in which things were put, and each ranks higher than the one below", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
        const ranking = new Ranking<Card>();
        const cards = Array.from({ length: 20 }, (_, name) => card(name));
        let names: number[] = [];
        for (const one of steps) {
          const at = cards[one.at];
          if (at === undefined) continue;
          if (one.put === "below" || one.put === "above") {
            const moved = one.whom.filter((name) => name !== one.at);
            if (at.rank < 0) continue;
            const put = moved.flatMap((name) => cards[name] ?? []);
            if (one.put === "below") ranking.putBelow(at, put);
            else ranking.putAbove(at, put);
            names = names.filter((name) => !moved.includes(name));
            names.splice(names.indexOf(one.at) + (one.put === "above" ? 1 : 0), 0, ...moved);
          } else {
            names = names.filter((name) => name !== one.at);
            if (one.put === "lowest") names.unshift(one.at);
            if (one.put === "top") names.push(one.at);
            if (one.put === "lowest") ranking.putLowest(at);
            else if (one.put === "top") ranking.putBelow(undefined, [at]);
            else ranking.remove(at);
          }
          expectOrder(ranking, names);
        }
        for (const { name, rank } of cards) expect(rank >= 0).toBe(names.includes(name));
      }),
      { numRuns: 200 },
    );
  });

  it.each([
    ["below the same one", (ranking: Ranking<Card>, put: Card, same: Card) => ranking.putBelow(same, [put])],
    ["above the same one", (ranking: Ranking<Card>, put: Card, same: Card) => ranking.putAbove(same, [put])],
  ])("has room for all that comes %s, for a few of them moved each time", (_, put) => {
    const ranking = new Ranking<Card>();
    const same = card(-1);
    for (const name of [-2, -1, -3]) ranking.putBelow(undefined, [name === -1 ? same : card(name)]);
    const cards = Array.from({ length: 2_000 }, (_, name) => card(name));
    let changed = 0;
    for (const one of cards) {
      const before = cards.map(({ rank }) => rank);
      put(ranking, one, same);
      if (one.name % 50 === 0) changed += cards.filter(({ rank }, at) => rank !== before[at]).length;
    }
    expect(new Set([...ranking].map(({ rank }) => rank)).size).toBe(2_003);
    expect(changed / 40).toBeLessThan(50);
  });

  it("has room at its ends however often something is put there, for a few of them moved each time", () => {
    const ranking = new Ranking<Card>();
    const cards = Array.from({ length: 100 }, (_, name) => card(name));
    for (const one of cards) ranking.putLowest(one);
    const times = 2 ** 19;
    let changed = 0;
    for (let time = 0; time < times; time += 1) {
      const before = time % 1_000 === 0 ? cards.map(({ rank }) => rank) : [];
      ranking.putLowest(cards[time % 100] ?? card(time));
      if (before.length > 0) changed += cards.filter(({ rank }, at) => rank !== before[at]).length;
    }
    const last = Array.from({ length: 100 }, (_, back) => (times - 1 - back) % 100);
    expectOrder(ranking, last);
    expect(changed / (times / 1_000)).toBeLessThan(20);
  });
});
