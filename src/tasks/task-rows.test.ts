import { describe, expect, test } from "vitest";
import { complete } from "./completion.ts";
import { comment, remove } from "./drafting.ts";
import { lapse } from "./executing.ts";
import {
  alice,
  ann,
  answering,
  applying,
  bot,
  done,
  draft,
  editing,
  ORDERS,
  requestOf,
  resource,
  reviewing,
  T0,
  TASK_ID,
  turn,
} from "./task.fixture.ts";
import type { TaskRecord } from "./task.ts";
import { jsonBytes } from "./task-contract.ts";
import { taskRows } from "./task-rows.ts";

function rows(task: TaskRecord, table: string, entries: readonly { readonly subject_id: string }[] = []) {
  return taskRows(task, entries).filter((change) => change.table === table);
}

describe("the row of a task", () => {
  test("holds everything that lists filter and sort by", () => {
    const task = draft({ metadata: { tags: ["urgent", "db"] } });
    expect(rows(task, "tasks")).toMatchObject([
      {
        id: TASK_ID,
        row: {
          id: TASK_ID,
          state: "DRAFT",
          revision: 1,
          type: "db.resize",
          author_id: "alice",
          priority: 50,
          risk_score: 59,
          risk_level: "HIGH",
          created_at: "2026-11-20T12:00:00.000Z",
          updated_at: "2026-11-20T12:00:00.000Z",
          tags: ["urgent", "db"],
        },
      },
    ]);
  });

  test("names each resource once by its key", () => {
    const twice = [resource("database", "orders", "read"), resource("database", "orders", "write")];
    expect(rows(draft({ config: { resources: twice } }), "tasks")).toMatchObject([
      { row: { resources: [{ key: ORDERS, type: "database", id: "orders" }] } },
    ]);
  });

  test("shows the task without its preview, its comments and what the agent put out", () => {
    const commented = done(comment(applying(), "SECRET-COMMENT", turn(ann))).task;
    const over = done(complete(commented, { result: "success", output: "SECRET-OUTPUT" }, bot, T0)).task;
    const [change] = rows(over, "tasks");
    const text = JSON.stringify(change);
    expect(text).not.toMatch(/SECRET|"preview"|"changes"/);
    expect(JSON.parse(text).row.body).toMatchObject({
      id: TASK_ID,
      state: "COMPLETED",
      execution: { result: "success", agent_id: "bot" },
    });
  });

  test("is gone with the task, and with it the rows of requests made for it", () => {
    const back = done(answering(reviewing(), ann, { action: "request_changes", reason: "no" })).task;
    const gone = done(remove(back, turn(alice))).task;
    expect(taskRows(gone, [])).toEqual([
      { table: "tasks", id: TASK_ID, row: null },
      ...back.requests.map(({ id }) => ({ table: "approvals", id, row: null })),
    ]);
  });
});

describe("the rows of approval requests", () => {
  test("are one per request of every revision, open and closed, without what only the rules need", () => {
    const task = done(answering(reviewing(), ann, { action: "approve" }, "ann", T0 + 1_000)).task;
    const changes = rows(task, "approvals");
    expect(changes).toMatchObject([
      { row: { reviewer_id: "ann", status: "APPROVED", responded_at: "2026-11-20T12:00:01.000Z" } },
      { row: { reviewer_id: "bob", status: "PENDING", responded_at: null, task_id: TASK_ID, revision: 1 } },
      { row: { reviewer_id: "cid", priority: "HIGH" } },
    ]);
    expect(changes.map(({ id }) => id)).toContain(requestOf(task, "bob").id);
    expect(JSON.stringify(changes)).not.toContain("policy_ids");
  });
});

describe("a task that was reviewed many times", () => {
  const before = reviewing();
  const again = done(editing(before, { config: { description: "Wider still" } })).task;

  test("tells anew of the requests of its current revision, and of earlier ones only what its entries name", () => {
    const current = again.requests.filter(({ revision }) => revision === 2).map(({ id }) => id);
    expect(rows(again, "approvals").map(({ id }) => id)).toEqual(current);
    const old = requestOf(before, "bob").id;
    expect(rows(again, "approvals", [{ subject_id: old }])).toMatchObject([
      { id: old, row: { revision: 1, status: "SUPERSEDED" } },
      ...current.map((id) => ({ id })),
    ]);
  });

  test("shows in lists the requests of its current revision", () => {
    expect(rows(again, "tasks")).toMatchObject([{ row: { body: { approval_requests: [{ revision: 2 }, {}, {}] } } }]);
  });

  test("has a row that D1 can hold, whatever its policies and reviewers make of it", () => {
    const [request] = again.requests.slice(-1);
    const [requirement] = again.requirements;
    if (request === undefined || requirement === undefined) throw new Error("nobody was asked");
    const many = { ...again, requests: new Array(4_000).fill({ ...request, reviewer_name: "名".repeat(200) }) };
    expect(rows(many, "tasks")).toMatchObject([{ row: { body: { approval_requests: [], requirements: [{}] } } }]);
    const demanding = {
      ...many,
      requirements: new Array(4_000).fill({ ...requirement, policy_name: "名".repeat(200) }),
    };
    const [change] = rows(demanding, "tasks");
    expect(change).toMatchObject({ row: { body: { requirements: [], config: again.config } } });
    expect(jsonBytes(change)).toBeLessThan(1_000_000);
  });
});

describe("the row of an execution", () => {
  test("is none before the first attempt", () => {
    expect(rows(reviewing(), "executions")).toEqual([]);
  });

  test("is open while it runs and closed with its result and duration in seconds", () => {
    expect(rows(applying(), "executions")).toEqual([
      {
        table: "executions",
        id: `${TASK_ID}:1`,
        row: {
          task_id: TASK_ID,
          attempt: 1,
          type: "db.resize",
          agent_id: "bot",
          started_at: "2026-11-20T12:00:00.000Z",
          completed_at: null,
          result: null,
          duration_seconds: null,
        },
      },
    ]);
    const over = done(complete(applying(), { result: "failure" }, bot, T0 + 1_500)).task;
    expect(rows(over, "executions")).toMatchObject([
      {
        id: `${TASK_ID}:1`,
        row: { completed_at: "2026-11-20T12:00:01.500Z", result: "failure", duration_seconds: 1.5 },
      },
    ]);
  });

  test("is one per attempt: a lapse closes its own", () => {
    const lapsed = lapse(applying(), "expired", T0 + 30_000, 0);
    expect(lapsed && rows(lapsed.task, "executions")).toMatchObject([
      { id: `${TASK_ID}:1`, row: { completed_at: "2026-11-20T12:00:30.000Z", result: null, duration_seconds: 30 } },
    ]);
  });
});
