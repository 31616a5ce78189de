import { describe, expect, it } from "vitest";
import { answering, bob, done, person, reviewing, T0, told, turn } from "../tasks/task.fixture.ts";
import type { TaskRecord } from "../tasks/task.ts";
import { colleague, firm } from "./colleague.fixture.ts";
import type { Colleague } from "./colleagues.ts";
import { delegation } from "./delegation.fixture.ts";
import type { DelegationPolicy } from "./delegation-contract.ts";
import { reassignDeparted } from "./departure.ts";
import { escalate } from "./escalation.ts";
import { openRequestsOf } from "./open-requests.ts";
import { policy } from "./policy.fixture.ts";

const system = person("system");
const gone = colleague("ann", { active: false, manager_id: "mia" });

function moved(task: TaskRecord, people: readonly Colleague[], delegations: readonly DelegationPolicy[] = []) {
  return done({ ok: true, value: reassignDeparted(task, people, delegations, turn(system, T0 + 1_000)) });
}

/** `reviewer for owner` of each open request. */
function open(task: TaskRecord): string[] {
  return openRequestsOf(task).map(
    ({ reviewer_id, on_behalf_of }) => reviewer_id + (on_behalf_of === undefined ? "" : ` for ${on_behalf_of}`),
  );
}

describe("the open requests of somebody who left", () => {
  it("stay where they are while everybody is here", () => {
    expect(reassignDeparted(reviewing(), firm(), [], turn(system))).toBeNull();
  });

  it("move to their manager, who fills their part and has the rest of their time", () => {
    const before = reviewing();
    const { task, happenings, effects } = moved(before, firm(gone));
    expect(open(task)).toEqual(["bob", "cid", "mia for ann"]);
    const [old, next] = [task.requests.find((one) => one.reviewer_id === "ann"), task.requests.at(-1)];
    expect(old).toMatchObject({ status: "DELEGATED", delegated_to: "mia" });
    expect(next).toMatchObject({ reviewer_name: "Name of mia", due_at: old?.due_at, priority: old?.priority });
    expect(next?.id).not.toBe(old?.id);
    expect(happenings).toMatchObject([
      {
        action: "approval.reassigned",
        subject_id: next?.id,
        details: { from: "ann", to: "mia", reassigned_from: old?.id },
        why: { reason: "ann is no longer active" },
      },
    ]);
    expect(effects.map(({ target }) => target)).toEqual(["inbox:ann", "inbox:mia"]);
    expect(told(effects, "inbox:ann")).toMatchObject([{ request: { status: "DELEGATED" } }]);
    expect(done(answering(done(answering(task, person("mia"))).task, bob)).task.state).toBe("APPROVED");
  });

  const alone = colleague("ann", { active: false });
  it.each<[string, Colleague[], readonly DelegationPolicy[], string]>([
    ["whom their delegation names, before all others", [gone], [delegation("ann", "top")], "top"],
    [
      "the next one named, if the first left too",
      [gone, colleague("cid", { active: false })],
      [delegation("ann", "cid"), delegation("ann", "top")],
      "top",
    ],
    ["the manager, if the delegate wrote the change", [gone, colleague("alice")], [delegation("ann", "alice")], "mia"],
    ["an admin, if the manager left too", [gone, colleague("mia", { active: false, manager_id: "top" })], [], "adm"],
    ["the last of a chain of delegations", [gone], [delegation("ann", "cid"), delegation("cid", "max")], "max"],
    [
      "the manager, if the delegation is for other tasks",
      [gone],
      [delegation("ann", "top", { conditions: { task_types: ["x"] } })],
      "mia",
    ],
    [
      "the manager, if the delegation has expired",
      [gone],
      [delegation("ann", "top", { expires_at: "2026-11-20T00:00:00Z" })],
      "mia",
    ],
    ["an admin, if they had no manager", [alone], [], "adm"],
    [
      "the next admin, if the first left too",
      [alone, colleague("adm", { roles: ["admin"], active: false })],
      [],
      "boss",
    ],
  ])("go to %s", (_, people, delegations, to) => {
    const { task } = moved(reviewing(), firm(...people), delegations);
    expect(task.requests.find((one) => one.reviewer_id === "ann")?.delegated_to).toBe(to);
  });

  it("stay if nobody can take them", () => {
    expect(reassignDeparted(reviewing(), [gone], [], turn(system))).toBeNull();
  });

  it("bring a required reviewer's seat along", () => {
    const facts = { policies: [policy("p", { required_reviewers: ["ann"] })] };
    const { task } = moved(reviewing({ facts }), firm(gone));
    expect(done(answering(task, person("mia"))).task.state).toBe("APPROVED");
  });

  it("move once: the same news again moves nothing", () => {
    const { task } = moved(reviewing(), firm(gone));
    expect(reassignDeparted(task, firm(gone), [], turn(system))).toBeNull();
  });

  it("move on when the one who took them leaves too, still for the first", () => {
    const { task } = moved(reviewing(), firm(gone));
    const left = firm(gone, colleague("mia", { active: false, manager_id: "top" }));
    expect(open(moved(task, left).task)).toEqual(["bob", "cid", "top for ann"]);
  });

  it("are their owner's own again when they come back to whom they came from", () => {
    const { task } = moved(reviewing(), firm(gone));
    const back = firm(colleague("ann"), colleague("mia", { active: false, manager_id: "ann" }));
    expect(open(moved(task, back).task)).toEqual(["bob", "cid", "ann"]);
  });

  it("of two who leave at once move each to their own manager", () => {
    const { task } = moved(reviewing(), firm(gone, colleague("bob", { active: false, manager_id: "max" })));
    expect(open(task)).toEqual(["cid", "mia for ann", "max for bob"]);
  });

  it("keep their place among the escalations, and what they opened goes on climbing with them", () => {
    const due = T0 + 172_800_000;
    const facts = { policies: [policy("p", { required_reviewers: ["ann"], required_roles: ["none"] })] };
    const climbed = done({ ok: true, value: escalate(reviewing({ facts }), firm(), turn(system, due)) }).task;
    expect(open(climbed)).toEqual(["ann", "mia for ann"]);
    const { task } = moved(climbed, firm(colleague("ann", { active: false, manager_id: "max" })));
    expect(open(task)).toEqual(["mia for ann", "max for ann"]);
    expect(task.requests.at(-1)?.escalation_level).toBe(1);
    const next = done({ ok: true, value: escalate(task, firm(gone), turn(system, due + 172_800_000)) });
    expect(next.happenings).toMatchObject([{ details: { from: "max", escalation_level: 2 } }]);
  });

  it("are closed for the benefit of an equal request that the other one has", () => {
    const due = T0 + 172_800_000;
    const facts = { policies: [policy("p", { required_reviewers: ["ann"], required_roles: ["none"] })] };
    const climbed = done({ ok: true, value: escalate(reviewing({ facts }), firm(), turn(system, due)) }).task;
    const { task } = moved(climbed, firm(gone));
    expect(open(task)).toEqual(["mia for ann"]);
    expect(task.requests[0]).toMatchObject({ status: "DELEGATED", delegated_to: "mia" });
    const next = done({ ok: true, value: escalate(task, firm(gone), turn(system, due + 172_800_000)) });
    expect(next.happenings).toMatchObject([{ details: { from: "mia", to: "top" } }]);
  });
});
