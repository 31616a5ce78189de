import { describe, expect, test } from "vitest";
import { complete } from "./completion.ts";
import { cancel } from "./drafting.ts";
import { beginExecution, lapse, leasesEndAt, renewed, timeOut, working } from "./executing.ts";
import { rests, waitsFor } from "./saga.ts";
import {
  API,
  adm,
  agent,
  alice,
  applying,
  approved,
  begun,
  bot,
  codeOf,
  done,
  freed,
  gathering,
  leasesOf,
  ORDERS,
  orders,
  resource,
  T0,
  TASK_ID,
  told,
  turn,
} from "./task.fixture.ts";
import type { TaskRecord } from "./task.ts";
import type { CompleteTask } from "./task-contract.ts";
import type { Transition } from "./transition.ts";

const EVERYTHING = ["agent:bot", `task:${TASK_ID}`, `resource:${ORDERS}`, `resource:${API}`];
const other = agent("other");

function must(transition: Transition | null): Transition {
  if (transition === null) throw new Error("nothing was decided");
  return transition;
}

function ending(task: TaskRecord, input: CompleteTask, caller = bot, now = T0 + 5_000): Transition {
  return done(complete(task, input, caller, now));
}

/** After `count` lapses, each applied again by the same agent as soon as it may. */
function lapsed(task: TaskRecord, count: number): Transition {
  const next = must(lapse(task, "expired", T0, 0.5));
  if (count <= 1) return next;
  return lapsed(begun(next.task, "bot", (next.task.retry_at ?? 0) + 1).task, count - 1);
}

describe("the beginning of an attempt", () => {
  test("turns the task APPLYING, by its agent, under the leases it was granted", () => {
    const { task, happenings, effects } = begun(approved());
    expect(task).toMatchObject({ state: "APPLYING", attempts: 1, execution: { attempt: 1, agent_id: "bot" } });
    expect(task.saga).toBeUndefined();
    expect(happenings).toMatchObject([
      {
        action: "task.applying",
        from_state: "APPROVED",
        to_state: "APPLYING",
        who: { id: "bot", kind: "agent" },
        details: { attempt: 1, leases: [7, 8, 9, 10].map((fencing_token) => ({ fencing_token })) },
      },
    ]);
    expect(effects).toEqual([{ target: "dispatch", body: { do: "task.gone", task_id: TASK_ID } }]);
  });

  test("after a wait or a rest hands the task to the agent that waited, and tells it to apply", () => {
    const { task, saga } = gathering(approved());
    const waited = must(waitsFor(task, { resource_type: "agent", resource_id: "bot", queue_position: 1 })).task;
    const { saga: resting = saga } = must(rests(task, T0, 0)).task;
    for (const late of [waited.saga ?? saga, resting]) {
      const { effects } = beginExecution(waited, late, leasesOf(task), T0);
      const leases = leasesOf(task);
      expect(effects).toEqual([
        { target: "dispatch", body: { do: "task.granted", task_id: TASK_ID, agent_id: "bot" } },
        {
          target: "agent:bot",
          body: {
            do: "command",
            session_id: saga.session_id,
            command: { command: "task:apply", task_id: TASK_ID, leases },
            notes: [{ event: "task:apply", payload: { task_id: TASK_ID, priority: 50, type: "db.resize", leases } }],
          },
        },
      ]);
    }
  });

  test("ends with the first of its leases", () => {
    const { execution } = applying();
    if (execution === undefined) throw new Error("nothing is applied");
    const leases = execution.leases.map((lease, at) =>
      at === 2 ? { ...lease, expires_at: "2026-11-20T12:00:09Z" } : lease,
    );
    expect(leasesEndAt({ ...execution, leases })).toBe(T0 + 9_000);
  });

  test("keeps its leases as their locks know them, and tells its channel alone how far it is", () => {
    const task = applying();
    const leases = task.execution?.leases.slice(1) ?? [];
    const silent = must(renewed(task, leases));
    expect(silent).toEqual({
      task: { ...task, execution: { ...task.execution, leases } },
      happenings: [],
      effects: [],
    });
    const { happenings } = must(renewed(task, leases, { progress: 0 }));
    expect(happenings).toMatchObject([{ action: "task.progress", details: { progress: 0 }, audit: false }]);
    expect(renewed(approved(), leases, { message: "still here" })).toBeNull();
  });
});

