import { describe, expect, test } from "vitest";
import {
  adm,
  alice,
  ann,
  answering,
  bob,
  codeOf,
  done,
  editing,
  person,
  requestOf,
  reviewer,
  reviewing,
  steps,
  T0,
  TASK_ID,
  told,
  turn,
} from "../tasks/task.fixture.ts";
import type { TaskRecord } from "../tasks/task.ts";
import { RespondInput } from "../tasks/task-contract.ts";
import { respond } from "./decide.ts";
import { delegation } from "./delegation.fixture.ts";
import type { Nominee } from "./nominees.ts";
import { policy } from "./policy.fixture.ts";

const cid = person("cid", "reviewer");
const dan = person("dan");
const everybody: Nominee[] = ["alice", "ann", "bob", "cid", "dan", "adm"].map((id) => ({ id, name: `Name of ${id}` }));

/** `by` hands the open request of `of` to somebody. */
function delegating(task: TaskRecord, by: typeof ann, delegate_to: string, of = by.who.id, now = T0) {
  const input = RespondInput.parse({ action: "delegate", delegate_to, reason: "away" });
  return respond(task, requestOf(task, of).id, input, turn(by, now), everybody);
}

const task = reviewing();
const two = [reviewer("ann"), reviewer("bob")];

describe("a delegated request", () => {
  const later = T0 + 3_600_000;
  const passed = done(delegating(task, ann, "dan", "ann", later));

  test("is DELEGATED, and a new one asks the delegate on the owner's behalf, due when the old one was", () => {
    const { due_at, priority } = requestOf(task, "ann");
    expect(requestOf(passed.task, "ann")).toMatchObject({ status: "DELEGATED", delegated_to: "dan" });
    expect(requestOf(passed.task, "dan")).toMatchObject({
      status: "PENDING",
      reviewer_name: "Name of dan",
      on_behalf_of: "ann",
      due_at,
      priority,
      created_at: new Date(later).toISOString(),
    });
    expect(passed.task.decisions).toEqual([]);
  });

  test("is journalled with who, from whom, to whom and why; both inboxes are told", () => {
    expect(steps(passed)).toEqual(["approval.delegated", "approval.requested"]);
    expect(passed.happenings[0]).toMatchObject({
      subject_id: requestOf(task, "ann").id,
      why: { reason: "away" },
      details: { from: "ann", to: "dan", decided_by: "ann" },
    });
    expect(passed.happenings[1]).toMatchObject({ details: { reviewer_id: "dan", on_behalf_of: "ann" } });
    expect(told(passed.effects, "inbox:ann")).toMatchObject([{ request: { status: "DELEGATED" } }]);
    expect(told(passed.effects, "inbox:dan")).toMatchObject([{ request: { status: "PENDING", on_behalf_of: "ann" } }]);
  });

  test("carries the eligibility of its owner, who can no longer answer it", () => {
    expect(codeOf(answering(passed.task, ann))).toBe("APPROVAL_ALREADY_RESOLVED");
    const answered = done(answering(passed.task, dan));
    expect(answered.happenings[0]).toMatchObject({ action: "approval.approved", acting: { on_behalf_of: "ann" } });
    const approved = done(answering(answered.task, bob)).task;
    expect(approved).toMatchObject({ state: "APPROVED", requirements: [{ approved_by: ["dan", "bob"] }] });
    expect(approved.decisions[0]).toMatchObject({ reviewer_id: "dan", on_behalf_of: "ann" });
  });

  test("can be passed on, always on behalf of its first owner, and back to them", () => {
    const passedOn = done(delegating(passed.task, dan, "cid"));
    expect([passed, passedOn].map(({ happenings: [first] }) => first?.acting)).toEqual([{}, { on_behalf_of: "ann" }]);
    const on = passedOn.task;
    expect(on.requests.at(-1)).toMatchObject({ reviewer_id: "cid", on_behalf_of: "ann", status: "PENDING" });
    const back = done(delegating(passed.task, dan, "ann")).task;
    expect(back.requests.at(-1)).toMatchObject({ reviewer_id: "ann", status: "PENDING" });
    expect(back.requests.at(-1)).not.toHaveProperty("on_behalf_of");
    expect(codeOf(answering(back, ann))).toBe("ok");
  });

  test("fills the seat of a required reviewer", () => {
    const named = reviewing({ facts: { policies: [policy("named", { required_reviewers: ["ann"] })] } });
    const stoodIn = done(delegating(named, ann, "dan")).task;
    expect(done(answering(stoodIn, bob)).task.state).toBe("REVIEWING");
    expect(done(answering(stoodIn, dan)).task.state).toBe("APPROVED");
  });

  test("is over with its revision", () => {
    const edited = done(editing(passed.task, { config: { priority: 1 } })).task;
    expect(requestOf(edited, "dan").status).toBe("SUPERSEDED");
    expect(requestOf(edited, "ann").status).toBe("PENDING");
  });
});

