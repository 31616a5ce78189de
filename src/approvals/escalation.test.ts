import { describe, expect, it } from "vitest";
import {
  ann,
  answering,
  bob,
  done,
  person,
  requestOf,
  reviewing,
  steps,
  T0,
  told,
  turn,
} from "../tasks/task.fixture.ts";
import type { Request, TaskRecord } from "../tasks/task.ts";
import { colleague, firm } from "./colleague.fixture.ts";
import type { Colleague } from "./colleagues.ts";
import { escalate, expire, nextEscalationAt } from "./escalation.ts";
import { openRequestsOf } from "./open-requests.ts";
import { policy } from "./policy.fixture.ts";

const HOUR = 3_600_000;
const system = person("system");

/** Only these are asked, an hour each; `needed` of them have to approve. */
function asking(
  reviewers: readonly string[],
  needed = 1,
  more: Partial<Parameters<typeof policy>[1]> = {},
): TaskRecord {
  const one = policy("p", { min_approvers: needed, approval_timeout_seconds: 3600, ...more });
  const people = reviewers.map((id) => ({ id, name: id, roles: ["reviewer"], pending: 0 }));
  return reviewing({ facts: { policies: [one], reviewers: people } });
}

/** The task after each of these many timeouts, nobody answering. */
function unanswered(task: TaskRecord, levels: number, people: readonly Colleague[] = firm()): TaskRecord {
  let at = task;
  for (let level = 1; level <= levels; level += 1) {
    at = done({ ok: true, value: escalate(at, people, turn(system, T0 + level * HOUR)) }).task;
  }
  return at;
}

/** `reviewer level` of every open request that came by escalation. */
function asked(task: TaskRecord): string[] {
  return openRequestsOf(task)
    .filter(({ escalated_from }) => escalated_from !== undefined)
    .map(({ reviewer_id, escalation_level }) => `${reviewer_id} ${escalation_level}`);
}

