import { describe, expect, it } from "vitest";
import { EXECUTOR } from "../users/principal-ref.ts";
import { complete, stash } from "./completion.ts";
import { delivered, redeliver } from "./delivery.ts";
import { abandons, PATIENCE_MS, RENEW_MS, rests, waitsFor } from "./saga.ts";
import {
  agent,
  applying,
  approved,
  begun,
  bot,
  done,
  draft,
  gathering,
  ORDERS,
  rejected,
  reviewing,
  T0,
} from "./task.fixture.ts";
import type { TaskRecord } from "./task.ts";
import { nextStepAt, type TimerWish, timersOf } from "./task-timers.ts";

const config = { executor: { kind: "webhook", url: "https://example.com/hook" }, timeout_seconds: 120 };

/** The timers that are wanted, by name, in ms after T0. */
function wanted(task: TaskRecord, now = T0): Partial<Record<TimerWish["name"], number>> {
  const set = timersOf(task, now).flatMap(({ name, due_at }) => (due_at === undefined ? [] : [[name, due_at - T0]]));
  return Object.fromEntries(set);
}

function delivering(): TaskRecord {
  return begun(approved({ config }), EXECUTOR).task;
}

describe("the timers of a task", () => {
  it("are all named every time, so that those of an earlier state are cleared", () => {
    const names = ["review", "saga", "timeout", "lease", "renew", "executor", "batch"];
    for (const task of [draft(), applying(), delivering()]) {
      expect(timersOf(task, T0).map(({ name }) => name)).toEqual(names);
    }
  });

  it("watch over a review for as long as somebody has to answer", () => {
    expect(wanted(reviewing())).toEqual({ review: 172_800_000 });
  });

  it("are none before and after a review, and none once it is over", () => {
    const over = done(complete(applying(), { result: "success" }, bot, T0)).task;
    for (const task of [draft(), approved(), rejected(), over]) expect(wanted(task)).toEqual({});
  });

  it("watch a saga: often enough to renew what it holds, and not past its deadline", () => {
    const { task } = gathering(approved());
    expect(wanted(task)).toEqual({ saga: RENEW_MS });
    expect(wanted(task, T0 + PATIENCE_MS - 1)).toEqual({ saga: PATIENCE_MS });
    const waiting = waitsFor(task, { resource_type: "resource", resource_id: ORDERS, queue_position: 1 })?.task ?? task;
    expect(wanted(waiting)).toEqual({ saga: RENEW_MS });
  });

  it("wake a saga that rests when it is rested", () => {
    const resting = rests(gathering(approved()).task, T0, 0.5)?.task ?? draft();
    const rested = resting.saga?.resting_until ?? 0;
    expect(wanted(resting)).toEqual({ saga: rested - T0 });
    expect(wanted(resting, rested)).toEqual({ saga: rested + 1_000 - T0 });
  });

  it("end an execution with its leases or its timeout; heartbeats do not move the alarm", () => {
    const task = applying();
    expect(wanted(task)).toEqual({ lease: 30_000, timeout: task.config.timeout_seconds * 1000 });
    expect(timersOf(task, T0).find(({ name }) => name === "lease")?.lazy).toBe(true);
  });

  it("look again at leases that their locks, whose clocks may be behind, still take for held", () => {
    expect(wanted(applying(), T0 + 30_000)).toMatchObject({ lease: 31_000 });
  });
});

describe("a task with an executor", () => {
  it("goes on by itself as soon as it is approved, and is looked after in case that was lost", () => {
    const task = approved({ config });
    expect(nextStepAt(task)).toBe(0);
    expect(wanted(task)).toEqual({ executor: 5_000 });
  });

  it("waits while its saga runs: that has a timer of its own", () => {
    const { task } = gathering(approved({ config }), EXECUTOR);
    expect(nextStepAt(task)).toBeUndefined();
    expect(wanted(task)).toEqual({ saga: RENEW_MS });
  });

  it("begins anew when its retry is due", () => {
    const task = abandons(gathering(approved({ config }), EXECUTOR).task, T0 + 60_000)?.task ?? draft();
    expect(nextStepAt(task)).toBe(T0 + 60_000);
    expect(wanted(task)).toEqual({ executor: 60_000 });
    expect(wanted(task, T0 + 60_000)).toEqual({ executor: 65_000 });
  });

  it("delivers at once, and again after each pause", () => {
    const task = delivering();
    expect(nextStepAt(task)).toBe(T0);
    const again = redeliver(task, "500", T0, 1 - Number.EPSILON)?.task ?? task;
    expect(nextStepAt(again)).toBe(T0 + 1_000);
    expect(wanted(again)).toMatchObject({ executor: 1_000 });
  });

  it("renews its leases itself, well before they end, for as long as the attempt runs", () => {
    const task = delivered(delivering())?.task ?? draft();
    expect(wanted(task)).toEqual({ renew: RENEW_MS, lease: 30_000, timeout: 120_000 });
    expect(RENEW_MS * 2).toBeLessThan(30_000);
  });

  it("sends nothing once it was accepted or is over, and the wish of a rollback at once", () => {
    const who = agent(EXECUTOR);
    expect(nextStepAt(delivered(delivering())?.task ?? draft())).toBeUndefined();
    expect(nextStepAt(done(complete(delivering(), { result: "success" }, who, T0)).task)).toBeUndefined();
    const kept = done(stash(delivering(), { resource: ORDERS, data: { size: 1 } }, who)).task;
    const rollingBack = done(complete(kept, { result: "failure" }, who, T0)).task;
    expect(rollingBack.state).toBe("APPLYING");
    expect(nextStepAt(rollingBack)).toBe(T0);
    expect(wanted(rollingBack)).toEqual({ executor: 5_000, renew: RENEW_MS, lease: 30_000, timeout: 120_000 });
  });

  it("is nothing that a task for agents does", () => {
    expect(nextStepAt(approved())).toBeUndefined();
    expect(nextStepAt(applying())).toBeUndefined();
  });
});
