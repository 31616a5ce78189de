import { describe, expect, test } from "vitest";
import { cancel } from "../tasks/drafting.ts";
import {
  adm,
  agent,
  alice,
  ann,
  answering,
  approved,
  bob,
  codeOf,
  done,
  editing,
  person,
  rejected,
  requestOf,
  reviewer,
  reviewing,
  steps,
  submitting,
  T0,
  TASK_ID,
  told,
  turn,
} from "../tasks/task.fixture.ts";
import { RespondInput } from "../tasks/task-contract.ts";
import { respond } from "./decide.ts";
import { policy } from "./policy.fixture.ts";

const task = reviewing();
const no = { action: "reject", reason: "too risky" };
const changes = { action: "request_changes", reason: "smaller, please" };
const dora = person("dora", "reviewer", "dba");
const sam = person("sam", "reviewer", "security");
const cid = person("cid", "reviewer");

/** Under review of a dba and a security person, and of two people in all. */
const layered = reviewing({
  facts: {
    policies: [
      policy("data", { required_roles: ["dba"] }),
      policy("sec", { required_roles: ["security"] }),
      policy("two", { min_approvers: 2 }),
    ],
    reviewers: [
      reviewer("ann"),
      reviewer("dora", "dba"),
      reviewer("sam", "security"),
      reviewer("both", "dba", "security"),
    ],
  },
});

function statusOf(of: typeof task, id: string): string {
  return requestOf(of, id).status;
}

describe("an approval short of the quorum", () => {
  const first = done(answering(task, ann, { action: "approve", reason: "fine" }, "ann", T0 + 1_000));

  test("is recorded with its person, reason, time and revision, and the review goes on", () => {
    expect(first.task).toMatchObject({ state: "REVIEWING", revision: 1, requirements: [{ approved_by: ["ann"] }] });
    expect(first.task.decisions).toEqual([
      {
        id: requestOf(task, "ann").id,
        reviewer_id: "ann",
        reviewer_name: "Name of ann",
        action: "approve",
        reason: "fine",
        revision: 1,
        created_at: "2026-11-20T12:00:01.000Z",
      },
    ]);
    expect(requestOf(first.task, "ann")).toMatchObject({
      status: "APPROVED",
      responded_at: "2026-11-20T12:00:01.000Z",
    });
    expect(["bob", "cid"].map((id) => statusOf(first.task, id))).toEqual(["PENDING", "PENDING"]);
    expect(first.task.metadata.approved_at).toBeUndefined();
  });

  test("moves no state and tells only that inbox", () => {
    expect(steps(first)).toEqual(["approval.approved"]);
    expect(first.happenings[0]).toMatchObject({ why: { reason: "fine" }, details: { decided_by: "ann", revision: 1 } });
    expect(first.effects.map(({ target }) => target)).toEqual(["inbox:ann"]);
  });

  test("leaves the task that it was given as it was", () => {
    expect(statusOf(task, "ann")).toBe("PENDING");
    expect(task.decisions).toEqual([]);
  });
});

describe("the approval that completes the quorum", () => {
  const last = done(answering(done(answering(task, ann)).task, bob, { action: "approve" }, "bob", T0 + 2_000));

  test("approves the task, by its last approver, and makes it ready once", () => {
    expect(last.task).toMatchObject({ state: "APPROVED", metadata: { approved_at: "2026-11-20T12:00:02.000Z" } });
    expect(steps(last)).toEqual(["approval.approved", "approval.superseded", "task.approved REVIEWING>APPROVED"]);
    expect(last.happenings.map(({ who }) => who)).toEqual([undefined, undefined, undefined]);
    expect(told(last.effects, "dispatch")).toEqual([
      {
        do: "task.ready",
        task: {
          task_id: TASK_ID,
          type: "db.resize",
          priority: 50,
          apply_immediately: false,
          approved_at: "2026-11-20T12:00:02.000Z",
          not_before: 0,
          resources: task.config.resources,
        },
      },
    ]);
  });

  test("supersedes what is open and tells those reviewers", () => {
    expect(statusOf(last.task, "cid")).toBe("SUPERSEDED");
    expect(told(last.effects, "inbox:cid")).toMatchObject([{ request: { status: "SUPERSEDED" } }]);
  });

  test("puts it in front if any of its approvers wished so", () => {
    const wish = { action: "approve", options: { apply_immediately: true } };
    const hurried = done(answering(done(answering(task, ann, wish)).task, bob));
    expect(hurried.task.apply_immediately).toBe(true);
    expect(told(hurried.effects, "dispatch")).toMatchObject([{ task: { apply_immediately: true } }]);
  });
});