describe("a request that nobody answered by its due time", () => {
  it("escalates then and not before", () => {
    const task = asking(["ann"]);
    expect(nextEscalationAt(task)).toBe(T0 + HOUR);
    expect(escalate(task, firm(), turn(system, T0 + HOUR - 1))).toBeNull();
    expect(escalate(task, firm(), turn(system, T0 + HOUR))).not.toBeNull();
  });

  it("asks the reviewer's manager, URGENT and with another such time; both may act", () => {
    const task = unanswered(asking(["ann"]), 1);
    expect(openRequestsOf(task)).toMatchObject([
      { reviewer_id: "ann", priority: "HIGH", escalation_level: 1, due_at: "2026-11-20T14:00:00.000Z" },
      {
        reviewer_id: "mia",
        reviewer_name: "Name of mia",
        on_behalf_of: "ann",
        priority: "URGENT",
        escalation_level: 1,
        due_at: "2026-11-20T14:00:00.000Z",
        created_at: "2026-11-20T13:00:00.000Z",
        policy_ids: ["p"],
      },
    ]);
    expect(done(answering(task, ann)).task.state).toBe("APPROVED");
    // Mia holds no role at all: she has what Ann's request was good for.
    expect(done(answering(task, person("mia"))).task).toMatchObject({
      state: "APPROVED",
      requirements: [{ approved_by: ["mia"], satisfied: true }],
      decisions: [{ reviewer_id: "mia", on_behalf_of: "ann" }],
    });
  });

  it("then the manager's manager, then every active admin, each in the reviewer's stead", () => {
    const task = asking(["ann"]);
    expect(asked(unanswered(task, 2))).toEqual(["mia 1", "top 2"]);
    const everybody = unanswered(task, 3, firm(colleague("gone", { roles: ["admin"], active: false })));
    expect(asked(everybody)).toEqual(["mia 1", "top 2", "adm 3", "boss 3"]);
    for (const request of openRequestsOf(everybody)) {
      expect(request.due_at).toBe("2026-11-20T16:00:00.000Z");
      if (request.reviewer_id !== "ann") expect(request.on_behalf_of).toBe("ann");
    }
  });

  it("is journalled from whom to whom, and told to both inboxes once", () => {
    const { happenings, effects } = done({
      ok: true,
      value: escalate(asking(["ann"]), firm(), turn(system, T0 + HOUR)),
    });
    expect(happenings).toMatchObject([
      { action: "approval.escalated", details: { from: "ann", to: "mia", escalation_level: 1, reviewer_id: "mia" } },
    ]);
    expect(effects.map(({ target }) => target)).toEqual(["inbox:ann", "inbox:mia"]);
    expect(told(effects, "inbox:mia")).toMatchObject([{ request: { status: "PENDING", priority: "URGENT" } }]);
    expect(JSON.stringify(effects)).not.toMatch(/escalated_from|timeout_seconds|policy_ids/);
  });

  it("does not escalate once its requirement is satisfied, though it is still open", () => {
    const both = [
      policy("quick", { approval_timeout_seconds: 3600, required_reviewers: ["ann"] }),
      policy("slow", { approval_timeout_seconds: 36_000, required_reviewers: ["bob"] }),
    ];
    const task = reviewing({ facts: { policies: both } });
    const half = done(answering(task, ann)).task;
    const cid = requestOf(half, "cid");
    expect([half.state, cid.status]).toEqual(["REVIEWING", "PENDING"]);
    expect(escalate(half, firm(), turn(system, Date.parse(cid.due_at)))).not.toBeNull();
    const served: Request = { ...cid, policy_ids: ["quick"] };
    const only = { ...half, requests: [served] };
    expect([nextEscalationAt(only), escalate(only, firm(), turn(system, T0 + 10 * HOUR))]).toEqual([undefined, null]);
  });

  it("carries the seat of a required reviewer to whoever approves in their stead", () => {
    const task = unanswered(asking(["ann", "bob"], 1, { required_reviewers: ["ann"] }), 1);
    const half = done(answering(task, bob)).task;
    expect(half.state).toBe("REVIEWING");
    expect(done(answering(half, person("mia"))).task.state).toBe("APPROVED");
  });

  it("gives the next ones their whole time, however late the alarm was", () => {
    const late = T0 + 10 * HOUR;
    const task = done({ ok: true, value: escalate(asking(["ann"]), firm(), turn(system, late)) }).task;
    expect(nextEscalationAt(task)).toBe(late + HOUR);
    expect(expire(task, late)).toBeNull();
  });
});

describe("where there is no manager to ask, the first admin by id is", () => {
  it.each<[string, Colleague]>([
    ["none is named", colleague("ann")],
    ["they are named who are not there", colleague("ann", { manager_id: "nobody" })],
    ["the manager left", colleague("mia", { active: false, manager_id: "top" })],
    ["they manage themselves", colleague("ann", { manager_id: "ann" })],
    ["the manager wrote the change", colleague("ann", { manager_id: "alice" })],
  ])("%s", (_, changed) => {
    const people = firm(changed, colleague("alice", { roles: ["author", "admin"] }));
    expect(asked(unanswered(asking(["ann"]), 1, people))).toEqual(["adm 1"]);
  });

  it("a manager who left is passed by at the first level only", () => {
    const people = firm(colleague("mia", { active: false, manager_id: "top" }));
    expect(asked(unanswered(asking(["ann"]), 2, people))).toEqual(["adm 1", "top 2"]);
  });

  it("two who manage each other: the second level is an admin's, the first of those not asked yet", () => {
    const people = firm(colleague("mia", { roles: [], manager_id: "ann" }));
    expect(asked(unanswered(asking(["ann"]), 2, people))).toEqual(["mia 1", "adm 2"]);
    expect(asked(unanswered(asking(["cid"]), 3, firm()))).toEqual(["adm 1", "boss 2"]);
  });

  it("nobody at all: the levels pass all the same, and are journalled", () => {
    const nobody = [colleague("ann")];
    const first = done({ ok: true, value: escalate(asking(["ann"]), nobody, turn(system, T0 + HOUR)) });
    expect(first.happenings).toMatchObject([{ action: "approval.escalated", details: { from: "ann" } }]);
    expect(first.happenings[0]?.details).not.toHaveProperty("to");
    const last = unanswered(asking(["ann"]), 3, nobody);
    expect(asked(last)).toEqual([]);
    expect(expire(last, T0 + 4 * HOUR)?.task.state).toBe("CANCELLED");
  });
});

