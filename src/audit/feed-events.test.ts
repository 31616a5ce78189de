import { describe, expect, it } from "vitest";
import { systemCaller } from "../actor/caller.ts";
import { entryOf, type Happening } from "../actor/journal.ts";
import { feedEventOf, isFeed, LOCK_ACTIONS, tells } from "./feed-events.ts";

function told(happening: Happening) {
  const place = { workspace: "w", actor: "config", seq: 1, micros: 1 };
  return feedEventOf(entryOf(happening, place, systemCaller("w", "test", "r")));
}

describe("a feed's event", () => {
  it("has the name that the table of events gives it", () => {
    const task = { subject_type: "task", subject_id: "t" };
    const edge = { ...task, action: "task.cancelled", from_state: "REVIEWING", to_state: "CANCELLED" };
    expect(told({ ...edge, why: { reason: "approval_timeout" } })).toEqual({
      event: "task:state_changed",
      payload: {
        task_id: "t",
        previous_state: "REVIEWING",
        new_state: "CANCELLED",
        triggered_by: "system",
        reason: "approval_timeout",
      },
    });
    const escalated = { action: "approval.escalated", subject_type: "approval", subject_id: "a" };
    expect(told({ ...escalated, details: { task_id: "t", from: "bob", to: "mo" } })).toEqual({
      event: "approval:escalated",
      payload: { approval_id: "a", task_id: "t", from: "bob", to: "mo" },
    });
    expect(told({ action: "agent.offline", subject_type: "agent", subject_id: "robo" }).event).toBe("agent:offline");
  });

  it("of a deadlock is what its victim is told", () => {
    const deadlock = { detected_at: "2026-01-01T00:00:00.000Z", cycle: [], resolution: {}, retry_after_ms: 200 };
    const happening = { action: "deadlock.resolved", subject_type: "deadlock", subject_id: "1-1" };
    expect(told({ ...happening, details: { ...deadlock, task_id: "t" } })).toEqual({
      event: "lock:deadlock_detected",
      payload: deadlock,
    });
  });

  it("without a name of its own is named by its action, and says about what, by whom and why", () => {
    const happening = { action: "policy.updated", subject_type: "policy", subject_id: "p" };
    expect(told({ ...happening, details: { min_approvers: 2 }, why: { reason: "audit" } })).toEqual({
      event: "policy.updated",
      payload: {
        min_approvers: 2,
        subject_type: "policy",
        subject_id: "p",
        who: { id: "system", kind: "system", roles: ["system"] },
        reason: "audit",
      },
    });
  });
});

describe("the feeds", () => {
  it("are two: everything, and what happens to locks", () => {
    expect(["locks", "system", "task:1", ""].map(isFeed)).toEqual([true, true, false, false]);
    expect(tells("system", "user.created")).toBe(true);
    expect(tells("locks", "user.created")).toBe(false);
    expect(LOCK_ACTIONS.every((action) => tells("locks", action))).toBe(true);
  });
});