describe("a quorum over several requirements", () => {
  test("counts one approval wherever its person qualifies, and is reached when each is satisfied", () => {
    const byDora = done(answering(layered, dora)).task;
    expect(byDora.requirements.map(({ satisfied }) => satisfied)).toEqual([true, false, false]);
    const byAnn = done(answering(byDora, ann)).task;
    expect(byAnn.requirements.map(({ satisfied }) => satisfied)).toEqual([true, false, true]);
    expect(byAnn.state).toBe("REVIEWING");
    expect(done(answering(byAnn, sam)).task.state).toBe("APPROVED");
  });

  test("is not reached by one person who holds every role where two people are asked for", () => {
    const both = person("both", "reviewer", "dba", "security");
    const once = done(answering(layered, both)).task;
    expect(once.requirements.map(({ satisfied }) => satisfied)).toEqual([true, true, false]);
    expect(codeOf(answering(once, both))).toBe("APPROVAL_ALREADY_RESOLVED");
  });

  test("takes roles as they are at the decision: gained ones count, lost ones do not, later loss undoes nothing", () => {
    const gained = done(answering(layered, person("ann", "reviewer", "security"))).task;
    expect(gained.requirements.map(({ satisfied }) => satisfied)).toEqual([false, true, false]);
    const lost = done(answering(layered, person("dora", "reviewer"))).task;
    expect(lost.requirements.map(({ approved_by }) => approved_by)).toEqual([[], [], ["dora"]]);
    expect(codeOf(answering(layered, person("sam", "security")))).toBe("FORBIDDEN");
    expect(done(answering(gained, dora)).task.state).toBe("APPROVED");
  });
});

describe("an admin", () => {
  const chief = person("adm", "admin", "reviewer");

  test("answers for another as themselves, and counts once however many requests they answer", () => {
    const first = done(answering(task, chief, { action: "approve" }, "ann"));
    expect(first.task.decisions).toMatchObject([{ reviewer_id: "adm", reviewer_name: "Name of adm" }]);
    expect(first.task.requirements).toMatchObject([{ approved_by: ["adm"], satisfied: false }]);
    expect(first.happenings[0]?.details).toMatchObject({ reviewer_id: "ann", decided_by: "adm" });
    const second = done(answering(first.task, chief, { action: "approve" }, "bob")).task;
    expect(second).toMatchObject({ state: "REVIEWING", requirements: [{ approved_by: ["adm"], satisfied: false }] });
    expect(done(answering(second, cid)).task.state).toBe("APPROVED");
  });

  test("never fills the seat of a required reviewer", () => {
    const named = reviewing({ facts: { policies: [policy("named", { required_reviewers: ["ann"] })] } });
    const stoodIn = done(answering(named, chief, { action: "approve" }, "bob")).task;
    expect(stoodIn).toMatchObject({ state: "REVIEWING", requirements: [{ approved_by: ["adm"], satisfied: false }] });
    expect(done(answering(stoodIn, ann)).task.state).toBe("APPROVED");
  });

  test("needs no role reviewer, but the role that the requirement asks for", () => {
    const dba = reviewing({
      facts: { policies: [policy("data", { required_roles: ["dba"] })], reviewers: [reviewer("dora", "dba")] },
    });
    for (const input of [{ action: "approve" }, no, changes]) {
      expect(codeOf(answering(dba, adm, input, "dora"))).toBe("FORBIDDEN");
      expect(codeOf(answering(dba, person("adm", "admin", "dba"), input, "dora"))).toBe("ok");
    }
    expect(codeOf(answering(task, adm, { action: "approve" }, "ann"))).toBe("ok");
  });
});

