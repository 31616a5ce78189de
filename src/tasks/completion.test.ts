import { describe, expect, it } from "vitest";
import type { Caller } from "../actor/caller.ts";
import { EXECUTOR } from "../users/principal-ref.ts";
import { complete, MAX_STASH_BYTES, reportRollback, stash } from "./completion.ts";
import { lapse, timeOut } from "./executing.ts";
import {
  API,
  agent,
  alice,
  applying,
  approved,
  begun,
  bot,
  change,
  codeOf,
  done,
  freed,
  ORDERS,
  resource,
  steps,
  T0,
  TASK_ID,
} from "./task.fixture.ts";
import { type TaskRecord, taskView } from "./task.ts";

const before = { rows: 12, flags: ["a"] };

function stashed(config = change({ rollback_strategy: "automatic" })): TaskRecord {
  return done(stash(applying({ config }), { resource: ORDERS, data: before }, bot)).task;
}

function rollingBack(): TaskRecord {
  return done(complete(stashed(), { result: "failure", error: "disk full" }, bot, T0)).task;
}

describe("a stash", () => {
  it("keeps what a resource was like, the last word on it counting", () => {
    const again = done(stash(stashed(), { resource: ORDERS, data: { rows: 13 } }, bot)).task;
    expect(again.stash).toEqual({ [ORDERS]: { rows: 13 } });
  });

  it("is refused for what the task does not change, and for anybody but its agent", () => {
    expect(codeOf(stash(applying(), { resource: "database:prod/other", data: {} }, bot))).toBe("VALIDATION_ERROR");
    expect(codeOf(stash(applying(), { resource: ORDERS, data: {} }, agent("other")))).toBe("FORBIDDEN");
    expect(codeOf(stash(approved(), { resource: ORDERS, data: {} }, bot))).toBe("INVALID_STATE");
  });

  it("may not grow without bound", () => {
    const data = "x".repeat(MAX_STASH_BYTES);
    expect(codeOf(stash(applying(), { resource: ORDERS, data }, bot))).toBe("PAYLOAD_TOO_LARGE");
  });

  it("is shown to nobody before somebody has to go back to it", () => {
    expect(taskView(stashed()).execution).not.toHaveProperty("rollback");
  });

  it("does not outlive its attempt", () => {
    const lapsed = lapse(stashed(change({ max_attempts: 2 })), "ttl", T0, 0);
    const { retry_at: _, ...ready } = lapsed?.task ?? approved();
    expect(begun(ready).task.stash).toBeUndefined();
  });
});

describe("a failure", () => {
  it("with a stash and the automatic strategy asks the agent to roll back, and gives nothing back yet", () => {
    const asked = done(complete(stashed(), { result: "failure", error: "disk full" }, bot, T0));
    expect(asked.task.state).toBe("APPLYING");
    expect(asked.effects).toEqual([]);
    expect(steps(asked)).toHaveLength(1);
    expect(asked.happenings[0]?.action).toBe("task.rollback_requested");
    const rollback = { status: "requested", stash: { [ORDERS]: before } };
    expect(taskView(asked.task).execution).toMatchObject({ result: "failure", error: "disk full", rollback });
  });

  it("without a stash is over at once, rollback unavailable", () => {
    const over = done(complete(applying(), { result: "failure" }, bot, T0)).task;
    expect(over).toMatchObject({ state: "COMPLETED", execution: { rollback: { status: "unavailable" } } });
  });

  it("under the manual strategy is over at once, the stash kept for a person", () => {
    const kept = stashed(change({ rollback_strategy: "manual" }));
    const over = done(complete(kept, { result: "failure" }, bot, T0)).task;
    expect(over.state).toBe("COMPLETED");
    expect(taskView(over).execution?.rollback).toEqual({ status: "manual", stash: { [ORDERS]: before } });
  });

  it("under the strategy none is over at once and says nothing of a rollback", () => {
    const kept = stashed(change({ rollback_strategy: "none" }));
    const over = done(complete(kept, { result: "failure" }, bot, T0)).task;
    expect(over.state).toBe("COMPLETED");
    expect(taskView(over).execution).not.toHaveProperty("rollback");
  });

  it("told twice is answered the same while the rollback is under way, and no other word is taken", () => {
    const task = rollingBack();
    expect(complete(task, { result: "failure" }, bot, T0)).toEqual({ ok: true, value: null });
    expect(codeOf(complete(task, { result: "success" }, bot, T0))).toBe("INVALID_STATE");
  });
});

