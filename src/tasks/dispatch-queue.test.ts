import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ReadyTask } from "./dispatch-api.ts";
import { compareReady, isCapable, nextChangeAt, nextFor, OFFER_MS, type Offer } from "./dispatch-queue.ts";

const base: ReadyTask = {
  task_id: "a",
  type: "database.migrate",
  priority: 50,
  apply_immediately: false,
  approved_at: "2026-11-20T10:00:00.000Z",
  not_before: 0,
  resources: [],
};
const anyone = { agent_id: "agent-1", capabilities: [] };

function queue(tasks: readonly Partial<ReadyTask>[], offers: Record<string, Offer> = {}) {
  const ready = new Map(
    tasks.map((task, at) => [task.task_id ?? String(at), { ...base, task_id: String(at), ...task }]),
  );
  return { ready, offers: new Map(Object.entries(offers)) };
}

describe("the claim queue", () => {
  it("gives what is to be applied immediately before any priority", () => {
    const next = nextFor(queue([{ priority: 100 }, { priority: 0, apply_immediately: true }]), anyone, 1_000);
    expect(next?.task_id).toBe("1");
  });

  it("gives the higher priority first, then the older one", () => {
    expect(nextFor(queue([{ priority: 10 }, { priority: 90 }]), anyone, 1_000)?.task_id).toBe("1");
    const older = queue([{}, { approved_at: "2026-11-20T09:00:00.000Z" }]);
    expect(nextFor(older, anyone, 1_000)?.task_id).toBe("1");
  });

  it("passes by a task that waits for its retry, until then", () => {
    const waiting = queue([{ not_before: 5_000 }]);
    expect(nextFor(waiting, anyone, 4_999)).toBeUndefined();
    expect(nextFor(waiting, anyone, 5_000)?.task_id).toBe("0");
  });

  it("offers a task to one agent at a time, and to others once the offer lapsed", () => {
    const offered = queue([{}], { "0": { agent_id: "agent-2", until: 1_000 + OFFER_MS } });
    expect(nextFor(offered, anyone, 1_000)).toBeUndefined();
    expect(nextFor(offered, anyone, 1_000 + OFFER_MS)?.task_id).toBe("0");
  });

  it("keeps to an agent's capabilities; none given means every type", () => {
    expect(isCapable([], "anything")).toBe(true);
    expect(isCapable(["database.*"], "database.migrate")).toBe(true);
    expect(isCapable(["service.*"], "database.migrate")).toBe(false);
    expect(nextFor(queue([{}]), { agent_id: "x", capabilities: ["service.*"] }, 1_000)).toBeUndefined();
  });

  it("knows when a pause ends or an offer lapses", () => {
    expect(nextChangeAt(queue([{ not_before: 9_000 }], { z: { agent_id: "b", until: 7_000 } }), 1_000)).toBe(7_000);
    expect(nextChangeAt(queue([{}]), 1_000)).toBeUndefined();
  });

  it("orders any tasks totally: what it offers first is never after another in that order", () => {
    const task = fc.record({
      task_id: fc.uuid(),
      type: fc.constant("t"),
      priority: fc.nat({ max: 100 }),
      apply_immediately: fc.boolean(),
      approved_at: fc.constantFrom("2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z"),
      not_before: fc.constantFrom(0, 10_000),
      resources: fc.constant<ReadyTask["resources"]>([]),
    });
    fc.assert(
      fc.property(fc.uniqueArray(task, { selector: (one) => one.task_id, minLength: 1 }), (tasks) => {
        const ready = new Map(tasks.map((one) => [one.task_id, one]));
        const next = nextFor({ ready, offers: new Map() }, anyone, 5_000);
        const open = tasks.filter((one) => one.not_before <= 5_000);
        if (open.length === 0) expect(next).toBeUndefined();
        else
          for (const other of open)
            expect(next && compareReady(next, other)).toBeLessThanOrEqual(next === other ? 1 : 0);
      }),
    );
  });
});
