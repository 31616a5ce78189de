import { describe, expect, test } from "vitest";
import { lapse } from "./executing.ts";
import { abandons, beginSaga, PATIENCE_MS, queueOf, releaseSaga, rests, stepsOf, waitsFor } from "./saga.ts";
import {
  applying,
  approved,
  change,
  codeOf,
  done,
  gathering,
  ORDERS,
  resource,
  T0,
  TASK_ID,
  told,
} from "./task.fixture.ts";
import { type TaskRecord, taskView } from "./task.ts";
import { Task } from "./task-contract.ts";
import type { Transition } from "./transition.ts";

const task = approved();

function must(transition: Transition | null): Transition {
  if (transition === null) throw new Error("nothing was decided");
  return transition;
}

function resting(at = T0, random = 0): TaskRecord {
  return must(rests(gathering(task, "bot", at).task, at, random)).task;
}

const queued = { resource_type: "resource", resource_id: ORDERS, queue_position: 2 };

describe("the locks of an apply", () => {
  test("are taken in canonical order: a permit, the task, every resource by key, however the config names them", () => {
    const refs = [
      resource("service", "b", "execute"),
      { type: "service", id: "a/b", actions: ["delete"] },
      resource("database", "z", "read"),
      { type: "database", id: "z", actions: ["read", "write"] },
    ];
    const expected = [
      { kind: "agent", target: "agent:bot" },
      { kind: "task" },
      { kind: "resource", target: "resource:database:prod/z", key: "database:prod/z", mode: "shared" },
      { kind: "resource", target: "resource:database:z", key: "database:z", mode: "exclusive" },
      { kind: "resource", target: "resource:service:/a/b", key: "service:/a/b", mode: "exclusive" },
      { kind: "resource", target: "resource:service:prod/b", key: "service:prod/b", mode: "exclusive" },
    ];
    expect(stepsOf(change({ resources: refs }), "bot")).toEqual(expected);
    expect(stepsOf(change({ resources: refs.toReversed() }), "bot")).toEqual(expected);
  });

  test("of a resource named twice are one, exclusive if either reference changes it", () => {
    const twice = change({ resources: [resource("service", "a", "read"), resource("service", "a", "write")] });
    expect(stepsOf(twice, "bot").slice(2)).toMatchObject([{ key: "service:prod/a", mode: "exclusive" }]);
  });
});

describe("an apply", () => {
  test("begins a saga of the next attempt in a session of its own, and the task stays approved", () => {
    const { saga, task: begun, fresh } = done(beginSaga(task, "bot", "n1", T0));
    expect(fresh).toBe(true);
    expect(begun.state).toBe("APPROVED");
    expect(saga).toMatchObject({ agent_id: "bot", attempt: 1, session_id: `task:${TASK_ID}:1`, tries: 0 });
    expect(saga.deadline).toBe(T0 + PATIENCE_MS);
  });

  test("by the same agent again finds its saga under way, with its first nonce and deadline", () => {
    const first = done(beginSaga(task, "bot", "n1", T0));
    const again = done(beginSaga(first.task, "bot", "n2", T0 + 5_000));
    expect(again).toEqual({ task: first.task, saga: first.saga, fresh: false });
    expect(again.task).toBe(first.task);
  });

  test("by another agent is refused while a saga runs or waits, and says whose", () => {
    const running = gathering(task).task;
    const waiting = must(waitsFor(running, queued)).task;
    for (const busy of [running, waiting]) {
      expect(beginSaga(busy, "other", "n2", T0 + 1)).toMatchObject({
        error: { code: "INVALID_STATE", details: { state: "APPROVED", agent_id: "bot" } },
      });
    }
  });

  test("by another agent takes over while the saga rests: its own session, patience and count of tries", () => {
    const taken = done(beginSaga(resting(), "other", "n2", T0 + 10));
    expect(taken).toMatchObject({ fresh: true, saga: { agent_id: "other", nonce: "n2", tries: 0, attempt: 1 } });
    expect(taken.saga).not.toHaveProperty("resting_until");
    expect(taken.saga.deadline).toBe(T0 + 10 + PATIENCE_MS);
  });

  test("by the same agent leaves a rest alone and, once it is over, goes on counting tries", () => {
    const pausing = resting();
    const until = pausing.saga?.resting_until ?? 0;
    expect(done(beginSaga(pausing, "bot", "n2", until - 1))).toEqual({
      task: pausing,
      saga: pausing.saga,
      fresh: false,
    });
    const again = done(beginSaga(pausing, "bot", "n2", until));
    expect(again).toMatchObject({ fresh: true, saga: { nonce: "n2", tries: 1 } });
    expect(again.saga).not.toHaveProperty("resting_until");
  });

  test("before retry_at is 409 with retry_at, to the very millisecond", () => {
    const lapsed = must(lapse(applying(), "expired", T0, 0.5)).task;
    expect(beginSaga(lapsed, "bot", "n", T0 + 1_999)).toMatchObject({
      error: { code: "INVALID_STATE", details: { state: "APPROVED", retry_at: "2026-11-20T12:00:02.000Z" } },
    });
    expect(done(beginSaga(lapsed, "bot", "n", T0 + 2_000)).saga).toMatchObject({
      attempt: 2,
      session_id: `task:${TASK_ID}:2`,
    });
    expect(codeOf(beginSaga(lapsed, "other", "n", T0))).toBe("INVALID_STATE");
  });
});

