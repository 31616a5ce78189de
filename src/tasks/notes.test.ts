import { describe, expect, it } from "vitest";
import { type Entry, entryOf, type Happening } from "../actor/journal.ts";
import { noted } from "../realtime/notes.ts";
import { taskChannelEventOf, taskEventOf } from "./events.ts";
import { finish } from "./finish.ts";
import { inFull, secondEvents, withUserNotes } from "./notes.ts";
import {
  adm,
  alice,
  ann,
  answering,
  applying,
  approved,
  bob,
  done,
  draft,
  drafting,
  reviewing,
  submitting,
  T0,
  TASK_ID,
} from "./task.fixture.ts";
import type { TaskRecord } from "./task.ts";
import type { Transition } from "./transition.ts";

function entriesOf({ happenings }: Pick<Transition, "happenings">, caller = alice): Entry[] {
  return happenings.map((happening, n) => entry(happening, n + 1, caller));
}

function entry(happening: Happening, seq = 1, caller = alice): Entry {
  return entryOf(happening, { workspace: "w", actor: `task:${TASK_ID}`, seq, micros: T0 * 1000 + seq }, caller);
}

function ended(task: TaskRecord, more: Partial<NonNullable<TaskRecord["execution"]>>): TaskRecord {
  const { execution } = task;
  if (execution === undefined) throw new Error("nothing is applied");
  const over = { ...execution, ...more };
  return finish(task, over, "success", { action: "task.completed", now: T0 + 1_500 }).task;
}

describe("what a step makes true", () => {
  it("is told of each requirement that became satisfied, once, and of the quorum", () => {
    const before = reviewing();
    const half = done(answering(before, ann)).task;
    const full = done(answering(half, bob)).task;
    expect(secondEvents(before, half)).toEqual([]);
    expect(secondEvents(half, full)).toEqual([
      { event: "approval:approved", payload: { task_id: TASK_ID, policy_id: "builtin" } },
      { event: "task:approved", payload: { task_id: TASK_ID } },
    ]);
    expect(secondEvents(full, full)).toEqual([]);
  });

  it("is no approval when an attempt lapsed and the task waits for the next one", () => {
    const task = applying();
    expect(secondEvents(task, { ...task, state: "APPROVED" })).toEqual([]);
  });

  it("is told of a later revision anew", () => {
    const task = approved();
    const again = { ...task, revision: task.revision + 1 };
    expect(secondEvents(task, again).map(({ event }) => event)).toEqual(["approval:approved"]);
  });

  it("is told of the end with result, duration and what the agent said, unless that is too large for an event", () => {
    const task = applying();
    const small = ended(task, { output: { rows: 3 }, error: "warnings" });
    const payload = { task_id: TASK_ID, result: "success", duration_seconds: 1.5 };
    expect(secondEvents(task, small)).toEqual([
      { event: "task:completed", payload: { ...payload, output: { rows: 3 }, error: "warnings" } },
    ]);
    const large = ended(task, { output: "x".repeat(17_000), error: "e" });
    expect(secondEvents(task, large)[0]?.payload).toEqual({ ...payload, error: "e" });
    expect(secondEvents(small, small)).toEqual([]);
    const leaking = ended(task, {
      output: [{ db: { password: "hunter2" } }],
      error: { trace: [{ apiKey: "hunter2" }] },
    });
    const masked = { output: [{ db: { password: "[masked]" } }], error: { trace: [{ apiKey: "[masked]" }] } };
    expect(secondEvents(task, leaking)[0]?.payload).toMatchObject(masked);
  });
});