describe("a reject", () => {
  const refused = done(answering(done(answering(task, ann)).task, bob, no, "bob", T0 + 3_000));

  test("by one person is the end, with its reason, whoever approved before", () => {
    expect(refused.task).toMatchObject({ state: "REJECTED", metadata: { completed_at: "2026-11-20T12:00:03.000Z" } });
    expect(refused.task.decisions.map(({ action }) => action)).toEqual(["approve", "reject"]);
    expect(steps(refused)).toEqual(["approval.rejected", "approval.superseded", "task.rejected REVIEWING>REJECTED"]);
    expect(refused.happenings.map(({ why }) => why?.reason)).toEqual(["too risky", undefined, "too risky"]);
    expect(["ann", "bob", "cid"].map((id) => statusOf(refused.task, id))).toEqual([
      "APPROVED",
      "REJECTED",
      "SUPERSEDED",
    ]);
    expect(told(refused.effects, "dispatch")).toEqual([]);
  });

  test("is open to an assigned reviewer who lost every role, as their approval is not", () => {
    const demoted = person("ann");
    expect(codeOf(answering(task, demoted))).toBe("FORBIDDEN");
    expect(done(answering(task, demoted, no)).task.state).toBe("REJECTED");
  });
});

describe("a request for changes", () => {
  test("sends the task back to its author with the reason, the other requests superseded", () => {
    const back = done(answering(task, ann, changes));
    expect(back.task).toMatchObject({ state: "DRAFT", revision: 1 });
    expect(steps(back)).toEqual([
      "approval.changes_requested",
      "approval.superseded",
      "approval.superseded",
      "task.changes_requested REVIEWING>DRAFT",
    ]);
    expect(back.happenings.map(({ details }) => details?.outcome)).toContain("CHANGES_REQUESTED");
    expect(back.happenings.at(-1)?.why).toEqual({ reason: "smaller, please" });
    expect(["ann", "bob", "cid"].map((id) => statusOf(back.task, id))).toEqual([
      "CHANGES_REQUESTED",
      "SUPERSEDED",
      "SUPERSEDED",
    ]);
    expect(back.task.metadata.completed_at).toBeUndefined();
  });
});

describe("a reason", () => {
  test.each(["reject", "request_changes"])("is needed to %s, and blanks are none", (action) => {
    for (const reason of [undefined, "", " \n\t"]) {
      const parsed = RespondInput.safeParse({ action, reason });
      expect(parsed.success ? [] : parsed.error.issues.map(({ path }) => path)).toEqual([["reason"]]);
    }
    expect(RespondInput.safeParse({ action, reason: "no" }).success).toBe(true);
  });

  test("is free for an approval", () => {
    expect(RespondInput.safeParse({ action: "approve" }).success).toBe(true);
  });
});

describe("a request that is over", () => {
  const refuse = (of: typeof task, caller: typeof ann, input: object = { action: "approve" }, owner = caller.who.id) =>
    answering(of, caller, { ...input }, owner);

  test("is APPROVAL_ALREADY_RESOLVED with its outcome, whatever is answered the second time", () => {
    const once = done(answering(task, ann, { action: "approve" }, "ann", T0 + 1_000)).task;
    for (const input of [{ action: "approve" }, no, changes]) {
      expect(refuse(once, ann, input)).toMatchObject({
        error: {
          code: "APPROVAL_ALREADY_RESOLVED",
          details: { outcome: "APPROVED", responded_at: "2026-11-20T12:00:01.000Z" },
        },
      });
    }
  });

  test("says how, when the task was decided, cancelled or edited without it", () => {
    const cancelled = done(cancel(task, undefined, turn(alice))).task;
    const edited = done(editing(done(answering(task, ann, changes)).task, { config: { priority: 1 } })).task;
    for (const over of [approved(), rejected(), cancelled, edited]) {
      expect(refuse(over, cid)).toMatchObject({
        error: { code: "APPROVAL_ALREADY_RESOLVED", details: { outcome: "SUPERSEDED" } },
      });
    }
  });

  test("stays over after a new revision that asks for roles its reviewer does not hold", () => {
    const facts = { policies: [policy("data", { required_roles: ["dba"] })], reviewers: [reviewer("dora", "dba")] };
    const edited = done(editing(task, { config: { priority: 1 } }, { facts })).task;
    expect(codeOf(refuse(edited, ann))).toBe("APPROVAL_ALREADY_RESOLVED");
    expect(edited.decisions).toEqual([]);
  });

  test("goes before a stale revision; strangers and authors learn neither", () => {
    const once = done(answering(task, ann)).task;
    expect(codeOf(refuse(once, ann, { action: "approve", revision: 9 }))).toBe("APPROVAL_ALREADY_RESOLVED");
    expect(codeOf(refuse(once, bob, { action: "approve" }, "ann"))).toBe("FORBIDDEN");
    expect(codeOf(refuse(once, alice, { action: "approve" }, "ann"))).toBe("SELF_APPROVAL");
  });
});

