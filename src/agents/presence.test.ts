import { describe, expect, it } from "vitest";
import { presenceStatus } from "./presence.ts";

describe("presence", () => {
  const interval = 10_000;

  it.each([
    [0, "online"],
    [30_000, "online"],
    [30_001, "stale"],
    [100_000, "stale"],
    [100_001, "offline"],
    [-5_000, "online"],
  ])("after %d ms of silence is %s", (silent, status) => {
    expect(presenceStatus(1_000_000, interval, 1_000_000 + silent)).toBe(status);
  });

  it("of an agent that never sent a heartbeat is never_seen", () => {
    expect(presenceStatus(undefined, interval, 1_000_000)).toBe("never_seen");
  });
});