describe("users", () => {
  it("are told in one effect each, together with what the step had for them anyhow", () => {
    const step = done(submitting(draft()));
    const effects = withUserNotes(step.effects, entriesOf(step), step.task);
    const targets = effects.map(({ target }) => target);
    expect(targets).toEqual([...new Set(targets)]);
    expect(targets).toEqual(expect.arrayContaining(["inbox:alice", "inbox:ann", "inbox:bob"]));
    const asked = effects.find(({ target }) => target === "inbox:ann")?.body;
    expect(asked).toMatchObject({ do: "request.changed", notes: [{ event: "approval:requested" }] });
    const author = effects.find(({ target }) => target === "inbox:alice")?.body;
    expect(author).toMatchObject({
      do: "notes",
      notes: [
        { event: "task:state_changed", payload: { new_state: "SUBMITTED" } },
        { event: "task:state_changed", payload: { new_state: "REVIEWING" } },
      ],
    });
  });

  it("that file a task themselves are not told so; those for whom an admin does are", () => {
    expect(withUserNotes([], entriesOf(drafting()), draft())).toEqual([]);
    expect(withUserNotes([], entriesOf(drafting(), adm), draft())).toMatchObject([{ target: "inbox:alice" }]);
  });

  it("that are agents are told on their own channel", () => {
    const { task } = drafting();
    const submitted = entriesOf(done(submitting(task)));
    const targets = withUserNotes([], submitted, { ...task, author_kind: "agent" }).map(({ target }) => target);
    expect(targets).toContain("agent:alice");
    expect(targets).not.toContain("inbox:alice");
  });

  it("are told of a request what it says of its task, whoever opened it", () => {
    const { task, happenings } = done(submitting(draft()));
    const [asked] = happenings.map((one) => inFull(one, task)).filter(({ action }) => action === "approval.requested");
    expect(asked?.details).toMatchObject({
      task_type: "db.resize",
      requested_by: "alice",
      risk_score: task.risk.score,
    });
    expect(asked?.details?.due_at).toBe(task.requests[0]?.due_at);
  });

  it("find the task's ticket in every row of its chain, unless an override has one of its own", () => {
    const task = draft();
    const ticketed = { ...task, metadata: { ...task.metadata, ticket_ref: "OPS-1" } };
    const row = { action: "approval.approved", subject_type: "approval", subject_id: "a-1" };
    expect(inFull({ ...row, why: { reason: "fine" } }, ticketed).why).toEqual({ ticket_ref: "OPS-1", reason: "fine" });
    expect(inFull({ ...row, why: { ticket_ref: "INC-7" } }, ticketed).why).toEqual({ ticket_ref: "INC-7" });
    expect(inFull(row, task)).toEqual(row);
  });

  it("at both ends of an escalation are told, and hear alone how a request ended that they did not answer", () => {
    const about = { subject_type: "approval", subject_id: "a-1" };
    const escalated = { ...about, action: "approval.escalated", details: { task_id: TASK_ID, from: "bob", to: "mo" } };
    const over = { ...about, action: "approval.superseded", details: { task_id: TASK_ID, reviewer_id: "cid" } };
    const effects = withUserNotes([], [entry(escalated), entry(over)], draft());
    expect(effects.map(({ target }) => target)).toEqual(["inbox:bob", "inbox:mo", "inbox:cid"]);
    expect(taskChannelEventOf(entry(escalated))).toMatchObject({ event: "approval:escalated" });
    expect(taskChannelEventOf(entry(over))).toBeNull();
  });
});

describe("a task's own channel", () => {
  it("tells each edge with who and why, creation as the one without a state before", () => {
    expect(entriesOf(drafting()).map(taskEventOf)).toEqual([
      {
        event: "task:state_changed",
        payload: { task_id: TASK_ID, previous_state: null, new_state: "DRAFT", triggered_by: "alice" },
      },
    ]);
    const rejected = done(answering(reviewing(), ann, { action: "reject", reason: "no" }));
    const edge = entriesOf(rejected, ann).map(taskEventOf).at(-1);
    expect(edge?.payload).toMatchObject({ previous_state: "REVIEWING", new_state: "REJECTED", triggered_by: "ann" });
    expect(edge?.payload.reason).toBe("no");
  });

  it("tells a note as it is, and nothing of what has no name as an event", () => {
    const note = { event: "task:approved", payload: { task_id: TASK_ID } };
    expect(taskChannelEventOf(entry(noted(note)))).toEqual(note);
    const about = { subject_type: "task", subject_id: TASK_ID };
    for (const action of ["task.resubmitted", "task.rollback_requested", "task.deleted"]) {
      expect(taskChannelEventOf(entry({ ...about, action, from_state: "DRAFT" }))).toBeNull();
    }
  });
});