describe("the revision that a reviewer looked at", () => {
  test("must be the current one, if they name it", () => {
    expect(answering(task, ann, { action: "approve", revision: 2 })).toMatchObject({
      error: { code: "REVISION_CONFLICT", details: { revision: 1 } },
    });
    expect(codeOf(answering(task, ann, { action: "approve", revision: 1 }))).toBe("ok");
    const edited = done(editing(task, { config: { priority: 1 } })).task;
    expect(codeOf(answering(edited, ann, { action: "approve", revision: 1 }))).toBe("REVISION_CONFLICT");
    expect(codeOf(answering(edited, ann, { action: "approve", revision: 2 }))).toBe("ok");
  });
});

describe("whoever may not decide", () => {
  const all = [{ action: "approve" }, no, changes];

  test("is the author, be they admin and reviewer, asked or not", () => {
    const author = person("alice", "author", "reviewer", "admin");
    for (const input of all) expect(codeOf(answering(task, author, input, "ann"))).toBe("SELF_APPROVAL");
  });

  test("is the admin who filed it for the author", () => {
    const filed = reviewing({ caller: adm });
    for (const input of all) expect(codeOf(answering(filed, adm, input, "ann"))).toBe("SELF_APPROVAL");
  });

  test("is an agent, root, another reviewer, and whoever asks about a request that is none", () => {
    for (const caller of [agent("ann"), person("root", "admin", "reviewer"), bob]) {
      expect(codeOf(answering(task, caller, no, "ann"))).toBe("FORBIDDEN");
    }
    expect(codeOf(respond(task, TASK_ID, RespondInput.parse(no), turn(ann)))).toBe("APPROVAL_NOT_FOUND");
  });

  test("and whose answer is refused leaves no trace", () => {
    const before = structuredClone(task);
    answering(task, alice, no, "ann");
    answering(task, ann, { action: "approve", revision: 9 });
    expect(task).toEqual(before);
  });
});

describe("two answers that race", () => {
  test("both count in either order, and of two on one request the later is told so", () => {
    const [one, two] = [
      done(answering(done(answering(task, ann)).task, bob)).task,
      done(answering(done(answering(task, bob)).task, ann)).task,
    ];
    expect([one.state, two.state]).toEqual(["APPROVED", "APPROVED"]);
    expect(one.decisions.map(({ id }) => id)).toEqual(two.decisions.map(({ id }) => id).toReversed());
    const byAdmin = done(answering(task, adm, no, "ann")).task;
    expect(codeOf(answering(byAdmin, ann))).toBe("APPROVAL_ALREADY_RESOLVED");
  });

  test("a resubmitted task takes answers to its new requests only", () => {
    const back = done(answering(task, ann, changes)).task;
    const again = done(submitting(back)).task;
    const old = task.requests.map(({ id }) => codeOf(respond(again, id, RespondInput.parse(no), turn(ann))));
    expect(old).toEqual(["APPROVAL_ALREADY_RESOLVED", "FORBIDDEN", "FORBIDDEN"]);
    expect(codeOf(answering(again, ann))).toBe("ok");
  });
});
