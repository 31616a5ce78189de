import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EXECUTOR } from "../users/principal-ref.ts";
import { complete } from "./completion.ts";
import { allowedExecutor, delivered, firstDelivery, redeliver, rollbackDelivery } from "./delivery.ts";
import { agent, applying, approved, begun, change, done, ORDERS, T0, TASK_ID } from "./task.fixture.ts";
import type { TaskRecord } from "./task.ts";
import { nextStepAt } from "./task-timers.ts";

const executor = { kind: "webhook", url: "https://example.com/hook" };

function delivering(): TaskRecord {
  return begun(approved({ config: { executor } }), EXECUTOR).task;
}

/** The pause (ms) before the next delivery when this many have failed. */
function pauseAfter(failures: number, random: number): number {
  let task = delivering();
  for (let n = 0; n < failures; n += 1) task = redeliver(task, "the executor answered 500", T0, random)?.task ?? task;
  return (task.execution?.delivery?.next_at ?? Number.NaN) - T0;
}

describe("the delivery of an attempt", () => {
  it("is due when the attempt begins, under an id that names task and attempt", () => {
    expect(delivering().execution?.delivery).toEqual({
      webhook_id: `msg_${TASK_ID}_1`,
      status: "pending",
      attempts: 0,
      next_at: T0,
    });
    expect(firstDelivery(TASK_ID, 2, T0).webhook_id).not.toBe(firstDelivery(TASK_ID, 1, T0).webhook_id);
  });

  it("that failed after a stash is followed by the wish of a rollback, under an id of its own, due at once", () => {
    const stashed = { ...delivering(), stash: { [ORDERS]: { rows: 12 } } };
    const { task } = done(complete(stashed, { result: "failure" }, agent(EXECUTOR), T0 + 9));
    expect(task.execution?.delivery).toEqual({
      webhook_id: `msg_${TASK_ID}_1_rollback`,
      status: "pending",
      attempts: 0,
      next_at: T0 + 9,
    });
    expect(nextStepAt(task)).toBe(T0 + 9);
    expect(rollbackDelivery(TASK_ID, { attempt: 2 }, T0).webhook_id).not.toBe(task.execution?.delivery?.webhook_id);
  });

  it("is no matter of a task that an agent applies", () => {
    expect(applying().execution).not.toHaveProperty("delivery");
    expect(delivered(applying())).toBeNull();
    expect(redeliver(applying(), "no", T0, 0)).toBeNull();
  });

  it("that was accepted keeps its id, counts, and tells nobody", () => {
    const taken = delivered(delivering());
    const { webhook_id } = firstDelivery(TASK_ID, 1, T0);
    expect(taken?.task.execution?.delivery).toMatchObject({ webhook_id, status: "accepted", attempts: 1 });
    expect(taken).toMatchObject({ happenings: [], effects: [], task: { state: "APPLYING" } });
    expect(taken?.task.execution?.delivery).not.toHaveProperty("last_error");
  });

  it("that was accepted with an answer that does not fit keeps what was wrong with it", () => {
    const delivery = delivered(delivering(), "resources.x is no resource")?.task.execution?.delivery;
    expect(delivery).toMatchObject({ status: "accepted", last_error: "resources.x is no resource" });
  });

  it("that failed is due again under the same id, with the error it met", () => {
    const again = redeliver(delivering(), "the executor answered 503", T0 + 7_000, 1 - Number.EPSILON)?.task;
    expect(again?.execution?.delivery).toEqual({
      webhook_id: `msg_${TASK_ID}_1`,
      status: "pending",
      attempts: 1,
      next_at: T0 + 8_000,
      last_error: "the executor answered 503",
    });
  });

  it("is repeated after 1 s, doubling to 30 s, and never stops by itself", () => {
    const pauses = [1, 2, 3, 4, 5, 6, 7, 500].map((failures) => pauseAfter(failures, 1 - Number.EPSILON));
    expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
  });

  it("spreads its repeats over the upper half of each pause, so that many tasks do not call at once", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (failures, random) => {
          const [pause, most] = [pauseAfter(failures, random), pauseAfter(failures, 1 - Number.EPSILON)];
          expect(pause).toBeGreaterThanOrEqual(most / 2);
          expect(pause).toBeLessThanOrEqual(most);
        },
      ),
    );
  });
});

describe("an executor's address", () => {
  const strict = { WEBHOOK_ALLOW_PRIVATE: "" };

  it("is public, or the field that is not is named", () => {
    expect(allowedExecutor(change(), strict).ok).toBe(true);
    expect(allowedExecutor(change({ executor }), strict).ok).toBe(true);
    const refused = allowedExecutor(change({ executor: { kind: "webhook", url: "https://127.0.0.1/" } }), strict);
    expect(refused).toMatchObject({
      ok: false,
      error: { code: "VALIDATION_ERROR", details: { field: "config.executor.url", issues: [{}] } },
    });
  });

  it.each(["1", "true", "0", " 1"])("may be private only when the variable says 1, and it says %j", (value) => {
    const config = change({ executor: { kind: "webhook", url: "http://127.0.0.1:1/" } });
    expect(allowedExecutor(config, { WEBHOOK_ALLOW_PRIVATE: value }).ok).toBe(value === "1");
  });
});
