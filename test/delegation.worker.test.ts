/** Delegation from end to end: policies over HTTP, whom they make the tasks ask, and reviewers who hand on or ask for more. */
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { ApprovalRequest } from "../src/approvals/contract.ts";
import type { DelegationPolicy } from "../src/approvals/delegation-contract.ts";
import type { AuditRow } from "../src/audit/contract.ts";
import type { Simulation } from "../src/tasks/simulate.ts";
import type { DryRun, Task } from "../src/tasks/task-contract.ts";
import {
  approve,
  as,
  detailsOf,
  eventually,
  filed,
  ok,
  orders,
  type Person,
  pass,
  refusal,
  requestOf,
  START,
  Stage,
  stopClock,
} from "./support/stage.ts";

afterEach(() => {
  vi.useRealTimers();
});

async function delegates(who: Person, given: object): Promise<DelegationPolicy> {
  return ok(await who.post<DelegationPolicy>("/approvals/policies", given), 201);
}

async function policiesOf(who: Person | Stage["root"], query = ""): Promise<DelegationPolicy[]> {
  return ok<{ policies: DelegationPolicy[] }>(await who.get(`/approvals/policies${query}`)).policies;
}

function open(task: Task): (string | undefined)[][] {
  return task.approval_requests
    .filter(({ status }) => status === "PENDING")
    .map(({ reviewer_id, on_behalf_of }) => [reviewer_id, on_behalf_of]);
}

describe("delegation policies over HTTP", () => {
  it("are the caller's own: made, listed oldest first, changed, deleted, each time in the trail", async () => {
    const stage = new Stage();
    const { bob } = await stage.cast();
    const all = await delegates(bob, { id: "all", delegate_to: "carol" });
    expect(all).toMatchObject({ owner_id: "bob", mode: "reassign", conditions: {}, cascade: true, active: true });
    const some = await delegates(bob, { delegate_to: "alice", mode: "follow", conditions: { tags: ["q4"] } });
    expect(some.id).toMatch(/^policy-[a-z2-7]{10}$/);
    expect(await policiesOf(bob)).toEqual([all, some]);
    const changed = ok<DelegationPolicy>(
      await bob.patch("/approvals/policies/all", {
        conditions: { risk_above: 50 },
        expires_at: "2099-01-01T00:00:00Z",
      }),
    );
    expect(changed).toMatchObject({ conditions: { risk_above: 50 }, expires_at: "2099-01-01T00:00:00.000Z" });
    ok(await bob.delete("/approvals/policies/all"), 204);
    expect(await policiesOf(bob)).toEqual([some]);
    expect(refusal(await bob.delete("/approvals/policies/all"))).toEqual([404, "POLICY_NOT_FOUND"]);
    await stage.expectVerified("config");
    const trail = ok<{ entries: AuditRow[] }>(
      await stage.root.get("/audit?subject_type=delegation&subject_id=all&sort_order=asc"),
    );
    expect(trail.entries.map(({ action, who }) => [action, who.id])).toEqual([
      ["policy.created", "bob"],
      ["policy.updated", "bob"],
      ["policy.deleted", "bob"],
    ]);
  });

  it("of somebody else are for admins: 403, and 404 where there is none", async () => {
    const stage = new Stage();
    const [{ bob, carol, robo }, ada] = await Promise.all([stage.cast(), stage.user("ada", "admin")]);
    const { id } = await delegates(ada, { owner_id: "bob", delegate_to: "carol" });
    expect((await policiesOf(bob)).map((one) => one.id)).toEqual([id]);
    expect((await policiesOf(ada, "?owner_id=bob")).map((one) => one.id)).toEqual([id]);
    for (const refused of [
      await carol.get("/approvals/policies?owner_id=bob"),
      await carol.post("/approvals/policies", { owner_id: "bob", delegate_to: "carol" }),
      await carol.patch(`/approvals/policies/${id}`, { active: false }),
      await carol.delete(`/approvals/policies/${id}`),
    ]) {
      expect(refusal(refused)).toEqual([403, "FORBIDDEN"]);
    }
    expect(refusal(await carol.patch("/approvals/policies/none", {}))).toEqual([404, "POLICY_NOT_FOUND"]);
    for (const nobody of [robo, stage.root]) {
      const answer = await nobody.post("/approvals/policies", { delegate_to: "carol" });
      expect([...refusal(answer), detailsOf(answer).field]).toEqual([400, "VALIDATION_ERROR", "owner_id"]);
    }
    // A token that was narrowed acts for its owner alone.
    const narrow = ok<{ token: string }>(
      await stage.root.post("/users/ada/tokens", { scopes: ["approvals:read", "approvals:write"] }),
      201,
    );
    const narrowed = as(narrow.token);
    expect(refusal(await narrowed.delete(`/approvals/policies/${id}`))).toEqual([403, "FORBIDDEN"]);
    ok(await stage.root.delete(`/approvals/policies/${id}`), 204);
  });

  it("that say something impossible are refused, and nothing is kept", async () => {
    const stage = new Stage();
    const { bob } = await stage.cast();
    for (const [field, given] of [
      ["delegate_to", {}],
      ["delegate_to", { delegate_to: "bob" }],
      ["delegate_to", { delegate_to: "nobody" }],
      ["delegate_to", { delegate_to: "robo" }],
      ["expires_at", { delegate_to: "carol", expires_at: "2001-01-01T00:00:00Z" }],
      ["conditions.tags", { delegate_to: "carol", conditions: { tags: [] } }],
      ["conditions.moon", { delegate_to: "carol", conditions: { moon: "full" } }],
    ] as const) {
      const answer = await bob.post("/approvals/policies", given);
      expect([...refusal(answer), detailsOf(answer).field], JSON.stringify(given)).toEqual([
        400,
        "VALIDATION_ERROR",
        field,
      ]);
    }
    expect(await policiesOf(bob)).toEqual([]);
    const { results } = await env.DB.prepare("SELECT id FROM delegations WHERE workspace = ?1")
      .bind(stage.workspace)
      .all();
    expect(results).toEqual([]);
  });
});

