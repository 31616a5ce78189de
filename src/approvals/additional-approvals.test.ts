import { describe, expect, test } from "vitest";
import {
  ann,
  answering,
  bob,
  codeOf,
  done,
  person,
  requestOf,
  reviewer,
  reviewing,
  steps,
  T0,
  told,
  turn,
} from "../tasks/task.fixture.ts";
import type { TaskRecord } from "../tasks/task.ts";
import { RespondInput } from "../tasks/task-contract.ts";
import { respond } from "./decide.ts";
import type { Nominee } from "./nominees.ts";
import { policy } from "./policy.fixture.ts";

const cid = person("cid", "reviewer");
const eve = person("eve");
const everybody: Nominee[] = ["alice", "ann", "bob", "cid", "eve"].map((id) => ({ id, name: `Name of ${id}` }));

/** Somebody approves their request and asks for more. */
function asking(task: TaskRecord, by: typeof ann, ids: readonly string[], now = T0) {
  const options = { require_additional_approvals: ids };
  const input = RespondInput.parse({ action: "approve", options });
  return respond(task, requestOf(task, by.who.id).id, input, turn(by, now), everybody);
}

const one = reviewing({ facts: { policies: [policy("one", { approval_timeout_seconds: 600 })] } });

describe("an approval that asks for another person", () => {
  const later = T0 + 60_000;
  const asked = done(asking(one, ann, ["eve"], later));

  test("leaves the task under review though the quorum stood, with a requirement of that person's own", () => {
    expect(asked.task.state).toBe("REVIEWING");
    expect(asked.task.requirements.at(-1)).toEqual({
      policy_id: "additional:eve",
      policy_name: "Approval of Name of eve, required by Name of ann",
      min_approvers: 1,
      required_roles: [],
      required_reviewers: ["eve"],
      approved_by: [],
      satisfied: false,
    });
  });

  test("opens their request, with as much time as the answered one had", () => {
    expect(requestOf(asked.task, "eve")).toMatchObject({
      status: "PENDING",
      policy_ids: ["additional:eve"],
      due_at: new Date(later + 600_000).toISOString(),
    });
    expect(steps(asked)).toEqual(["approval.approved", "approval.requested"]);
    expect(asked.happenings[0]?.details).toMatchObject({ required_approvals: ["eve"] });
    expect(asked.happenings[1]?.details).toMatchObject({ reviewer_id: "eve", required_by: "ann" });
    expect(told(asked.effects, "inbox:eve")).toMatchObject([{ request: { status: "PENDING" } }]);
  });

  test("is met by that person, who needs no role, and by nobody else", () => {
    const byBob = done(answering(asked.task, bob)).task;
    expect(byBob).toMatchObject({ state: "REVIEWING" });
    expect(done(answering(byBob, eve)).task.state).toBe("APPROVED");
    expect(done(answering(asked.task, eve)).task.state).toBe("APPROVED");
  });

  test("asks nobody twice: whoever has a request answers there, whoever approved has answered", () => {
    const ofBob = done(asking(one, ann, ["bob", "ann"])).task;
    expect(ofBob.requests.filter(({ reviewer_id }) => reviewer_id === "bob")).toHaveLength(1);
    expect(ofBob.requirements.map(({ policy_id, satisfied }) => [policy_id, satisfied])).toEqual([
      ["one", true],
      ["additional:ann", true],
      ["additional:bob", false],
    ]);
    const again = done(asking(ofBob, cid, ["bob"])).task;
    expect(again.requirements).toHaveLength(3);
    expect(done(answering(again, bob)).task.state).toBe("APPROVED");
  });

  test("asks somebody for themselves even if they stand in for somebody already", () => {
    const passing = RespondInput.parse({ action: "delegate", delegate_to: "eve" });
    const stood = done(respond(one, requestOf(one, "bob").id, passing, turn(bob), everybody)).task;
    const both = done(asking(stood, ann, ["eve"])).task;
    const theirs = both.requests.filter((request) => request.reviewer_id === "eve");
    expect(theirs.map(({ on_behalf_of }) => on_behalf_of)).toEqual(["bob", undefined]);
    expect(done(answering(both, eve)).task.state).toBe("APPROVED");
  });

  test("can be handed on by whoever was asked in this way", () => {
    const passing = RespondInput.parse({ action: "delegate", delegate_to: "cid" });
    const passed = done(respond(asked.task, requestOf(asked.task, "eve").id, passing, turn(eve), everybody)).task;
    const { id } = passed.requests.at(-1) ?? { id: "" };
    expect(done(respond(passed, id, RespondInput.parse({ action: "approve" }), turn(cid))).task.state).toBe("APPROVED");
  });
});

