import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { mayDecide } from "./eligibility.ts";
import { requirement } from "./policy.fixture.ts";
import type { AnsweredRequest, Person } from "./qualification.ts";
import { countApproval, currentApprovals, quorumReached, requiredApprovals } from "./quorum.ts";

const ann: Person = { id: "ann", roles: ["reviewer"] };
const bob: Person = { id: "bob", roles: ["reviewer"] };
const dora: Person = { id: "dora", roles: ["reviewer", "dba"] };
const mara: Person = { id: "mara", roles: [] };

function own(person: Person, ...policy_ids: string[]): AnsweredRequest {
  return { reviewer_id: person.id, policy_ids };
}

describe("an approval", () => {
  test("counts toward every requirement that its person qualifies for, asked for it or not", () => {
    const requirements = [
      requirement("any"),
      requirement("data", { required_roles: ["dba", "data-lead"] }),
      requirement("sec", { required_roles: ["security"] }),
    ];
    const after = countApproval(requirements, dora, own(dora, "data"));
    expect(after.map(({ satisfied }) => satisfied)).toEqual([true, true, false]);
    expect(after.map(({ approved_by }) => approved_by)).toEqual([["dora"], ["dora"], []]);
    expect(quorumReached(after)).toBe(false);
  });

  test("leaves the requirements it was given as they were", () => {
    const before = [requirement("any")];
    countApproval(before, ann, own(ann, "any"));
    expect(before).toEqual([requirement("any")]);
  });

  test("does not count for an organisation role without the role reviewer", () => {
    const after = countApproval(
      [requirement("data", { required_roles: ["dba"] })],
      { id: "x", roles: ["dba"] },
      {
        reviewer_id: "x",
        policy_ids: ["data"],
      },
    );
    expect(after[0]?.approved_by).toEqual([]);
  });

  test("of the same person through a second request counts once", () => {
    const once = countApproval([requirement("two", { min_approvers: 2 })], ann, own(ann, "two"));
    const twice = countApproval(once, ann, { ...own(ann, "two"), on_behalf_of: "bob" });
    expect(twice).toEqual(once);
    expect(currentApprovals(twice)).toBe(1);
    expect(quorumReached(twice)).toBe(false);
    expect(quorumReached(countApproval(twice, bob, own(bob, "two")))).toBe(true);
  });

  test("given before its person lost their roles goes on counting", () => {
    const first = countApproval([requirement("two", { min_approvers: 2 })], ann, own(ann, "two"));
    const again = countApproval(first, { ...ann, roles: [] }, own(ann, "two"));
    expect(again[0]?.approved_by).toEqual(["ann"]);
  });
});

describe("required reviewers", () => {
  const named = requirement("named", { min_approvers: 1, required_reviewers: ["mara", "bob"] });

  test("must each approve, however many others did", () => {
    const others = [ann, dora, bob].reduce((now, person) => countApproval(now, person, own(person, "named")), [named]);
    expect(others[0]).toMatchObject({ approved_by: ["ann", "dora", "bob"], satisfied: false });
    expect(quorumReached(countApproval(others, mara, own(mara, "named")))).toBe(true);
  });

  test("need no role", () => {
    const after = countApproval([requirement("named", { required_reviewers: ["mara"] })], mara, own(mara, "named"));
    expect(after[0]).toMatchObject({ approved_by: ["mara"], satisfied: true });
  });

  test("alone do not make up for approvers that are missing", () => {
    const three = requirement("three", { min_approvers: 3, required_reviewers: ["mara", "bob"] });
    const after = [mara, bob].reduce((now, person) => countApproval(now, person, own(person, "three")), [three]);
    expect(quorumReached(after)).toBe(false);
  });

  test("are not replaced by an admin who answers in their stead, reviewer or not", () => {
    const seat = [requirement("named", { required_reviewers: ["mara"] })];
    const request = own(mara, "named");
    const asReviewer = countApproval(seat, { id: "root-admin", roles: ["admin", "reviewer"] }, request);
    expect(asReviewer[0]).toMatchObject({
      approved_by: ["root-admin"],
      required_reviewers: ["mara"],
      satisfied: false,
    });
    const asAdmin = countApproval(seat, { id: "root-admin", roles: ["admin"] }, request);
    expect(asAdmin).toEqual(asReviewer);
  });

  test("whose policy asks for a role do not let an admin count without it", () => {
    const seat = [requirement("named", { required_roles: ["dba"], required_reviewers: ["mara"] })];
    const counted = (...roles: string[]) => countApproval(seat, { id: "adm", roles }, own(mara, "named"));
    expect(counted("admin", "reviewer")).toEqual(seat);
    expect(counted("dba")).toEqual(seat);
    expect(counted("admin", "dba")[0]).toMatchObject({ approved_by: ["adm"], satisfied: false });
  });

  test("are not replaced by an admin who answers the request of their delegate", () => {
    const seat = [requirement("named", { required_reviewers: ["mara"] })];
    const after = countApproval(
      seat,
      { id: "adm", roles: ["admin", "reviewer"] },
      {
        reviewer_id: "bob",
        on_behalf_of: "mara",
        policy_ids: ["named"],
      },
    );
    expect(quorumReached(after)).toBe(false);
  });
});

