import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Contender, isRemembered, type PastAborts, retryAfterMs, victimOf, withAbort } from "./victim.ts";

const NOW = 100_000_000;
const MINUTE = 60_000;
const nothing = () => undefined;

function contender(session_id: string, held_since: number[], given: Partial<Contender> = {}): Contender {
  return { agent_id: "agent", session_id, held_since, claim: "c", lock: "l", waits_since: NOW, priority: 50, ...given };
}

function past(birth: number, aborts: number[]): PastAborts {
  return { agent_id: "agent", session_id: "s", birth, aborts };
}

describe("the victim of a deadlock", () => {
  it("is by abort_youngest the session whose oldest lease was granted last, not the one with the newest lease", () => {
    const old = contender("old", [1_000, 9_000]);
    const young = contender("young", [2_000, 3_000]);
    expect(victimOf([old, young], "abort_youngest", nothing, NOW)).toBe(young);
    expect(victimOf([young, old], "abort_youngest", nothing, NOW)).toBe(young);
  });

  it("is on a tie the one with the greater session id, then with the greater agent id", () => {
    const [a, b] = [contender("a", [1_000]), contender("b", [1_000])];
    expect(victimOf([b, a], "abort_youngest", nothing, NOW)).toBe(b);
    const other = contender("b", [1_000], { agent_id: "zoe" });
    expect(victimOf([other, b, a], "abort_youngest", nothing, NOW)).toBe(other);
  });

  it("counts a session that holds nothing from when it began to wait", () => {
    const waits = contender("waits", [], { waits_since: 5_000 });
    const holds = contender("holds", [6_000]);
    expect(victimOf([waits, holds], "abort_youngest", nothing, NOW)).toBe(holds);
  });

  it("is by abort_shortest the one with the shortest total hold time", () => {
    const long = contender("long", [NOW - 60, NOW - 50]);
    const short = contender("short", [NOW - 100]);
    expect(victimOf([long, short], "abort_shortest", nothing, NOW)).toBe(short);
  });

  it("is by abort_lowest_priority the lowest, and the younger one among equals", () => {
    const [high, low] = [contender("high", [3_000], { priority: 51 }), contender("low", [1_000], { priority: 50 })];
    expect(victimOf([high, low], "abort_lowest_priority", nothing, NOW)).toBe(low);
    const younger = contender("a", [2_000], { priority: 50 });
    expect(victimOf([low, younger], "abort_lowest_priority", nothing, NOW)).toBe(younger);
  });

  it("keeps its first birth time for ten minutes after an abort, so that nobody is victim forever", () => {
    const retry = contender("retry", [NOW - 1]);
    const other = contender("other", [NOW - 1_000]);
    for (const strategy of ["abort_youngest", "abort_shortest"] as const) {
      const pastOf = (ago: number) => (session: { session_id: string }) =>
        session.session_id === "retry" ? past(NOW - 2_000, [NOW - ago]) : undefined;
      expect(victimOf([retry, other], strategy, pastOf(10 * MINUTE - 1), NOW)).toBe(other);
      expect(victimOf([retry, other], strategy, pastOf(10 * MINUTE), NOW)).toBe(retry);
    }
  });

  it("never loses for ever: with each new rival it is the older one from the second time on", () => {
    let memory: PastAborts | undefined;
    const victims = [0, 1, 2, 3].map((round) => {
      const now = NOW + round * 1_000;
      const retry = contender("retry", [now - 10]);
      const rival = contender("rival", [now - 20]);
      const victim = victimOf(
        [retry, rival],
        "abort_youngest",
        ({ session_id }) => (session_id === "retry" ? memory : undefined),
        now,
      );
      if (victim === retry) memory = withAbort(victim, memory, now);
      return victim.session_id;
    });
    expect(victims).toEqual(["retry", "rival", "rival", "rival"]);
  });

  it("is the same whatever the order in which the cycle is told", () => {
    const one = fc.record({
      session_id: fc.constantFrom("a", "b", "c"),
      agent_id: fc.constantFrom("x", "y"),
      held_since: fc.array(fc.constantFrom(1, 2, 3), { maxLength: 2 }),
      waits_since: fc.constantFrom(1, 2, 3),
      priority: fc.constantFrom(1, 2),
    });
    const strategies = fc.constantFrom("abort_youngest", "abort_shortest", "abort_lowest_priority");
    const cycle = fc.uniqueArray(one, { minLength: 2, selector: (it) => it.session_id + it.agent_id });
    fc.assert(
      fc.property(cycle, strategies, (given, strategy) => {
        const contenders = given.map((it) => contender(it.session_id, it.held_since, it));
        const victim = victimOf(contenders, strategy, nothing, 10);
        expect(victimOf([...contenders].reverse(), strategy, nothing, 10)).toBe(victim);
      }),
    );
  });
});

describe("the memory of aborts", () => {
  it("keeps the first birth and the aborts of the last ten minutes", () => {
    const first = withAbort(contender("s", [5_000]), undefined, NOW);
    expect(first).toEqual(past(5_000, [NOW]));
    const second = withAbort(contender("s", [NOW + 1]), first, NOW + 2);
    expect(second).toEqual(past(5_000, [NOW, NOW + 2]));
    expect(withAbort(contender("s", [NOW + 3]), second, NOW + 10 * MINUTE)).toEqual(
      past(5_000, [NOW + 2, NOW + 10 * MINUTE]),
    );
  });

  it("ends ten minutes after the last abort: then a session is born anew", () => {
    const first = past(5_000, [NOW]);
    expect(isRemembered(first, NOW + 10 * MINUTE - 1)).toBe(true);
    expect(isRemembered(first, NOW + 10 * MINUTE)).toBe(false);
    const later = NOW + 10 * MINUTE;
    expect(withAbort(contender("s", [later - 5]), first, later)).toEqual(past(later - 5, [later]));
  });
});

describe("the victim's backoff", () => {
  it("is at least 100 ms and less than 200 ms, doubling with each abort, at most 30 s", () => {
    const ceiling = (aborts: number) => retryAfterMs(past(0, new Array(aborts).fill(NOW)), 0.999_999_9);
    expect([1, 2, 3, 8, 9, 2_000].map(ceiling)).toEqual([199, 399, 799, 25_599, 29_999, 29_999]);
    expect(retryAfterMs(past(0, [NOW]), 0)).toBe(100);
    expect(retryAfterMs(past(0, [NOW, NOW, NOW]), 0)).toBe(100);
  });
});
