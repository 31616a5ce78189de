import { describe, expect, it } from "vitest";
import { beginSaga } from "../tasks/saga.ts";
import {
  adm,
  agent,
  alice,
  ann,
  answering,
  approved,
  begun,
  bob,
  codeOf,
  done,
  editing,
  person,
  reviewing,
  steps,
  submitting,
  T0,
  told,
  turn,
} from "../tasks/task.fixture.ts";
import { type TaskRecord, taskView } from "../tasks/task.ts";
import { Task } from "../tasks/task-contract.ts";
import { openOverride, skipsDrift } from "./overridden.ts";
import { confirmOverride, requestOverride } from "./override.ts";
import { OverrideInput } from "./override-contract.ts";

const boss = person("boss", "admin");
const input = OverrideInput.parse({ reason: "The shop is down", incident_ticket: "INC-7" });
const asking = (task: TaskRecord, who = adm, given = input) => requestOverride(task, given, turn(who));
const requested = (given = input) => done(asking(reviewing({ metadata: { ticket_ref: "T-1" } }), adm, given)).task;

describe("an override", () => {
  it("takes two admins: one asks, another confirms, and the task is APPROVED whatever was lacking", () => {
    const first = done(asking(reviewing()));
    expect([first.task.state, steps(first)]).toEqual(["REVIEWING", ["override.requested"]]);
    expect(openOverride(first.task)).toMatchObject({ requested_by: "adm", revision: 1, incident_ticket: "INC-7" });
    const second = done(confirmOverride(first.task, turn(boss, T0 + 1_000)));
    expect(second.task).toMatchObject({
      state: "APPROVED",
      metadata: { approved_at: "2026-11-20T12:00:01.000Z" },
      requirements: [{ satisfied: false }],
    });
    expect(second.task.requests.map(({ status }) => status)).toEqual(["SUPERSEDED", "SUPERSEDED", "SUPERSEDED"]);
    expect(steps(second).filter((step) => !step.startsWith("approval"))).toEqual([
      "override.confirmed",
      "task.approved REVIEWING>APPROVED",
    ]);
    expect(told(second.effects, "dispatch")).toMatchObject([{ do: "task.ready", task: { apply_immediately: false } }]);
  });

  it("has its reason and its incident ticket in every row of the trail, in the place of the task's", () => {
    const why = { reason: "The shop is down", ticket_ref: "INC-7" };
    const first = done(asking(reviewing({ metadata: { ticket_ref: "T-1" } })));
    const second = done(confirmOverride(first.task, turn(boss)));
    const rows = [...first.happenings, ...second.happenings].filter(({ subject_type }) => subject_type === "task");
    expect(rows.map((row) => row.why)).toEqual([why, why, why]);
    expect(second.happenings[0]?.details).toMatchObject({ requested_by: "adm", revision: 1 });
  });

  it.each([
    ["the same admin: SECOND_APPROVER_REQUIRED", adm, "SECOND_APPROVER_REQUIRED"],
    ["an author", alice, "SELF_APPROVAL"],
    ["an author who is an admin too", person("alice", "admin"), "SELF_APPROVAL"],
    ["somebody who is no admin", ann, "FORBIDDEN"],
    ["root", person("root", "admin"), "FORBIDDEN"],
    ["an agent with the role", { ...agent("bot"), who: { ...agent("bot").who, roles: ["admin"] } }, "FORBIDDEN"],
  ])("is not confirmed by %s", (_, who, code) => {
    expect(codeOf(confirmOverride(requested(), turn(who)))).toBe(code);
    if (who !== adm) expect(codeOf(asking(reviewing(), who))).toBe(code);
  });

  it("stands on the task for the second admin to read, as long as it waits for them", () => {
    const wish = { ...input, requested_by: "adm", requested_at: "2026-11-20T12:00:00.000Z", revision: 1 };
    expect(Task.parse(taskView(requested())).override).toEqual(wish);
    expect(taskView(done(confirmOverride(requested(), turn(boss))).task)).not.toHaveProperty("override");
    expect(taskView(done(editing(requested(), { config: { priority: 9 } })).task)).not.toHaveProperty("override");
  });

  it("is for REVIEWING only; who may not is told that first", () => {
    const over = approved();
    expect([codeOf(asking(over)), codeOf(confirmOverride(over, turn(boss)))]).toEqual([
      "INVALID_STATE",
      "INVALID_STATE",
    ]);
    expect(codeOf(asking(over, alice))).toBe("SELF_APPROVAL");
    expect(codeOf(asking(over, ann))).toBe("FORBIDDEN");
  });

  it("is asked for once at a time, and confirmed only if it was", () => {
    expect([codeOf(asking(requested(), boss)), codeOf(asking(requested(), adm))]).toEqual([
      "ALREADY_EXISTS",
      "ALREADY_EXISTS",
    ]);
    expect(codeOf(confirmOverride(reviewing(), turn(boss)))).toBe("INVALID_STATE");
  });

  it("is void after an edit, which also makes the editor an author", () => {
    const edited = done(editing(requested(), { config: { priority: 9 } }, { caller: boss })).task;
    expect(openOverride(edited)).toBeUndefined();
    expect(codeOf(confirmOverride(edited, turn(person("third", "admin"))))).toBe("INVALID_STATE");
    expect(codeOf(asking(edited, boss))).toBe("SELF_APPROVAL");
    expect(codeOf(asking(edited, adm))).toBe("ok");
  });

  it("is moot once the quorum stands, and stays so after the task came back to review", () => {
    const quorum = done(answering(done(answering(requested(), ann)).task, bob)).task;
    expect([quorum.state, openOverride(quorum)]).toEqual(["APPROVED", undefined]);
    expect(codeOf(confirmOverride(quorum, turn(boss)))).toBe("INVALID_STATE");
    const back = done(answering(requested(), ann, { action: "request_changes", reason: "x" })).task;
    const again = done(submitting(back)).task;
    expect([again.state, again.revision, openOverride(again)]).toEqual(["REVIEWING", 2, undefined]);
  });

  it("needs a reason and a ticket that say something", () => {
    for (const body of [{ reason: "x" }, { incident_ticket: "x" }, { reason: " ", incident_ticket: "x" }]) {
      expect(OverrideInput.safeParse(body).success).toBe(false);
    }
  });
});

describe("apply_immediately on an override", () => {
  const forced = done(confirmOverride(requested({ ...input, apply_immediately: true }), turn(boss)));

  it("goes to the front of the queue and skips the drift check, and says so on the trail", () => {
    expect(told(forced.effects, "dispatch")).toMatchObject([{ task: { apply_immediately: true } }]);
    expect(skipsDrift(forced.task)).toBe(true);
    const { saga } = done(beginSaga(forced.task, "bot", "n", T0));
    expect(saga.skip_drift).toBe(true);
    expect(begun(forced.task).happenings[0]?.details).toMatchObject({ drift_check: "skipped" });
  });

  it("holds for the revision that was overridden, and only once it was confirmed", () => {
    expect(skipsDrift(requested({ ...input, apply_immediately: true }))).toBe(false);
    expect(skipsDrift({ ...forced.task, revision: 2 })).toBe(false);
    const plain = done(confirmOverride(requested(), turn(boss))).task;
    expect(done(beginSaga(plain, "bot", "n", T0)).saga.skip_drift).toBe(false);
  });
});