describe("complete", () => {
  test("by the agent ends the task, with what it took and what it said", () => {
    const { task, happenings } = ending(applying(), { result: "success", output: { rows: 3 } });
    expect(task).toMatchObject({
      state: "COMPLETED",
      metadata: { completed_at: "2026-11-20T12:00:05.000Z" },
      execution: { result: "success", output: { rows: 3 }, completed_at: T0 + 5_000, leases: [] },
    });
    expect(happenings).toMatchObject([
      {
        action: "task.completed",
        from_state: "APPLYING",
        to_state: "COMPLETED",
        details: { result: "success", duration_seconds: 5 },
      },
    ]);
    expect(happenings[0]?.who).toBeUndefined();
    expect(JSON.stringify(happenings)).not.toContain("rows");
  });

  test.each(["success", "failure", "cancelled"] as const)("with %s frees every lock, each once", (result) => {
    expect(freed(ending(applying(), { result }).effects)).toEqual(EVERYTHING);
  });

  test.each(["failure", "cancelled"] as const)("with %s moves no resource on", (result) => {
    const { effects } = ending(applying(), { result, resources: { [ORDERS]: { size: 9 } } });
    const body = { do: "lock.release", agent_id: "bot", session_id: `task:${TASK_ID}:1` };
    expect(effects.map((effect) => effect.body)).toEqual(Array(4).fill(body));
  });

  test("again with the same result is the same answer; with another it is 409", () => {
    const { task } = ending(applying(), { result: "failure", error: "disk" });
    expect(complete(task, { result: "failure" }, bot, T0 + 9_000)).toEqual({ ok: true, value: null });
    for (const result of ["success", "cancelled"] as const) {
      expect(codeOf(complete(task, { result }, bot, T0))).toBe("INVALID_STATE");
    }
    expect(codeOf(complete(task, { result: "failure" }, other, T0))).toBe("INVALID_STATE");
  });

  test("by an admin for the agent is the same answer again too, to both", () => {
    const { task } = ending(applying(), { result: "success" }, adm);
    for (const caller of [adm, bot])
      expect(complete(task, { result: "success" }, caller, T0)).toEqual({ ok: true, value: null });
  });

  test("by another agent is 403 while the task is applied, 409 otherwise", () => {
    expect(codeOf(complete(applying(), { result: "success" }, other, T0))).toBe("FORBIDDEN");
    expect(codeOf(complete(approved(), { result: "success" }, bot, T0))).toBe("INVALID_STATE");
    expect(codeOf(working(applying(), other, "heartbeat"))).toBe("FORBIDDEN");
  });

  test.each(["service:prod/other", "database:orders", API, "__proto__", "constructor"])(
    "that reports %s, which the task does not change, is a 400 that names the field",
    (key) => {
      const resources = Object.fromEntries([[key, {}]]);
      expect(complete(applying(), { result: "success", resources }, bot, T0)).toMatchObject({
        error: {
          code: "VALIDATION_ERROR",
          details: { field: `resources.${key}`, issues: [{ field: `resources.${key}` }] },
        },
      });
    },
  );
});