describe("whoever is asked for", () => {
  test("is active and no author, else nothing is decided at all", () => {
    for (const id of ["alice", "ghost"]) {
      const refused = asking(one, ann, ["eve", id]);
      expect(refused).toMatchObject({ error: { code: "REVIEWER_NOT_ELIGIBLE", details: { reviewers: [{ id }] } } });
    }
  });

  test("comes with an approval only", () => {
    const options = { require_additional_approvals: ["eve"] };
    for (const body of [
      { action: "reject", reason: "no", options },
      { action: "delegate", delegate_to: "eve", options },
    ]) {
      const paths = RespondInput.safeParse(body).error?.issues.map(({ path }) => path.join("."));
      expect(paths).toEqual(["options.require_additional_approvals"]);
    }
  });
});

describe("an approval that does not fill the part it was asked for", () => {
  const facts = { policies: [policy("named", { required_reviewers: ["ann"] }), policy("any")] };
  const named = reviewing({ facts });
  const adm = person("adm", "admin");

  test("by an admin leaves the required reviewer asked, and is said to", () => {
    const stoodIn = done(answering(named, adm, { action: "approve" }, "ann"));
    expect(requestOf(stoodIn.task, "ann").status).toBe("PENDING");
    expect(stoodIn.happenings[0]?.details).toMatchObject({ decided_by: "adm", still_open: true });
    expect(told(stoodIn.effects, "inbox:ann")).toEqual([]);
    expect(done(answering(stoodIn.task, ann)).task.state).toBe("APPROVED");
  });

  test("is taken once: again it changes nothing and is refused; ids of decisions stay distinct", () => {
    const once = done(answering(named, adm, { action: "approve" }, "ann")).task;
    expect(codeOf(answering(once, adm, { action: "approve" }, "ann"))).toBe("FORBIDDEN");
    const ids = done(answering(once, ann)).task.decisions.map(({ id }) => id);
    expect(new Set(ids).size).toBe(2);
  });

  test("by an admin uses up nobody whom a count of people still needs", () => {
    const tight = reviewing({ facts: { reviewers: [reviewer("ann"), reviewer("bob")] } });
    const first = done(answering(tight, adm, { action: "approve" }, "ann")).task;
    expect([requestOf(first, "ann").status, requestOf(first, "bob").status]).toEqual(["APPROVED", "PENDING"]);
    expect(codeOf(answering(first, adm, { action: "approve" }, "bob"))).toBe("FORBIDDEN");
    expect(done(answering(first, bob)).task.state).toBe("APPROVED");
  });

  test("by a reviewer who lost the role for it leaves their request open, to be handed on or answered with the role", () => {
    const policies = [policy("data", { required_roles: ["dba"] }), policy("two", { min_approvers: 2 })];
    const team = { policies, reviewers: [reviewer("dora", "dba"), reviewer("ann")] };
    const task = reviewing({ facts: team });
    const lost = done(answering(task, person("dora", "reviewer"))).task;
    expect(lost.requirements.map(({ approved_by }) => approved_by)).toEqual([[], ["dora"]]);
    expect(requestOf(lost, "dora").status).toBe("PENDING");
    const byAnn = done(answering(lost, ann)).task;
    expect(byAnn.state).toBe("REVIEWING");
    expect(done(answering(byAnn, person("dora", "reviewer", "dba"))).task.state).toBe("APPROVED");
  });

  test("closes the request where others can do what it leaves", () => {
    const layered = reviewing({ facts: { policies: [policy("two", { min_approvers: 2 })] } });
    const stoodIn = done(answering(layered, adm, { action: "approve" }, "ann")).task;
    expect(requestOf(stoodIn, "ann").status).toBe("APPROVED");
  });
});