describe("a rollback", () => {
  it.each([
    ["success", "succeeded"],
    ["failure", "failed"],
  ] as const)("reported as %s ends the task as failed, the rollback %s, everything given back", (result, status) => {
    const over = done(reportRollback(rollingBack(), { result, error: "late" }, bot, T0 + 1_000));
    expect(over.task).toMatchObject({ state: "COMPLETED", execution: { result: "failure", rollback: { status } } });
    expect(freed(over.effects)).toEqual(expect.arrayContaining([`resource:${ORDERS}`, "agent:bot"]));
    expect(taskView(over.task).execution?.rollback).toEqual({ status, error: "late" });
  });

  it("reported twice is answered the same; otherwise, or unasked, it is 409", () => {
    const over = done(reportRollback(rollingBack(), { result: "success" }, bot, T0)).task;
    expect(reportRollback(over, { result: "success" }, bot, T0)).toEqual({ ok: true, value: null });
    expect(codeOf(reportRollback(over, { result: "failure" }, bot, T0))).toBe("INVALID_STATE");
    expect(codeOf(reportRollback(applying(), { result: "success" }, bot, T0))).toBe("INVALID_STATE");
    expect(codeOf(reportRollback(rollingBack(), { result: "success" }, agent("other"), T0))).toBe("FORBIDDEN");
    expect(codeOf(reportRollback(rollingBack(), { result: "success" }, alice, T0))).toBe("FORBIDDEN");
  });

  it("that was taken away cannot be reported, not even as what it came to", () => {
    const lapsed = lapse(rollingBack(), "ttl", T0 + 40_000, 0)?.task ?? approved();
    expect(codeOf(reportRollback(lapsed, { result: "failure" }, bot, T0))).toBe("TASK_LEASE_LOST");
    const late = timeOut(rollingBack(), T0 + 3_600_000)?.task ?? approved();
    expect(codeOf(reportRollback(late, { result: "failure" }, bot, T0))).toBe("INVALID_STATE");
  });

  it("during which a lease lapses has failed, and no attempt is left for it", () => {
    const lost = lapse(rollingBack(), "ttl", T0 + 40_000, 0)?.task;
    expect(lost).toMatchObject({
      state: "COMPLETED",
      execution: { result: "failure", rollback: { status: "failed" } },
    });
  });

  it("that outlasts timeout_seconds has failed, and the task has timed out", () => {
    const task = rollingBack();
    const late = timeOut(task, T0 + task.config.timeout_seconds * 1000)?.task;
    expect(late).toMatchObject({
      state: "COMPLETED",
      execution: { result: "timeout", rollback: { status: "failed" } },
    });
  });
});

it("what two resources were like is kept side by side", () => {
  const resources = [resource("database", "orders", "write"), resource("service", "api", "execute")];
  const both = done(stash(stashed(change({ resources })), { resource: API, data: 1 }, bot)).task;
  expect(Object.keys(both.stash ?? {}).sort()).toEqual([ORDERS, API].sort());
});

it("a token of an earlier attempt is told that its lease is lost, even if a later one ended as it says", () => {
  const token = (attempt: number): Caller => {
    const who = { ...agent(EXECUTOR).who, session_id: `task:${TASK_ID}:${attempt}` };
    return { ...agent(EXECUTOR), who };
  };
  const config = { executor: { kind: "webhook", url: "https://example.com/" }, max_attempts: 2 };
  const lapsed = lapse(begun(approved({ config }), EXECUTOR).task, "ttl", T0, 0)?.task ?? approved();
  const { retry_at: _, ...ready } = lapsed;
  const second = begun(ready, EXECUTOR).task;
  const kept = done(stash(second, { resource: ORDERS, data: before }, token(2))).task;
  const asked = done(complete(kept, { result: "failure" }, token(2), T0)).task;
  const over = done(reportRollback(asked, { result: "success" }, token(2), T0)).task;
  for (const task of [lapsed, second, asked, over]) {
    expect(codeOf(complete(task, { result: "failure" }, token(1), T0))).toBe("TASK_LEASE_LOST");
    expect(codeOf(reportRollback(task, { result: "success" }, token(1), T0))).toBe("TASK_LEASE_LOST");
  }
  expect(complete(over, { result: "failure" }, token(2), T0)).toEqual({ ok: true, value: null });
  expect(reportRollback(over, { result: "success" }, token(2), T0)).toEqual({ ok: true, value: null });
});