describe("a saga that waits", () => {
  test("says where it stands to whoever reads the task, which is offered to nobody else", () => {
    const waiting = must(waitsFor(gathering(task).task, queued));
    expect(waiting.task.state).toBe("APPROVED");
    expect(waiting.task.saga && queueOf(waiting.task.saga)).toEqual([queued]);
    expect(Task.parse(taskView(waiting.task)).queue).toEqual([queued]);
    expect(taskView(resting())).not.toHaveProperty("queue");
    expect(waiting).toMatchObject({ happenings: [], effects: [{ target: "dispatch", body: { do: "task.gone" } }] });
  });

  test("tells the dispatch once, and nothing where it stands as before", () => {
    const waiting = must(waitsFor(gathering(task).task, queued)).task;
    expect(waitsFor(waiting, { ...queued })).toBeNull();
    const nearer = must(waitsFor(waiting, { ...queued, queue_position: 1 }));
    expect(nearer.effects).toEqual([]);
    expect(nearer.task.saga?.waiting?.queue_position).toBe(1);
    expect(must(waitsFor(waiting, { ...queued, resource_type: "agent" })).task.saga?.waiting?.resource_type).toBe(
      "agent",
    );
  });

  test("waits in no queue before it has asked", () => {
    expect(queueOf(gathering(task).saga)).toEqual([]);
  });
});

describe("a saga that rests", () => {
  test("frees everything, counts no attempt and keeps the task approved", () => {
    const waiting = must(waitsFor(gathering(task).task, queued)).task;
    const rested = must(rests(waiting, T0 + PATIENCE_MS, 0));
    expect(rested.task).toMatchObject({ state: "APPROVED", attempts: 0, saga: { tries: 1 } });
    expect(rested.task.saga?.waiting).toBeUndefined();
    expect(rested.effects).toEqual(releaseSaga(task, gathering(task).saga));
    expect(rested.happenings).toEqual([]);
  });

  test("rests longer each time, between half and all of 1 s doubled, and never beyond a minute", () => {
    const pause = (tries: number, random: number) => {
      const { task: begun, saga } = gathering(task);
      return (must(rests({ ...begun, saga: { ...saga, tries } }, T0, random)).task.saga?.resting_until ?? 0) - T0;
    };
    expect([0, 1, 2, 5].map((tries) => pause(tries, 0))).toEqual([500, 1_000, 2_000, 16_000]);
    expect([0, 1, 2, 5].map((tries) => pause(tries, 0.5))).toEqual([750, 1_500, 3_000, 24_000]);
    for (const tries of [6, 11, 2_000]) {
      expect(pause(tries, 0.999_999_9)).toBeLessThanOrEqual(60_000);
      expect(pause(tries, 0)).toBe(30_000);
    }
  });
});

describe("a saga that is abandoned", () => {
  test("frees everything and makes the task ready again, not before it is told to", () => {
    const abandoned = must(abandons(gathering(task).task, T0 + 1_000));
    expect(abandoned.task).toEqual(task);
    expect(told(abandoned.effects, "dispatch")).toMatchObject([
      { do: "task.ready", task: { task_id: TASK_ID, not_before: T0 + 1_000 } },
    ]);
    expect(abandoned.effects.slice(0, -1)).toEqual(releaseSaga(task, gathering(task).saga));
  });

  test("or is none at all has nothing to free, to rest or to await", () => {
    expect([abandons(task, T0), rests(task, T0, 0), waitsFor(task, queued)]).toEqual([null, null, null]);
  });

  test("frees in the session of that very agent and attempt", () => {
    const { saga } = gathering(task);
    const body = { do: "lock.release", agent_id: "bot", session_id: `task:${TASK_ID}:1` };
    expect(releaseSaga(task, saga)).toEqual(
      ["agent:bot", `task:${TASK_ID}`, `resource:${ORDERS}`, "resource:service:prod/api"].map((target) => ({
        target,
        body,
      })),
    );
  });
});
