import { describe, expect, it } from "vitest";
import { type Delta, type Snapshot, worthOf } from "./snapshot.ts";

const lists = { holders: [], queue: [] };
const snapshot = (epoch: number, seq: number): Snapshot => ({ kind: "snapshot", lock: "l", epoch, seq, ...lists });
const delta = (epoch: number, after: number, seq: number): Delta => {
  return { kind: "delta", lock: "l", epoch, after, seq, gone_leases: [], gone_claims: [], ...lists };
};

describe("a report of a lock", () => {
  it("is news as a snapshot, but a gap as a delta, of a lock that is not known", () => {
    expect(worthOf(snapshot(1, 7), undefined)).toBe("news");
    expect(worthOf(delta(1, 0, 1), undefined)).toBe("gap");
  });

  it("is ignored when its seq is older, and known when it is the same", () => {
    expect(worthOf(snapshot(1, 4), { epoch: 1, seq: 5 })).toBe("old");
    expect(worthOf(delta(1, 3, 4), { epoch: 1, seq: 5 })).toBe("old");
    expect(worthOf(snapshot(1, 5), { epoch: 1, seq: 5 })).toBe("known");
  });

  it("is news as the next delta, or as one that overlaps with what is known, and a gap when one before it is missing", () => {
    expect(worthOf(delta(1, 5, 6), { epoch: 1, seq: 5 })).toBe("news");
    expect(worthOf(delta(1, 3, 8), { epoch: 1, seq: 5 })).toBe("news");
    expect(worthOf(delta(1, 6, 7), { epoch: 1, seq: 5 })).toBe("gap");
  });

  it("of a new epoch replaces what is known, whatever its seq; one of an old epoch never does", () => {
    expect(worthOf(snapshot(2, 1), { epoch: 1, seq: 5 })).toBe("news");
    expect(worthOf(delta(2, 5, 6), { epoch: 1, seq: 5 })).toBe("gap");
    expect(worthOf(snapshot(1, 9), { epoch: 2, seq: 1 })).toBe("old");
    expect(worthOf(delta(1, 5, 9), { epoch: 2, seq: 1 })).toBe("old");
  });
});
