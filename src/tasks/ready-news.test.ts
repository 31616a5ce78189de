import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { EventBody } from "../realtime/channel-api.ts";
import type { ReadyTask } from "./dispatch-api.ts";
import { type Candidate, GATHER_MS, ReadyNews } from "./ready-news.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function task(task_id: string, type = "db.resize", not_before = 0): ReadyTask {
  const approved_at = "2026-01-01T00:00:00.000Z";
  return { task_id, type, priority: 50, apply_immediately: false, approved_at, not_before, resources: [] };
}

function agents(count: number, capabilities: readonly string[] = []): Candidate[] {
  return Array.from({ length: count }, (_, n) => ({ id: `agent-${n}`, capabilities }));
}

/** News over these waiting tasks and agents, and what each agent was told. */
function news(waiting: ReadyTask[], candidates: readonly Candidate[], isIdle: (id: string) => boolean = () => true) {
  const told = new Map<string, string[]>();
  let asked = 0;
  const ready = new ReadyNews({
    waiting: (id) => waiting.find(({ task_id }) => task_id === id),
    candidates: async () => candidates,
    tell: async (id: string, notes: readonly EventBody[]) => {
      asked += 1;
      if (!isIdle(id)) return false;
      told.set(id, [...(told.get(id) ?? []), ...notes.map(({ payload }) => String(payload.task_id))]);
      return true;
    },
  });
  return { ready, told, asked: () => asked };
}

describe("task:ready", () => {
  it("goes to at most three idle agents", async () => {
    const { ready, told } = news([task("a")], agents(20));
    ready.add(task("a"));
    await vi.advanceTimersByTimeAsync(GATHER_MS);
    expect([...told.values()]).toEqual([["a"], ["a"], ["a"]]);
  });

  it("goes to nobody who is busy, nor to one who does not take its type", async () => {
    const takers = [...agents(2), { id: "other", capabilities: ["network.*"] }, { id: "db", capabilities: ["db.*"] }];
    const { ready, told } = news([task("a")], takers, (id) => id !== "agent-0");
    ready.add(task("a"));
    await vi.advanceTimersByTimeAsync(GATHER_MS);
    expect([...told.keys()].sort()).toEqual(["agent-1", "db"]);
  });

  it("of tasks that come together is told together, one look at the agents for all", async () => {
    const waiting = [task("a"), task("b"), task("c", "network.route")];
    const { ready, told, asked } = news(waiting, agents(3, ["db.*"]));
    for (const one of waiting) ready.add(one);
    await vi.advanceTimersByTimeAsync(GATHER_MS);
    expect([...told.values()]).toEqual([
      ["a", "b"],
      ["a", "b"],
      ["a", "b"],
    ]);
    expect(asked()).toBe(3);
  });

  it("is not told of a task that was claimed meanwhile", async () => {
    const { ready, told, asked } = news([], agents(3));
    ready.add(task("gone"));
    await vi.advanceTimersByTimeAsync(GATHER_MS);
    expect([told.size, asked()]).toEqual([0, 0]);
  });

  it("of a task that pauses is told when the pause is over", async () => {
    const late = task("a", "db.resize", Date.now() + 10_000);
    const { ready, told } = news([late], agents(1));
    ready.add(late);
    await vi.advanceTimersByTimeAsync(9_999);
    expect(told.size).toBe(0);
    await vi.advanceTimersByTimeAsync(1 + GATHER_MS);
    expect(told.size).toBe(1);
  });

  it("of a task that pauses anew meanwhile is told once, when the last pause is over", async () => {
    const pausing = (ms: number) => task("a", "db.resize", Date.now() + ms);
    const last = pausing(20_000);
    const { ready, told } = news([last], agents(1));
    for (const one of [pausing(10_000), pausing(30_000), last]) ready.add(one);
    await vi.advanceTimersByTimeAsync(19_999);
    expect(told.size).toBe(0);
    await vi.advanceTimersByTimeAsync(20_000);
    expect([...told.values()]).toEqual([["a"]]);
  });

  it("asks no more than thirty agents where all are busy", async () => {
    const { ready, asked } = news([task("a")], agents(500), () => false);
    ready.add(task("a"));
    await vi.advanceTimersByTimeAsync(GATHER_MS);
    expect(asked()).toBe(30);
  });
});
