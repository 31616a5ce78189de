import { describe, expect, it } from "vitest";
import { systemCaller } from "../actor/caller.ts";
import { type Entry, entryOf, type Happening } from "../actor/journal.ts";
import { claimantKey, claimantNotes } from "./claimants.ts";
import { lockEventOf, reachesClaimant } from "./events.ts";

const own = { lock_id: "l-1", agent_id: "robo", session_id: "s", mode: "exclusive" } as const;
const about = { lock_id: "l-1", resource_type: "resource", resource_id: "db:one", agent_id: "robo" };

function entry(action: string, details: Happening["details"] = {}, more: Partial<Happening> = {}): Entry {
  const happening = {
    action,
    subject_type: "resource",
    subject_id: "db:one",
    details: { ...own, ...details },
    ...more,
  };
  const place = { workspace: "w", actor: "resource:db:one", seq: 1, micros: Date.UTC(2026, 0, 1) * 1000 + 7 };
  return entryOf(happening, place, systemCaller("w", "test", "r"));
}

const acquired = { fencing_token: 3, acquired_at: "2026-01-01T00:00:00.000Z", expires_at: "2026-01-01T00:00:30.000Z" };
const released_at = "2026-01-01T00:00:00.000Z";

describe("the event of a lock's entry", () => {
  it.each<[string, Entry, string, object]>([
    [
      "a grant",
      entry("lock.acquired", { ...acquired, waited: true, purpose: "p" }),
      "lock:acquired",
      { ...about, session_id: "s", mode: "exclusive", ...acquired },
    ],
    ["a claim", entry("lock.queued", { queue_position: 2 }), "lock:queued", { ...about, queue_position: 2 }],
    ["a release", entry("lock.released", acquired), "lock:released", { ...about, released_at }],
    [
      "a release by force",
      entry("lock.released", { forced: true }, { why: { reason: "maintenance" } }),
      "lock:released",
      { ...about, released_at, forced: true, reason: "maintenance" },
    ],
    [
      "a claim that is withdrawn",
      entry("lock.released", { ended_reason: "cancelled" }),
      "lock:released",
      { ...about, released_at, reason: "cancelled" },
    ],
    ["an abort", entry("lock.aborted"), "lock:released", { ...about, released_at, reason: "deadlock", forced: true }],
    [
      "an expiry",
      entry("lock.expired", { expired_at: "2026-01-01T00:00:30.000Z" }),
      "lock:expired",
      { ...about, expired_at: "2026-01-01T00:00:30.000Z" },
    ],
    [
      "a reader let in",
      entry("lock.reordered", { ahead_of: ["l-2"] }),
      "lock:reordered",
      { ...about, ahead_of: ["l-2"] },
    ],
  ])("tells of %s field by field", (_, told, event, payload) => {
    expect(lockEventOf(told)).toEqual({ event, payload });
  });

  it("of a full queue names the lock and its depth, nobody's lease", () => {
    const full = { ...entry("lock.queue_full"), details: { depth: 1_000 } };
    const payload = { resource_type: "resource", resource_id: "db:one", depth: 1_000 };
    expect(lockEventOf(full)).toEqual({ event: "lock:queue_full", payload });
  });

  it.each(["lock.downgraded", "resource.applied", "task.created", "lock"])("is none for %s", (action) => {
    expect(lockEventOf(entry(action))).toBeNull();
  });
});

describe("a claimant", () => {
  it("is told what came about without their asking, and nothing that they did themselves", () => {
    const told = [
      entry("lock.acquired", { waited: true }),
      entry("lock.expired"),
      entry("lock.released", { forced: true }),
      entry("lock.released", { ended_reason: "forced" }),
      entry("lock.reordered"),
    ];
    const silent = [
      entry("lock.acquired"),
      entry("lock.queued"),
      entry("lock.released"),
      entry("lock.released", { ended_reason: "cancelled" }),
      entry("lock.aborted"),
      entry("lock.queue_full"),
    ];
    expect(told.map(reachesClaimant)).toEqual(told.map(() => true));
    expect(silent.map(reachesClaimant)).toEqual(silent.map(() => false));
  });

  it("is told on an agent's channel, a person on their own, a webhook's executor nowhere", () => {
    expect(claimantKey("robo", undefined)).toBe("agent:robo");
    expect(claimantKey("adm", "user")).toBe("inbox:adm");
    expect(claimantKey("executor", undefined)).toBeUndefined();
  });

  it("is not told twice of a lock whose own channel is theirs", () => {
    const expired = entry("lock.expired", { expired_at: "2026-01-01T00:00:30.000Z" });
    expect(claimantNotes([expired], "agent:robo")).toEqual([]);
    expect(claimantNotes([entry("lock.acquired"), expired], "resource:db:one")).toEqual([
      ["agent:robo", lockEventOf(expired)],
    ]);
  });
});