describe("the person delegated to", () => {
  test.each([
    ["an author", "alice", /wrote/],
    ["nobody who is here", "ghost", /not an active user/],
    ["oneself", "ann", /has this request already/],
  ])("is not %s", (_, to, why) => {
    const refused = delegating(task, ann, to);
    expect(refused).toMatchObject({ error: { code: "REVIEWER_NOT_ELIGIBLE", details: { reviewers: [{ id: to }] } } });
    expect(!refused.ok && refused.error.message).toMatch(why);
  });

  test("may have a request of their own: then they hold two and count once", () => {
    const both = done(delegating(task, ann, "bob")).task;
    const theirs = both.requests.filter((one) => one.reviewer_id === "bob" && one.status === "PENDING");
    expect(theirs).toHaveLength(2);
    const once = theirs.reduce(
      (now, { id }) => done(respond(now, id, RespondInput.parse({ action: "approve" }), turn(bob))).task,
      both,
    );
    expect(once).toMatchObject({ state: "REVIEWING", requirements: [{ approved_by: ["bob"] }] });
    expect(done(answering(once, cid)).task.state).toBe("APPROVED");
  });

  test("is refused as QUORUM_IMPOSSIBLE where too few would be left, whether or not they have answered", () => {
    const tight = reviewing({ facts: { reviewers: two } });
    expect(delegating(tight, ann, "bob")).toMatchObject({
      error: { code: "QUORUM_IMPOSSIBLE", details: { policy_id: "builtin", needed: 2 } },
    });
    const half = done(answering(tight, bob)).task;
    expect(codeOf(delegating(half, ann, "bob"))).toBe("QUORUM_IMPOSSIBLE");
    expect(codeOf(delegating(half, ann, "dan"))).toBe("ok");
  });
});

describe("whoever delegates", () => {
  test("is the one who was asked, or an admin for them, who cannot take the part", () => {
    expect(codeOf(delegating(task, bob, "dan", "ann"))).toBe("FORBIDDEN");
    expect(codeOf(delegating(task, alice, "dan", "ann"))).toBe("SELF_APPROVAL");
    expect(done(delegating(task, adm, "dan", "ann")).happenings[0]).toMatchObject({
      details: { from: "ann", to: "dan", decided_by: "adm" },
    });
    expect(codeOf(delegating(task, adm, "adm", "ann"))).toBe("REVIEWER_NOT_ELIGIBLE");
  });

  test("names somebody, for delegation alone, and needs no reason", () => {
    const fields = (body: object) => RespondInput.safeParse(body).error?.issues.map(({ path }) => path.join("."));
    expect(fields({ action: "delegate" })).toEqual(["delegate_to"]);
    expect(fields({ action: "approve", delegate_to: "dan" })).toEqual(["delegate_to"]);
    expect(fields({ action: "delegate", delegate_to: "dan" })).toBeUndefined();
  });

  test("does so on the current revision, and once", () => {
    const input = RespondInput.parse({ action: "delegate", delegate_to: "dan", revision: 9 });
    const { id } = requestOf(task, "ann");
    expect(codeOf(respond(task, id, input, turn(ann), everybody))).toBe("REVISION_CONFLICT");
    const passed = done(delegating(task, ann, "dan")).task;
    expect(codeOf(delegating(passed, ann, "cid"))).toBe("APPROVAL_ALREADY_RESOLVED");
  });
});

