import { describe, expect, test } from "vitest";
import { type DecisionAttempt, eligibility, mayDecide } from "./eligibility.ts";
import { requirement } from "./policy.fixture.ts";

const ACTIONS = ["approve", "reject", "request_changes", "delegate"] as const;

function user(id: string, ...roles: string[]): DecisionAttempt["who"] {
  return { id, kind: "user", roles };
}

const situation = {
  request: { reviewer_id: "ann", policy_ids: ["data"] },
  authors: ["author", "editor"],
  requirements: [requirement("data", { required_roles: ["dba"] })],
};

function verdict(who: DecisionAttempt["who"], given: Partial<DecisionAttempt> = {}) {
  const result = mayDecide({ ...situation, who, action: "approve", ...given });
  return result.ok ? result.value : result.error.code;
}

describe("whoever wrote or edited the change", () => {
  test.each(ACTIONS)("may not %s, assigned, admin and all", (action) => {
    const request = { reviewer_id: "editor", policy_ids: ["data"] };
    expect(verdict(user("editor", "reviewer", "dba", "admin"), { action, request })).toBe("SELF_APPROVAL");
  });

  test("is told so before anything else: as root, as an agent, as a stranger to the request", () => {
    expect(verdict(user("root", "admin"), { authors: ["root"] })).toBe("SELF_APPROVAL");
    expect(verdict({ id: "author", kind: "agent", roles: [] })).toBe("SELF_APPROVAL");
    expect(verdict(user("author"))).toBe("SELF_APPROVAL");
  });

  test("may not decide through a request delegated to them", () => {
    const request = { reviewer_id: "author", on_behalf_of: "ann", policy_ids: ["data"] };
    expect(verdict(user("author", "reviewer", "dba"), { request })).toBe("SELF_APPROVAL");
  });
});

describe("the assigned reviewer", () => {
  test.each(ACTIONS)("may %s", (action) => {
    expect(verdict(user("ann", "reviewer", "dba"), { action })).toBe("assigned");
  });

  test("without the role meanwhile may not approve, and is told why; everything else stays open", () => {
    const demoted = user("ann", "reviewer");
    const result = mayDecide({ ...situation, who: demoted, action: "approve" });
    expect(result).toMatchObject({ ok: false, error: { code: "FORBIDDEN" } });
    expect(!result.ok && result.error.message).toMatch(/data asks for role reviewer and dba.*may still reject/);
    for (const action of ["reject", "request_changes", "delegate"] as const) {
      expect(verdict(demoted, { action })).toBe("assigned");
    }
  });

  test("may approve when some requirement other than the one they were asked for still takes them", () => {
    const requirements = [...situation.requirements, requirement("any")];
    expect(verdict(user("ann", "reviewer"), { requirements })).toBe("assigned");
  });

  test("who is required by name needs no role", () => {
    const requirements = [requirement("named", { required_roles: ["dba"], required_reviewers: ["ann"] })];
    expect(verdict(user("ann"), { requirements })).toBe("assigned");
  });

  test("to whom the request was delegated or escalated approves with the eligibility it carries", () => {
    const request = { reviewer_id: "manager", on_behalf_of: "ann", policy_ids: ["data"] };
    expect(verdict(user("manager"), { request })).toBe("assigned");
    expect(verdict(user("manager"), { request: { ...request, policy_ids: ["gone"] } })).toBe("FORBIDDEN");
  });
});

describe("an admin", () => {
  test("may answer somebody else's request where their own roles qualify", () => {
    for (const action of ACTIONS) expect(verdict(user("adm", "admin", "reviewer", "dba"), { action })).toBe("admin");
  });

  test("needs no role reviewer for that where a required role is held, or none is required", () => {
    const open = [requirement("open")];
    for (const action of ACTIONS) {
      expect(verdict(user("adm", "admin", "dba"), { action })).toBe("admin");
      expect(verdict(user("adm", "admin"), { action, requirements: open })).toBe("admin");
      expect(verdict(user("adm", "dba"), { action })).toBe("FORBIDDEN");
    }
  });

  test.each([[["admin"]], [["admin", "security"]], [["admin", "reviewer"]]])(
    "with the roles %j qualifies nowhere and is refused, whatever the action",
    (roles) => {
      for (const action of ACTIONS) expect(verdict(user("adm", ...roles), { action })).toBe("FORBIDDEN");
    },
  );

  test("does not stand in for a required reviewer, nor for whom a delegate stands in", () => {
    const requirements = [requirement("named", { required_roles: ["dba"], required_reviewers: ["ann"] })];
    expect(verdict(user("adm", "admin", "reviewer"), { requirements })).toBe("FORBIDDEN");
    const request = { reviewer_id: "bob", on_behalf_of: "ann", policy_ids: ["named"] };
    expect(verdict(user("adm", "admin", "reviewer"), { requirements, request })).toBe("FORBIDDEN");
  });

  test("who is assigned answers as assigned", () => {
    expect(verdict(user("ann", "admin", "reviewer", "dba"))).toBe("assigned");
  });
});

describe("nobody else decides", () => {
  test("not root, not even as the assigned reviewer with every role", () => {
    const request = { reviewer_id: "root", policy_ids: ["data"] };
    for (const action of ACTIONS) {
      expect(verdict(user("root", "admin", "reviewer", "dba"), { action, request })).toBe("FORBIDDEN");
    }
  });

  test.each(["agent", "system"] as const)("not a principal of kind %s, even under the reviewer's own id", (kind) => {
    expect(verdict({ id: "ann", kind, roles: ["reviewer", "dba", "admin"] })).toBe("FORBIDDEN");
  });

  test("not another reviewer, however qualified, who learns whose request it is", () => {
    const result = mayDecide({ ...situation, who: user("bob", "reviewer", "dba"), action: "reject" });
    expect(result).toMatchObject({ ok: false, error: { code: "FORBIDDEN" } });
    expect(!result.ok && result.error.message).toContain("ann");
  });

  test("not the person on whose behalf somebody else was asked", () => {
    const request = { reviewer_id: "bob", on_behalf_of: "ann", policy_ids: ["data"] };
    expect(verdict(user("ann", "reviewer", "dba"), { request })).toBe("FORBIDDEN");
  });
});

describe("eligibility, as GET /approvals/:id tells it", () => {
  test("says yes, and nothing more, to who could approve", () => {
    expect(eligibility({ ...situation, who: user("ann", "reviewer", "dba") }, "PENDING")).toEqual({ can_decide: true });
  });

  test("says why not to everybody else, in the words of the refusal", () => {
    const who = user("author", "reviewer", "dba");
    const answer = mayDecide({ ...situation, who, action: "approve" });
    expect(eligibility({ ...situation, who }, "PENDING")).toEqual({
      can_decide: false,
      why_not: answer.ok ? "" : answer.error.message,
    });
  });

  test("says how the request ended when it is no longer open", () => {
    const told = eligibility({ ...situation, who: user("ann", "reviewer", "dba") }, "SUPERSEDED");
    expect(told.can_decide).toBe(false);
    expect(told.why_not).toContain("SUPERSEDED");
  });
});