describe("a delegated or escalated request", () => {
  test("carries the eligibility of the request it came from, for the policies that it serves and no others", () => {
    const requirements = [
      requirement("data", { required_roles: ["dba"] }),
      requirement("sec", { required_roles: ["security"] }),
    ];
    const after = countApproval(requirements, mara, { ...own(mara, "data"), on_behalf_of: "dora" });
    expect(after.map(({ approved_by }) => approved_by)).toEqual([["mara"], []]);
  });

  test("fills the part of the required reviewer for whom it stands, and of no other", () => {
    const requirements = [
      requirement("a", { min_approvers: 2, required_reviewers: ["bob", "dora"] }),
      requirement("b", { required_reviewers: ["bob"] }),
    ];
    const byMara = countApproval(requirements, mara, { ...own(mara, "a"), on_behalf_of: "bob" });
    expect(byMara[0]).toMatchObject({ required_reviewers: ["mara", "dora"], satisfied: false });
    expect(byMara[1]).toEqual(requirements[1]);
    const byBoth = countApproval(byMara, dora, own(dora, "a"));
    expect(byBoth.map(({ satisfied }) => satisfied)).toEqual([true, false]);
  });

  test("leaves a seat alone for which it was not asked, though its holder counts there by role", () => {
    const requirements = [requirement("a"), requirement("b", { required_reviewers: ["bob"] })];
    const after = countApproval(requirements, ann, { ...own(ann, "a"), on_behalf_of: "bob" });
    expect(after[1]).toMatchObject({ approved_by: ["ann"], required_reviewers: ["bob"], satisfied: false });
  });

  test("makes its holder one person, also when they are required themselves", () => {
    const both = requirement("a", { min_approvers: 2, required_reviewers: ["bob", "mara"] });
    const first = countApproval([both], mara, own(mara, "a"));
    const second = countApproval(first, mara, { ...own(mara, "a"), on_behalf_of: "bob" });
    expect(second[0]).toMatchObject({ approved_by: ["mara"], required_reviewers: ["mara"], satisfied: false });
    expect(quorumReached(countApproval(second, ann, own(ann, "a")))).toBe(true);
  });
});

describe("the numbers that inform", () => {
  test("are 1 and 0 before submit, when there is no requirement, and that is no quorum", () => {
    expect(requiredApprovals([])).toBe(1);
    expect(currentApprovals([])).toBe(0);
    expect(quorumReached([])).toBe(false);
  });

  test("are the largest min_approvers and the distinct approvers over all requirements", () => {
    const requirements = [
      requirement("a", { min_approvers: 3, approved_by: ["ann", "bob"] }),
      requirement("b", { min_approvers: 2, approved_by: ["bob", "dora"] }),
    ];
    expect(requiredApprovals(requirements)).toBe(3);
    expect(currentApprovals(requirements)).toBe(3);
  });
});