describe("policies at submit", () => {
  const delegations = [
    delegation("ann", "bob", { conditions: { risk_above: 10 } }),
    delegation("bob", "dan"),
    delegation("bob", "alice", { created_at: "2026-11-01T00:00:00.000Z" }),
  ];
  const reviewers = [reviewer("ann"), reviewer("cid"), { ...reviewer("dan"), roles: [] }, reviewer("bob")];

  test("open the last delegate's request, keep the owner's as DELEGATED, and journal what was skipped", () => {
    const asked = reviewing({ facts: { delegations, reviewers } });
    const mine = asked.requests.filter((one) => one.reviewer_id === "ann" || one.on_behalf_of === "ann");
    expect(mine).toMatchObject([
      { reviewer_id: "ann", status: "DELEGATED", delegated_to: "dan", via: ["bob"] },
      { reviewer_id: "dan", status: "PENDING", on_behalf_of: "ann" },
    ]);
    expect(asked.requests.filter(({ status }) => status === "PENDING").map((one) => one.reviewer_id)).toEqual([
      "dan",
      "dan",
      "cid",
    ]);
    expect(codeOf(answering(asked, ann))).toBe("APPROVAL_ALREADY_RESOLVED");
  });

  test("let a follower's part be met by whom they follow, without a second person", () => {
    const follow = [delegation("ann", "bob", { mode: "follow" })];
    const policies = [policy("data", { required_roles: ["dba"] }), policy("seat", { required_reviewers: ["ann"] })];
    const facts = { delegations: follow, policies, reviewers: [reviewer("ann", "dba"), reviewer("bob")] };
    const both = reviewing({ facts: { ...facts, policies: [...policies, policy("two", { min_approvers: 2 })] } });
    const byBob = done(answering(both, bob)).task;
    expect(byBob.requirements.map(({ policy_id, satisfied }) => [policy_id, satisfied])).toEqual([
      ["data", true],
      ["seat", true],
      ["two", false],
    ]);
    expect(requestOf(byBob, "ann").status).toBe("PENDING");
    expect(done(answering(byBob, ann)).task.state).toBe("APPROVED");
    const byAnn = done(answering(both, person("ann", "reviewer", "dba"))).task;
    expect(byAnn.requirements.map(({ satisfied }) => satisfied)).toEqual([true, true, false]);
    expect(done(answering(reviewing({ facts }), bob)).task.state).toBe("APPROVED");
  });

  test("leave a required reviewer the right to count, when whom they follow has filled their seat", () => {
    const follow = [delegation("ann", "bob", { mode: "follow" })];
    const policies = [
      policy("two", { min_approvers: 2, required_roles: ["none"], required_reviewers: ["ann", "bob"] }),
    ];
    const byBob = done(answering(reviewing({ facts: { delegations: follow, policies } }), bob)).task;
    expect(byBob).toMatchObject({ state: "REVIEWING", requirements: [{ approved_by: ["bob"] }] });
    expect(done(answering(byBob, ann)).task.state).toBe("APPROVED");
    const passed = done(delegating(byBob, ann, "dan")).task;
    const back = done(delegating(passed, dan, "ann")).task;
    expect(done(answering(back, ann)).task.state).toBe("APPROVED");
  });

  test("do not let an admin meet a follower's part who is not asked, but answers for somebody else", () => {
    const follow = [delegation("ann", "adm", { mode: "follow" })];
    const reviewers = [reviewer("ann"), reviewer("cid"), { ...reviewer("adm"), roles: ["admin"] }];
    const policies = [policy("seat", { required_reviewers: ["ann"] })];
    const asked = reviewing({ facts: { delegations: follow, reviewers, policies } });
    const byAdmin = done(answering(asked, adm, { action: "approve" }, "cid")).task;
    expect(byAdmin).toMatchObject({ state: "REVIEWING", requirements: [{ required_reviewers: ["ann"] }] });
  });
});

test("ids of new requests are minted by the task", () => {
  const minted: string[] = [];
  const given = turn(ann);
  const mint = () => {
    minted.push(given.mint());
    return minted.at(-1) ?? "";
  };
  const input = RespondInput.parse({ action: "delegate", delegate_to: "dan" });
  const next = done(respond(task, requestOf(task, "ann").id, input, { ...given, mint }, everybody)).task.requests.at(
    -1,
  );
  expect(minted).toEqual([next?.id]);
  expect(next?.task_id).toBe(TASK_ID);
});
