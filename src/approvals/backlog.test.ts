import { describe, expect, it } from "vitest";
import { assess, type Facts } from "../tasks/assess.ts";
import { change, draft, minter, reviewer, T0, world } from "../tasks/task.fixture.ts";
import { autoApproval } from "./auto-approval.ts";
import { isBacklogged, liftedByBacklog, raised } from "./backlog.ts";
import { policy } from "./policy.fixture.ts";
import { openRequests } from "./requests.ts";

const busy = (id: string, ...roles: string[]) => ({ ...reviewer(id, ...roles), pending: 101 });
const lift = policy("lift", { auto_approve_on_backlog: true });
const subject = { level: "LOW", reviewers: [busy("ann"), busy("bob")], authorId: "alice", limit: 100 } as const;

describe("a backlog is more than APPROVAL_BACKLOG pending in an inbox", () => {
  it("not as many as that", () => {
    expect([100, 101].map((pending) => isBacklogged({ pending }, 100))).toEqual([false, true]);
  });

  it("raises the priority of new requests there one step, URGENT stays", () => {
    expect((["LOW", "NORMAL", "HIGH", "URGENT"] as const).map(raised)).toEqual(["NORMAL", "HIGH", "URGENT", "URGENT"]);
    const asked = [busy("ann"), reviewer("bob")].map((one) => ({
      reviewer: one,
      policy_ids: ["p"],
      timeout_seconds: 60,
    }));
    const opened = openRequests(draft(), asked, minter(), T0, 100);
    expect(opened.requests.map(({ priority }) => priority)).toEqual(["URGENT", "HIGH"]);
    expect(opened.happenings.map(({ details }) => details?.priority)).toEqual(["URGENT", "HIGH"]);
  });
});

describe("a backlog lifts the demand of a policy", () => {
  it("that says auto_approve_on_backlog, at LOW risk, if everybody who could be asked has one", () => {
    expect(liftedByBacklog([lift, policy("strict")], subject)).toEqual(["lift"]);
  });

  it.each<[string, Partial<Parameters<typeof liftedByBacklog>[1]>]>([
    ["the risk is MEDIUM", { level: "MEDIUM" }],
    ["somebody has time", { reviewers: [busy("ann"), reviewer("bob")] }],
    ["there is nobody at all to ask", { reviewers: [] }],
    ["the limit is none", { limit: Number.NaN }],
  ])("not if %s", (_, given) => {
    expect(liftedByBacklog([lift], { ...subject, ...given })).toEqual([]);
  });

  it("whatever time those have who could not decide: the author, other roles", () => {
    const dba = policy("dba", { auto_approve_on_backlog: true, required_roles: ["dba"] });
    const reviewers = [busy("ann", "dba"), reviewer("bob"), reviewer("alice", "dba")];
    expect(liftedByBacklog([dba], { ...subject, reviewers })).toEqual(["dba"]);
  });

  it("and nobody else's: every other matching policy has to approve by itself", () => {
    const asks = { score: 5, author_roles: [], resources: [], lifted: ["lift"] };
    expect(autoApproval([lift], asks)).toMatchObject({
      approvable: true,
      reasons: [expect.stringContaining("backlog")],
    });
    expect(autoApproval([lift, policy("strict")], asks).approvable).toBe(false);
    expect(autoApproval([lift, policy("own", { auto_approve_if: { risk_below: 9 } })], asks).approvable).toBe(true);
    expect(autoApproval([lift], { ...asks, lifted: [] }).approvable).toBe(false);
  });

  it("as the task is assessed", () => {
    const low = change({
      resources: [{ type: "configuration", id: "x", scope: "instance", actions: ["read"] }],
      parameters: {},
    });
    const facts = (given: Partial<Facts>) => world({ policies: [lift], reviewers: [busy("ann")], ...given });
    expect(assess(low, facts({}), T0)).toMatchObject({ risk: { level: "LOW", auto_approvable: true } });
    expect(assess(low, facts({ backlog_limit: 101 }), T0).risk.auto_approvable).toBe(false);
    expect(assess(change(), facts({}), T0).risk.auto_approvable).toBe(false);
  });
});