describe("somebody who is asked already", () => {
  it("is not asked twice for the same part: what they have becomes URGENT", () => {
    const people = firm(colleague("ann", { manager_id: "bob" }));
    const task = unanswered(asking(["ann", "bob"], 2), 1, people);
    expect(openRequestsOf(task).map(({ reviewer_id, priority }) => `${reviewer_id} ${priority}`)).toEqual([
      "ann HIGH",
      "bob URGENT",
      "max URGENT",
    ]);
    expect(requestOf(task, "bob").due_at).toBe("2026-11-20T14:00:00.000Z");
  });

  it("is asked again for the seat of a required reviewer, which their own request does not fill", () => {
    const people = firm(colleague("ann", { manager_id: "bob" }));
    const task = unanswered(asking(["ann", "bob"], 2, { required_reviewers: ["ann"] }), 1, people);
    expect(asked(task)).toEqual(["bob 1", "max 1"]);
  });

  it("and has approved already would add nothing: an admin is asked instead", () => {
    const people = firm(colleague("ann", { manager_id: "bob" }));
    const task = done(answering(asking(["ann", "bob"], 2), bob)).task;
    expect(asked(unanswered(task, 1, people))).toEqual(["adm 1"]);
  });

  it("goes on climbing from where they were asked once the first one has answered", () => {
    const task = done(answering(unanswered(asking(["ann", "bob", "cid"], 3), 1), ann)).task;
    expect(asked(task)).toEqual(["mia 1", "max 1", "adm 1"]);
    const next = done({ ok: true, value: escalate(task, firm(), turn(system, T0 + 2 * HOUR)) });
    expect(next.happenings.map(({ details }) => `${details?.from} to ${details?.to}`)).toEqual([
      "bob to top",
      "cid to boss",
      "mia to top",
    ]);
  });
});

describe("at the fourth timeout", () => {
  const last = unanswered(asking(["ann", "bob"], 2), 3);

  it("requests become EXPIRED and the task CANCELLED, for approval_timeout", () => {
    expect(expire(last, T0 + 4 * HOUR - 1)).toBeNull();
    const over = done({ ok: true, value: expire(last, T0 + 4 * HOUR) });
    expect(over.task).toMatchObject({ state: "CANCELLED", metadata: { completed_at: "2026-11-20T16:00:00.000Z" } });
    expect(new Set(over.task.requests.map(({ status }) => status))).toEqual(new Set(["EXPIRED"]));
    expect(over.happenings.at(-1)).toMatchObject({ action: "task.cancelled", why: { reason: "approval_timeout" } });
    expect(steps(over).slice(0, -1)).toEqual(over.task.requests.map(() => "approval.expired"));
    expect(over.effects).toHaveLength(over.task.requests.length);
    expect(nextEscalationAt(over.task)).toBeUndefined();
  });

  it("nobody is asked any more, and a decision comes too late", () => {
    expect(escalate(last, firm(), turn(system, T0 + 4 * HOUR))).toBeNull();
    const over = done({ ok: true, value: expire(last, T0 + 9 * HOUR) }).task;
    expect(answering(over, ann)).toMatchObject({ ok: false, error: { code: "APPROVAL_ALREADY_RESOLVED" } });
  });

  it("what was not due yet is SUPERSEDED, not expired", () => {
    const policies = [
      policy("quick", { approval_timeout_seconds: 3600, required_reviewers: ["ann"], required_roles: ["none"] }),
      policy("slow", { approval_timeout_seconds: 360_000, required_reviewers: ["bob"], required_roles: ["none"] }),
    ];
    const over = expire(unanswered(reviewing({ facts: { policies } }), 3), T0 + 4 * HOUR)?.task;
    expect(over?.requests.map(({ reviewer_id, status }) => `${reviewer_id} ${status}`)).toEqual([
      "ann EXPIRED",
      "bob SUPERSEDED",
      "mia EXPIRED",
      "top EXPIRED",
      "adm EXPIRED",
      "boss EXPIRED",
    ]);
  });
});
