import { describe, expect, test } from "vitest";
import { freshTaskAddress, idOf } from "../actor/ids.ts";
import { fail, ok, type Result } from "../actor/result.ts";
import { respond } from "../approvals/decide.ts";
import { requestOverride } from "../approvals/override.ts";
import { OverrideInput } from "../approvals/override-contract.ts";
import { policy, requirement } from "../approvals/policy.fixture.ts";
import { complete, reportRollback, stash } from "./completion.ts";
import type { TaskState } from "./contract.ts";
import { cancel, comment, remove } from "./drafting.ts";
import { working } from "./executing.ts";
import { noteResubmitted } from "./resubmission.ts";
import { beginSaga } from "./saga.ts";
import {
  adm,
  alice,
  ann,
  applying,
  approved,
  bot,
  done,
  draft,
  editing,
  gathering,
  ORDERS,
  rejected,
  requestOf,
  reviewing,
  submitting,
  T0,
  turn,
} from "./task.fixture.ts";
import { ALLOWED, allows, type Command, invalidState, type TaskRecord, taskView } from "./task.ts";
import { RespondInput, Task } from "./task-contract.ts";

const AS: Readonly<Record<TaskState, TaskRecord>> = {
  DRAFT: draft(),
  SUBMITTED: { ...draft(), state: "SUBMITTED" },
  REVIEWING: reviewing(),
  APPROVED: approved(),
  APPLYING: applying(),
  COMPLETED: done(complete(applying(), { result: "failure" }, bot, T0)).task,
  REJECTED: rejected(),
  CANCELLED: done(cancel(draft(), undefined, turn(alice))).task,
};
const STATES = Object.keys(AS) as TaskState[];

/** The states as 03 tells them: what each takes, and where that leads in the same commit. */
const TABLE: Readonly<Record<TaskState, Partial<Record<Command, TaskState | "gone">>>> = {
  DRAFT: { edit: "DRAFT", delete: "gone", submit: "REVIEWING", cancel: "CANCELLED" },
  SUBMITTED: { cancel: "CANCELLED", comment: "SUBMITTED" },
  REVIEWING: {
    edit: "REVIEWING",
    respond: "REVIEWING",
    override: "REVIEWING",
    cancel: "CANCELLED",
    comment: "REVIEWING",
  },
  APPROVED: { apply: "APPROVED", cancel: "CANCELLED", comment: "APPROVED" },
  APPLYING: {
    heartbeat: "APPLYING",
    stash: "APPLYING",
    complete: "COMPLETED",
    rollback: "COMPLETED",
    comment: "APPLYING",
  },
  COMPLETED: {},
  REJECTED: { resubmit: "REJECTED" },
  CANCELLED: {},
};

/** A task whose only request would still be open, whatever became of the task: only its state may stop an answer. */
function asked(task: TaskRecord): TaskRecord {
  const request = { ...requestOf(reviewing(), "ann"), policy_ids: ["two"] };
  return { ...task, requests: [request], requirements: [requirement("two", { min_approvers: 2 })] };
}

/** Each command by somebody who may give it; the task afterwards. */
const GIVE: Readonly<Record<Command, (task: TaskRecord) => Result<{ readonly task: TaskRecord }>>> = {
  edit: (task) => {
    const edited = editing(task, { config: { description: "Otherwise." } });
    return edited.ok ? ok(done(edited)) : edited;
  },
  delete: (task) => remove(task, turn(alice)),
  submit: (task) => submitting(task),
  cancel: (task) => cancel(task, "no longer", turn(alice)),
  comment: (task) => comment(task, "Why?", turn(ann)),
  respond: (task) => {
    const open = asked(task);
    return respond(open, requestOf(open, "ann").id, RespondInput.parse({ action: "approve" }), turn(ann));
  },
  override: (task) =>
    requestOverride(task, OverrideInput.parse({ reason: "fire", incident_ticket: "INC-7" }), turn(adm)),
  apply: (task) => beginSaga(task, "bot", "nonce", T0),
  heartbeat: (task) => {
    const work = working(task, bot, "heartbeat");
    return work.ok ? ok({ task }) : work;
  },
  complete: (task) => {
    const ended = complete(task, { result: "success" }, bot, T0);
    return ended.ok ? ok(done(ended)) : ended;
  },
  stash: (task) => stash(task, { resource: ORDERS, data: {} }, bot),
  rollback: (task) => {
    const ended = reportRollback(rollingBack(task), { result: "success" }, bot, T0);
    return ended.ok ? ok(done(ended)) : ended;
  },
  resubmit: (task) => {
    const noted = noteResubmitted(task, idOf(freshTaskAddress(T0)), alice);
    return noted.ok ? ok(done(noted)) : noted;
  },
};
/** An attempt that was asked to roll back; other states as they are. */
function rollingBack(task: TaskRecord): TaskRecord {
  if (task.state !== "APPLYING") return task;
  const kept = done(stash(task, { resource: ORDERS, data: {} }, bot)).task;
  return done(complete(kept, { result: "failure" }, bot, T0)).task;
}

const COMMANDS = Object.keys(GIVE) as Command[];
const pairs = STATES.flatMap((state) => COMMANDS.map((command) => ({ state, command, to: TABLE[state][command] })));