describe("whatever the order of events", () => {
  const ids = ["ann", "bob", "cid", "dora", "eve", "root", "bot"];
  const id = fc.constantFrom(...ids);
  const role: fc.Arbitrary<string> = fc.constantFrom("reviewer", "admin", "author", "dba", "security");
  const requirementOf = fc
    .record({
      min_approvers: fc.integer({ min: 1, max: 3 }),
      required_roles: fc.uniqueArray(fc.constantFrom("dba", "security"), { maxLength: 2 }),
      required_reviewers: fc.uniqueArray(id, { maxLength: 2 }),
    })
    .chain((given) => fc.constantFrom("a", "b", "c").map((name) => requirement(name, given)));
  const requirements = fc.uniqueArray(requirementOf, { minLength: 1, maxLength: 3, selector: (r) => r.policy_id });
  const attempt = fc.record({
    who: fc.record({ id, roles: fc.uniqueArray(role, { maxLength: 5 }), kind: fc.constant("user" as const) }),
    request: fc.record({
      reviewer_id: id,
      policy_ids: fc.uniqueArray(fc.constantFrom("a", "b", "c"), { minLength: 1 }),
    }),
  });
  const attempts = fc.array(attempt, { maxLength: 12 });

  /** The requirements after everybody tried to approve, with those who were let through. */
  function afterAttempts(
    start: ReturnType<typeof requirement>[],
    tries: { who: Person & { kind: "user" | "agent" }; request: AnsweredRequest }[],
    authors: string[],
  ) {
    return tries.reduce((now, { who, request }) => {
      const verdict = mayDecide({ who, action: "approve", request, authors, requirements: now });
      return verdict.ok ? countApproval(now, who, request) : now;
    }, start);
  }

  test("authors, root, agents and the unqualified never appear among the approvers", () => {
    fc.assert(
      fc.property(requirements, attempts, fc.subarray(ids), (start, tries, authors) => {
        for (const { policy_id, approved_by } of afterAttempts(start, tries, authors)) {
          expect(approved_by).not.toContain("root");
          for (const approver of approved_by) {
            expect(authors).not.toContain(approver);
            const demand = start.find((one) => one.policy_id === policy_id);
            const couldCount = tries.some(({ who, request }) => {
              if (who.id !== approver) return false;
              if (demand?.required_reviewers.includes(approver) && request.reviewer_id === approver) return true;
              const standsIn = who.roles.includes("admin") && request.reviewer_id !== approver;
              const holdsRole =
                demand?.required_roles.length === 0 || demand?.required_roles.some((name) => who.roles.includes(name));
              return holdsRole && (who.roles.includes("reviewer") || standsIn);
            });
            expect(couldCount).toBe(true);
          }
        }
      }),
    );
  });

  test("no sequence of approvals by authors alone, or by agents alone, satisfies a requirement", () => {
    fc.assert(
      fc.property(requirements, attempts, (start, tries) => {
        expect(afterAttempts(start, tries, ids)).toEqual(start);
        const agents = tries.map(({ who, request }) => ({ who: { ...who, kind: "agent" as const }, request }));
        expect(afterAttempts(start, agents, [])).toEqual(start);
      }),
    );
  });

  test("satisfied means min_approvers distinct people with every required reviewer among them, and stays so", () => {
    fc.assert(
      fc.property(requirements, attempts, (start, tries) => {
        tries.reduce((now, { who, request }) => {
          const next = countApproval(now, who, request);
          next.forEach((one, index) => {
            expect(one.satisfied).toBe(
              new Set(one.approved_by).size >= one.min_approvers &&
                one.required_reviewers.every((name) => one.approved_by.includes(name)),
            );
            expect(new Set(one.approved_by).size).toBe(one.approved_by.length);
            if (now[index]?.satisfied) expect(one.satisfied).toBe(true);
          });
          return next;
        }, start);
      }),
    );
  });

  test("repeating every approval changes nothing, on behalf of others included", () => {
    const standIn = fc.option(id, { nil: undefined });
    fc.assert(
      fc.property(requirements, attempts, standIn, (start, tries, owner) => {
        const all = (from: typeof start) =>
          tries.reduce(
            (now, { who, request }) =>
              countApproval(now, who, owner === undefined ? request : { ...request, on_behalf_of: owner }),
            from,
          );
        const once = all(start);
        expect(all(once)).toEqual(once);
      }),
    );
  });
});
