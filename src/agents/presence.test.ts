import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { changesThrough, nextChangeAt, presenceHappening, seenStatus } from "./presence.ts";

const AT = 1_000_000;
const INTERVAL = 10_000;

describe("presence", () => {
  it.each([
    [0, "online"],
    [30_000, "online"],
    [30_001, "stale"],
    [100_000, "stale"],
    [100_001, "offline"],
    [-5_000, "online"],
  ])("after %d ms of silence is %s", (silent, status) => {
    expect(seenStatus(AT, INTERVAL, AT + silent)).toBe(status);
  });

  it("changes next when it says so, not a millisecond earlier, and never once it is offline", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.integer({ min: -10_000, max: 4_000_000 }), (seconds, silent) => {
        const interval = seconds * 1000;
        const status = seenStatus(AT, interval, AT + silent);
        const next = nextChangeAt(AT, interval, AT + silent);
        if (next === undefined) {
          expect(status).toBe("offline");
          return;
        }
        expect(next).toBeGreaterThan(AT + silent);
        expect(seenStatus(AT, interval, next - 1)).toBe(status);
        expect(seenStatus(AT, interval, next)).not.toBe(status);
      }),
    );
  });
});

describe("a change of presence", () => {
  it("is told once: what stays as it was is none", () => {
    expect(changesThrough("never_seen", "online")).toEqual([{ from: "never_seen", to: "online" }]);
    expect(changesThrough("online", "online")).toEqual([]);
    expect(changesThrough("online", "online", "online")).toEqual([]);
    expect(changesThrough("offline", "offline", "online")).toEqual([{ from: "offline", to: "online" }]);
  });

  it("that no alarm noticed is told with what followed, in turn", () => {
    expect(changesThrough("online", "offline", "online")).toEqual([
      { from: "online", to: "offline" },
      { from: "offline", to: "online" },
    ]);
  });

  it("is the agent's doing only when it comes", () => {
    const gone = presenceHappening("robo", { from: "online", to: "stale" }, AT);
    expect(gone).toMatchObject({
      action: "agent.stale",
      from_state: "online",
      to_state: "stale",
      who: { id: "system" },
    });
    expect(gone.details).toEqual({ last_heartbeat_at: new Date(AT).toISOString() });
    expect(presenceHappening("robo", { from: "stale", to: "online" }, AT)).not.toHaveProperty("who");
  });
});