describe("the state machine", () => {
  test.each(pairs.filter(({ to }) => to !== undefined))("$state takes $command and is $to then", (pair) => {
    const after = done(GIVE[pair.command](AS[pair.state])).task;
    expect(after.deleted ? "gone" : after.state).toBe(pair.to);
  });

  test.each(pairs.filter(({ to }) => to === undefined))("$state takes no $command: 409 says what it takes", (pair) => {
    const { state, command } = pair;
    const before = structuredClone(AS[state]);
    const refused = GIVE[command](AS[state]);
    expect(refused).toMatchObject({ ok: false, error: { code: "INVALID_STATE" } });
    expect(!refused.ok && refused.error.details).toEqual({ state, allowed: Object.keys(TABLE[state]) });
    expect(AS[state]).toEqual(before);
  });

  test("takes nothing at all once a draft was deleted, and does not say what it was", () => {
    const gone = done(remove(draft(), turn(alice))).task;
    for (const command of COMMANDS.filter(
      (one) => !["respond", "heartbeat", "stash", "complete", "rollback"].includes(one),
    )) {
      expect(GIVE[command](gone)).toMatchObject({ ok: false, error: { code: "TASK_NOT_FOUND" } });
    }
    expect(GIVE.respond(gone)).toMatchObject({ ok: false, error: { code: "APPROVAL_NOT_FOUND" } });
    expect(GIVE.heartbeat(gone)).toMatchObject({ ok: false, error: { code: "TASK_NOT_FOUND" } });
    expect(GIVE.complete(gone)).toMatchObject({ ok: false, error: { code: "TASK_NOT_FOUND" } });
  });

  test("ends in COMPLETED, REJECTED and CANCELLED, which no command leads out of, and nowhere else", () => {
    const endless = STATES.filter((state) => Object.values(TABLE[state]).every((to) => to === state));
    expect(endless).toEqual(["COMPLETED", "REJECTED", "CANCELLED"]);
    expect(ALLOWED).toMatchObject({ COMPLETED: [], REJECTED: ["resubmit"], CANCELLED: [] });
  });

  test("adds what a refusal knows besides the state", () => {
    const refused = invalidState(AS.APPROVED, "not yet", { retry_at: "soon" });
    expect(refused).toEqual(
      fail("INVALID_STATE", "not yet", {
        state: "APPROVED",
        allowed: ["apply", "cancel", "comment"],
        retry_at: "soon",
      }),
    );
    expect(allows(AS.APPROVED, "apply")).toEqual(ok(null));
  });
});

describe("the Task of the API", () => {
  test.each(STATES)("is what the contract says in %s, to the last field", (state) => {
    const view = taskView(AS[state]);
    expect(Task.parse(JSON.parse(JSON.stringify(view)))).toEqual(JSON.parse(JSON.stringify(view)));
  });

  test("requires 1 and has 0 approvals before its submission, and after an edit of what was sent back", () => {
    expect(taskView(AS.DRAFT)).toMatchObject({ required_approvals: 1, current_approvals: 0, requirements: [] });
    expect(taskView(AS.REVIEWING)).toMatchObject({ required_approvals: 2, current_approvals: 0 });
    expect(taskView(AS.APPROVED)).toMatchObject({ required_approvals: 2, current_approvals: 2 });
    const sentBack = done(
      respond(
        AS.REVIEWING,
        requestOf(AS.REVIEWING, "ann").id,
        RespondInput.parse({ action: "request_changes", reason: "smaller" }),
        turn(ann),
      ),
    ).task;
    expect(taskView(sentBack).approvals).toMatchObject([{ action: "request_changes", reason: "smaller", revision: 1 }]);
    const edited = done(editing(sentBack, { config: { parameters: { size: 1 } } })).task;
    expect(taskView(edited)).toMatchObject({
      state: "DRAFT",
      revision: 2,
      approvals: [],
      requirements: [],
      required_approvals: 1,
      current_approvals: 0,
    });
  });

  test("requires 0 and has 0 approvals when it approved itself", () => {
    const auto = policy("small", { auto_approve_if: { risk_below: 100 } });
    const task = reviewing({ facts: { policies: [auto] } });
    expect(taskView(task)).toMatchObject({ state: "APPROVED", required_approvals: 0, current_approvals: 0 });
  });

  test("tells its lock while an agent applies it, and no longer", () => {
    expect(taskView(AS.APPLYING).lock_info).toEqual({
      acquired_at: "2026-11-20T12:00:00.000Z",
      expires_at: "2026-11-20T12:00:30.000Z",
      agent_id: "bot",
    });
    expect(taskView(AS.COMPLETED).lock_info).toBeUndefined();
    expect(taskView(gathering(AS.APPROVED).task).lock_info).toBeUndefined();
  });

  test("shows nothing of what only the rules need: policies of a request, sagas, fencing tokens, sessions", () => {
    const text = JSON.stringify([taskView(AS.APPLYING), taskView(gathering(AS.APPROVED, adm.who.id).task)]);
    for (const inner of ["policy_ids", "saga", "nonce", "fencing_token", "session_id", "lost_by", '"authors"']) {
      expect(text).not.toContain(inner);
    }
  });
});