describe("a task whose reviewers delegate", () => {
  async function people() {
    const stage = new Stage();
    const [author, alice, bob, carol] = await Promise.all([
      stage.user("ann", "author"),
      stage.user("alice", "reviewer"),
      stage.user("bob"),
      stage.user("carol"),
    ]);
    await delegates(alice, { delegate_to: "bob", conditions: { task_types: ["infrastructure.*"], risk_above: 50 } });
    await delegates(bob, { delegate_to: "carol", conditions: { resource_patterns: ["prod-*"] } });
    const infra = (id: string, more: object = {}) => ({
      type: "infrastructure.scale",
      resources: [{ type: "infrastructure", id, scope: "cluster", actions: ["write"] }],
      ...more,
    });
    ok(await stage.root.post("/policies", { id: "infra", name: "Infra", min_approvers: 1 }), 201);
    return { stage, author, alice, bob, carol, infra };
  }

  it("Alice → Bob for infrastructure above 50, Bob → Carol for prod-*: only Carol is asked", async () => {
    const { stage, author, alice, bob, carol, infra } = await people();
    const config = infra("prod-eu");
    const simulated = ok<Simulation>(await author.post("/tasks/simulate", filed("ann", config)));
    const reviewers = [{ id: "carol", name: "carol", policy_ids: ["infra"], on_behalf_of: "alice", via: ["bob"] }];
    expect(simulated.reviewers).toEqual(reviewers);
    const dry = ok<DryRun>(await author.post("/tasks", { ...filed("ann", config), dry_run: true }));
    expect(dry.reviewers).toEqual(reviewers);

    const task = await stage.submitted(author, config);
    expect(task.risk?.score).toBeGreaterThan(50);
    expect(open(task)).toEqual([["carol", "alice"]]);
    expect(requestOf(alice, task)).toMatchObject({ status: "DELEGATED", delegated_to: "carol", via: ["bob"] });
    expect(task.approval_requests.some(({ reviewer_id }) => reviewer_id === "bob")).toBe(false);
    const inbox = async (who: Person, query = "") =>
      ok<{ approvals: ApprovalRequest[] }>(await who.get(`/approvals${query}`)).approvals;
    await eventually(async () => {
      expect((await inbox(carol)).map(({ task_id }) => task_id)).toEqual([task.id]);
      expect((await inbox(alice, "?status=DELEGATED")).map(({ task_id }) => task_id)).toEqual([task.id]);
    });
    expect([await inbox(alice), await inbox(bob)]).toEqual([[], []]);
    for (const [who, code] of [
      [alice, "APPROVAL_ALREADY_RESOLVED"],
      [bob, "FORBIDDEN"],
    ] as const) {
      const answer = await who.post(`/approvals/${requestOf(alice, task).id}/respond`, { action: "approve" });
      expect(refusal(answer)[1]).toBe(code);
    }
    expect((await approve(carol, task)).body).toMatchObject({ task_state: "APPROVED" });
    const done = await stage.task(task.id);
    expect(done.approvals).toMatchObject([{ reviewer_id: "carol", on_behalf_of: "alice" }]);
    const { entries } = ok<{ entries: AuditRow[] }>(await stage.root.get(`/tasks/${task.id}/audit`));
    expect(entries.find(({ action }) => action === "approval.reassigned")?.details).toMatchObject({
      from: "alice",
      to: "carol",
      via: ["bob"],
    });
    await stage.expectVerified(`task:${task.id}`);
  });

  it("asks whoever the conditions leave: Bob elsewhere, Alice for what is harmless", async () => {
    const { stage, author, infra } = await people();
    expect(open(await stage.submitted(author, infra("dev-eu")))).toEqual([["bob", "alice"]]);
    expect(open(await stage.submitted(author))).toEqual([["alice", undefined]]);
  });

  it("asks anew by the policies of the moment when it is edited, and they end by themselves", async () => {
    stopClock();
    const { stage, author, alice, infra } = await people();
    const [first] = await policiesOf(alice);
    ok(await alice.patch(`/approvals/policies/${first?.id}`, { expires_at: new Date(START + 60_000).toISOString() }));
    const task = await stage.submitted(author, infra("prod-eu"));
    expect(open(task)).toEqual([["carol", "alice"]]);
    const stale = task.approval_requests.find(({ status }) => status === "PENDING");
    pass(61_000);
    const edited = ok<Task>(await author.patch(`/tasks/${task.id}`, { config: { priority: 1 } }));
    expect(open(edited)).toEqual([["alice", undefined]]);
    expect(edited.approval_requests.find(({ id }) => id === stale?.id)?.status).toBe("SUPERSEDED");
  });

  it("skips authors and people who left, and says so in the trail", async () => {
    const { stage, author, alice, bob, infra } = await people();
    ok(await stage.root.patch("/users/carol", { active: false }));
    const task = await stage.submitted(author, infra("prod-eu"));
    expect(open(task)).toEqual([["bob", "alice"]]);
    const [toBob] = await policiesOf(alice);
    ok(await alice.patch(`/approvals/policies/${toBob?.id}`, { delegate_to: "ann" }));
    const again = ok<Task>(await author.patch(`/tasks/${task.id}`, { config: { priority: 2 } }));
    expect(open(again)).toEqual([["alice", undefined]]);
    const { entries } = ok<{ entries: AuditRow[] }>(await bob.get(`/tasks/${task.id}/audit`));
    expect(entries.flatMap(({ details }) => details?.skipped_delegations ?? [])).toMatchObject([
      { from: "bob", to: "carol", why: "is not an active user" },
      { from: "alice", to: "ann", why: "wrote, filed or edited this change" },
    ]);
  });

  it("is refused where two reviewers come down to one person, and a simulation shows what is asked for and why not", async () => {
    const stage = new Stage();
    const { alice, bob } = await stage.cast();
    await delegates(bob, { delegate_to: "carol" });
    const { id } = await stage.draft(alice, { resources: [orders] });
    const refused = await alice.post(`/tasks/${id}/submit`);
    expect(refusal(refused)).toEqual([409, "NOT_ENOUGH_REVIEWERS"]);
    expect(detailsOf(refused)).toMatchObject({ policy_id: "builtin", delegated: [{ from: "bob", to: "carol" }] });
    const outlook = ok<Simulation>(await alice.post("/tasks/simulate", filed("alice", { resources: [orders] })));
    expect(outlook).toMatchObject({ requirements: [{ policy_id: "builtin" }], reviewers: [], required_approvals: 2 });
    expect(outlook.reasons.join()).toContain("bob delegates to carol");
  });
});

