import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  authFailed,
  closed,
  type FailedLogins,
  failedLogin,
  MAX_ADDRESSES,
  nextClosing,
  tallied,
} from "./failed-logins.ts";

const MINUTE = Date.parse("2026-11-20T10:00:00Z");
const from = (ip: string) => ({ service: "api", ip });

function total(tallies: readonly FailedLogins[]): number {
  return tallies.reduce((sum, { count }) => sum + count, 0);
}

describe("login failures", () => {
  it("are counted by address and minute, none lost and none twice, in whatever pieces they arrive", () => {
    const attempt = fc.record({ ip: fc.constantFrom("a", "b", "c"), at: fc.nat(179_000) });
    fc.assert(
      fc.property(fc.array(fc.array(attempt)), (pieces) => {
        const now = MINUTE;
        const tallies = pieces.reduce<readonly FailedLogins[]>(
          (all, piece) =>
            tallied(
              all,
              piece.map(({ ip, at }) => failedLogin("unknown", from(ip), MINUTE + at)),
              now,
            ),
          [],
        );
        const counts = new Map(tallies.map(({ ip, minute, count }) => [`${ip} ${minute}`, count]));
        const expected = new Map<string, number>();
        for (const { ip, at } of pieces.flat()) {
          const key = `${ip} ${MINUTE + Math.floor(at / 60_000) * 60_000}`;
          expected.set(key, (expected.get(key) ?? 0) + 1);
        }
        expect(counts).toEqual(expected);
        expect(total(tallies)).toBe(pieces.flat().length);
      }),
    );
  });

  it("tell reasons apart", () => {
    const all = (["unknown", "expired", "unknown", "inactive"] as const).map((reason) =>
      failedLogin(reason, from("a"), MINUTE),
    );
    expect(tallied([], all, MINUTE)).toMatchObject([{ count: 4, reasons: { unknown: 2, expired: 1, inactive: 1 } }]);
  });

  it("become a row once the minute is over and stragglers had time, not before", () => {
    const tallies = tallied([], [failedLogin("unknown", from("a"), MINUTE + 59_999)], MINUTE + 59_999);
    expect(nextClosing(tallies)).toBe(MINUTE + 65_000);
    expect(closed(tallies, MINUTE + 64_999)).toEqual({ over: [], open: tallies });
    expect(closed(tallies, MINUTE + 65_000)).toEqual({ over: tallies, open: [] });
    expect(nextClosing([])).toBeUndefined();
  });

  it("that come too late for their minute count for the one they come in: no address has two rows of one minute", () => {
    const late = failedLogin("unknown", from("a"), MINUTE);
    expect(tallied([], [late], MINUTE + 125_000)).toMatchObject([{ minute: MINUTE + 120_000, count: 1 }]);
  });

  it("of more addresses than anybody should have are told of as a whole, and stay bounded", () => {
    const flood = Array.from({ length: MAX_ADDRESSES + 500 }, (_, n) =>
      failedLogin("unknown", from(`ip-${n}`), MINUTE),
    );
    const tallies = tallied([], flood, MINUTE);
    expect(tallies).toHaveLength(MAX_ADDRESSES + 1);
    expect(total(tallies)).toBe(flood.length);
    const [others] = tallies.filter(({ ip }) => ip === null);
    if (others === undefined) throw new Error("nothing was pooled");
    expect(authFailed(others)).toMatchObject({
      subject_id: "others",
      where: { service: "api" },
      details: { count: 500 },
    });
    expect(total(tallied(tallies, flood, MINUTE))).toBe(2 * flood.length);
  });

  it("are told without naming anybody", () => {
    const [tally] = tallied([], [failedLogin("expired", { ...from("192.0.2.7"), country: "DE" }, MINUTE)], MINUTE);
    if (tally === undefined) throw new Error("one tally");
    expect(authFailed(tally)).toEqual({
      action: "auth.failed",
      subject_type: "address",
      subject_id: "192.0.2.7",
      who: { id: "anonymous", kind: "user", roles: [] },
      where: { service: "api", ip: "192.0.2.7", country: "DE" },
      details: { count: 1, minute: "2026-11-20T10:00:00.000Z", expired: 1 },
    });
  });
});