describe("on success a resource", () => {
  const applied = (task: TaskRecord, resources?: CompleteTask["resources"], target = `resource:${ORDERS}`) =>
    told(ending(task, { result: "success", ...(resources && { resources }) }).effects, target);
  const about = { do: "resource.applied", agent_id: "bot", session_id: `task:${TASK_ID}:1`, task_id: TASK_ID };
  const only = (...actions: Parameters<typeof resource>[2][]) =>
    applying({
      config: { resources: [resource("database", "orders", ...actions)] },
      facts: { preview: orders({ old: 1 }) },
    });

  test("takes its after under the fencing token of its own lease", () => {
    expect(applied(applying({ facts: { preview: orders({ old: 1 }) } }))).toEqual([
      { ...about, fencing_token: 9, attributes: { old: 1, size: 2 } },
    ]);
  });

  test("takes what the agent reports instead, be it nothing", () => {
    expect(applied(applying(), { [ORDERS]: { size: 3 } })).toMatchObject([{ attributes: { size: 3 } }]);
    expect(applied(applying(), { [ORDERS]: {} })).toMatchObject([{ attributes: {} }]);
  });

  test("that was only read is freed and stays as it is", () => {
    expect(applied(applying(), undefined, `resource:${API}`)).toEqual([
      { do: "lock.release", agent_id: "bot", session_id: `task:${TASK_ID}:1` },
    ]);
  });

  test("that was deleted is left with nothing, also after a write of the same task", () => {
    expect(applied(only("delete"))).toEqual([{ ...about, fencing_token: 9, attributes: {} }]);
    expect(applied(only("delete", "write"))).toMatchObject([{ attributes: {} }]);
  });

  test("that was only executed keeps its attributes, but its revision moves on", () => {
    expect(applied(only("execute"))).toEqual([{ ...about, fencing_token: 9 }]);
    expect(applied(only("execute", "write"))).toMatchObject([{ attributes: { old: 1, size: 2 } }]);
  });
});

describe("a rollback without a stash", () => {
  test.each([
    ["automatic", "failure", { status: "unavailable" }],
    ["automatic", "success", undefined],
    ["automatic", "cancelled", undefined],
    ["manual", "failure", undefined],
    ["none", "failure", undefined],
  ] as const)("%s after %s: %j, and the task is over at once", (rollback_strategy, result, rollback) => {
    const { task } = ending(applying({ config: { rollback_strategy } }), { result });
    expect(task.state).toBe("COMPLETED");
    expect(task.execution?.rollback).toEqual(rollback);
  });
});

describe("a lapsed lease", () => {
  test("makes the task ready again at once, to be applied after a pause", () => {
    const { task, happenings, effects } = lapsed(applying(), 1);
    expect(task).toMatchObject({
      state: "APPROVED",
      retry_at: T0 + 2_000,
      attempts: 1,
      metadata: { updated_at: "2026-11-20T12:00:00.000Z" },
      execution: { attempt: 1, completed_at: T0, leases: [], error: "a lease lapsed: expired" },
    });
    expect(happenings).toMatchObject([
      {
        action: "task.retrying",
        from_state: "APPLYING",
        to_state: "APPROVED",
        who: { id: "system" },
        details: { attempt: 1, attempts_left: 2, retry_at: "2026-11-20T12:00:02.000Z" },
      },
    ]);
    expect(freed(effects)).toEqual(EVERYTHING);
    expect(told(effects, "dispatch")).toMatchObject([{ do: "task.ready", task: { not_before: T0 + 2_000 } }]);
  });

  test("is told with the time it was noticed", () => {
    const { task } = must(lapse(applying(), "expired", T0 + 31_000, 0));
    expect(task.metadata.updated_at).toBe("2026-11-20T12:00:31.000Z");
  });

  test("pauses 2^n s for the nth attempt, give or take a fifth, and never over 60 s", () => {
    const pause = (attempt: number, random: number) => {
      const task = applying({ config: { max_attempts: 10 } });
      const execution = task.execution && { ...task.execution, attempt };
      return (must(lapse({ ...task, ...(execution && { execution }) }, "x", T0, random)).task.retry_at ?? 0) - T0;
    };
    for (const attempt of [1, 2, 3, 4, 5, 6, 7, 9]) {
      const whole = Math.min(60_000, 2 ** attempt * 1_000);
      expect(pause(attempt, 0.5)).toBe(whole);
      expect(pause(attempt, 0)).toBe(whole * 0.8);
      expect(pause(attempt, 0.999_999)).toBeLessThanOrEqual(Math.min(60_000, whole * 1.2));
      expect(pause(attempt, 0.999_999)).toBeGreaterThanOrEqual(whole);
    }
  });

  test("of the last attempt is a failure, by system, with everything freed", () => {
    const { task, happenings, effects } = lapsed(applying(), 3);
    expect(task).toMatchObject({ state: "COMPLETED", execution: { attempt: 3, result: "failure", leases: [] } });
    expect(happenings).toMatchObject([
      { action: "task.completed", who: { id: "system" }, details: { result: "failure", attempt: 3 } },
    ]);
    expect(freed(effects)).toEqual(EVERYTHING);
    expect(told(effects, "dispatch")).toEqual([]);
    expect(effects.map(({ body }) => body)).toEqual(
      Array(4).fill({ do: "lock.release", agent_id: "bot", session_id: `task:${TASK_ID}:3` }),
    );
  });

  test("with max_attempts 1 is the end at once", () => {
    expect(lapsed(applying({ config: { max_attempts: 1 } }), 1).task.state).toBe("COMPLETED");
  });

  test("of a task that is not applied any more is no news", () => {
    const over = ending(applying(), { result: "success" }).task;
    for (const task of [over, approved(), lapsed(applying(), 1).task]) expect(lapse(task, "late", T0, 0)).toBeNull();
  });
});