describe("a reviewer", () => {
  it("delegates to somebody who is here and no author; the inboxes change hands", async () => {
    const stage = new Stage();
    const [{ alice, bob, carol }, dan] = await Promise.all([stage.cast(), stage.user("dan"), stage.user("gone")]);
    ok(await stage.root.patch("/users/gone", { active: false }));
    const task = await stage.submitted(alice, { resources: [orders] });
    const path = `/approvals/${requestOf(bob, task).id}/respond`;
    for (const delegate_to of ["alice", "gone", "nobody", "robo", "bob"]) {
      const answer = await bob.post(path, { action: "delegate", delegate_to });
      expect(refusal(answer), delegate_to).toEqual([422, "REVIEWER_NOT_ELIGIBLE"]);
    }
    expect(refusal(await bob.post(path, { action: "delegate", delegate_to: "carol" }))).toEqual([
      409,
      "QUORUM_IMPOSSIBLE",
    ]);
    expect(refusal(await bob.post(path, { action: "delegate" }))).toEqual([400, "VALIDATION_ERROR"]);
    expect(ok(await bob.post(path, { action: "delegate", delegate_to: "dan" }))).toEqual({
      success: true,
      approval_id: requestOf(bob, task).id,
      task_id: task.id,
      task_state: "REVIEWING",
    });
    expect(refusal(await bob.post(path, { action: "approve" }))).toEqual([409, "APPROVAL_ALREADY_RESOLVED"]);
    const passed = await stage.task(task.id);
    expect(open(passed)).toEqual([
      ["carol", undefined],
      ["dan", "bob"],
    ]);
    await eventually(async () => {
      const { approvals } = ok<{ approvals: ApprovalRequest[] }>(await dan.get("/approvals"));
      expect(approvals).toMatchObject([{ task_id: task.id, on_behalf_of: "bob" }]);
    });
    ok(await approve(dan, passed));
    expect((await approve(carol, passed)).body).toMatchObject({ task_state: "APPROVED" });
    await stage.expectVerified(`task:${task.id}`);
  });

  it("asks for more approvals with their own; they have to come", async () => {
    const stage = new Stage();
    const [{ alice, bob, carol }, sam] = await Promise.all([stage.cast(), stage.user("sam")]);
    const task = await stage.submitted(alice);
    const refused = await approve(bob, task, { require_additional_approvals: ["sam", "alice"] });
    expect(refusal(refused)).toEqual([422, "REVIEWER_NOT_ELIGIBLE"]);
    expect((await approve(bob, task, { require_additional_approvals: ["sam"] })).body).toMatchObject({
      task_state: "REVIEWING",
    });
    const asked = await stage.task(task.id);
    expect(asked.requirements).toMatchObject([
      { policy_id: "builtin", satisfied: true },
      { policy_id: "additional:sam", required_reviewers: ["sam"], satisfied: false },
    ]);
    expect((await approve(carol, asked)).body).toMatchObject({ task_state: "REVIEWING" });
    expect((await approve(sam, asked)).body).toMatchObject({ task_state: "APPROVED" });
  });

  it("who is required stays asked when an admin approves in their stead", async () => {
    const stage = new Stage();
    const [{ alice, bob }, ada] = await Promise.all([stage.cast(), stage.user("ada", "admin")]);
    ok(await stage.root.post("/policies", { id: "bob", name: "Bob", required_reviewers: ["bob"] }), 201);
    const task = await stage.submitted(alice);
    const path = `/approvals/${requestOf(bob, task).id}/respond`;
    expect(ok(await ada.post(path, { action: "approve" }))).toMatchObject({ task_state: "REVIEWING" });
    expect(refusal(await ada.post(path, { action: "approve" }))).toEqual([403, "FORBIDDEN"]);
    expect((await approve(bob, task)).body).toMatchObject({ task_state: "APPROVED" });
    const { approvals } = await stage.task(task.id);
    expect(approvals.map(({ reviewer_id }) => reviewer_id)).toEqual(["ada", "bob"]);
    expect(new Set(approvals.map(({ id }) => id)).size).toBe(2);
  });
});