describe("an agent that lost a lease", () => {
  const lost = lapsed(applying(), 1).task;
  const taken = begun(lost, "other", T0 + 3_000).task;

  test("is told TASK_LEASE_LOST whatever it sends, and whatever became of the task", () => {
    const cancelled = done(cancel(lost, undefined, turn(alice))).task;
    const ended = ending(taken, { result: "success" }, other).task;
    for (const task of [lost, taken, cancelled, ended]) {
      expect(codeOf(working(task, bot, "heartbeat"))).toBe("TASK_LEASE_LOST");
      for (const result of ["success", "failure", "cancelled"] as const) {
        expect(codeOf(complete(task, { result }, bot, T0))).toBe("TASK_LEASE_LOST");
      }
    }
  });

  test("of the last attempt is told so too, even when it would have said failure itself", () => {
    const { task } = lapsed(applying(), 3);
    for (const result of ["success", "failure"] as const) {
      expect(codeOf(complete(task, { result }, bot, T0))).toBe("TASK_LEASE_LOST");
    }
  });

  test("does not stop the one who applies the task now", () => {
    expect(codeOf(working(taken, other, "heartbeat"))).toBe("ok");
    expect(ending(taken, { result: "success" }, other).task.execution).toMatchObject({ attempt: 2, agent_id: "other" });
  });

  test("is heard again in an attempt of its own: same answer twice, 409 for another result", () => {
    const own = begun(lost, "bot", T0 + 3_000).task;
    const { task } = ending(own, { result: "success" });
    expect(complete(task, { result: "success" }, bot, T0)).toEqual({ ok: true, value: null });
    expect(codeOf(complete(task, { result: "failure" }, bot, T0))).toBe("INVALID_STATE");
  });
});

describe("timeout_seconds", () => {
  const task = applying({ config: { timeout_seconds: 60 } });

  test("over end the task with result timeout, by system, its locks freed and no other attempt", () => {
    const { task: over, happenings, effects } = must(timeOut(task, T0 + 60_000));
    expect(over).toMatchObject({ state: "COMPLETED", execution: { result: "timeout", leases: [] } });
    expect(happenings).toMatchObject([
      {
        action: "task.timed_out",
        from_state: "APPLYING",
        to_state: "COMPLETED",
        who: { id: "system" },
        details: { result: "timeout", duration_seconds: 60 },
      },
    ]);
    expect(freed(effects)).toEqual(EVERYTHING);
    expect(codeOf(complete(over, { result: "success" }, bot, T0))).toBe("INVALID_STATE");
  });

  test("not over, or of a task that is not applied, end nothing", () => {
    expect(timeOut(task, T0 + 59_999)).toBeNull();
    expect(timeOut(must(timeOut(task, T0 + 60_000)).task, T0 + 99_000)).toBeNull();
    expect(timeOut(approved(), T0 + 9e9)).toBeNull();
  });

  test("count from the attempt's own beginning", () => {
    const retry = lapsed(task, 1).task;
    const second = begun(retry, "bot", T0 + 50_000).task;
    expect(timeOut(second, T0 + 109_999)).toBeNull();
    expect(must(timeOut(second, T0 + 110_000)).task.execution).toMatchObject({ attempt: 2, result: "timeout" });
  });
});
