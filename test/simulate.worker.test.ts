/** What would be, what is filed again, and the workspace at a glance: simulate, dry runs, resubmit and stats. */
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { AuditRow } from "../src/audit/contract.ts";
import { TaskActor } from "../src/tasks/actor.ts";
import type { Simulation } from "../src/tasks/simulate.ts";
import type { DryRun, Task } from "../src/tasks/task-contract.ts";
import type { Answer } from "./support/api.ts";
import {
  approve,
  eventually,
  filed,
  ok,
  orders,
  type Person,
  pass,
  refusal,
  requestOf,
  Stage,
  stopClock,
  WEB,
  web,
} from "./support/stage.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

interface Stats {
  readonly tasks: { readonly by_state: Record<string, number>; readonly failure_rate: number };
  readonly approvals: { readonly pending: number; readonly median_seconds: number };
  readonly locks: { readonly held: number; readonly queued: number };
  readonly agents: { readonly online: number; readonly stale: number; readonly offline: number };
  readonly audit: { readonly rows: number; readonly unshipped?: number };
}

function simulated(
  caller: Person,
  author: string,
  config: object = {},
  more: object = {},
): Promise<Answer<Simulation>> {
  return caller.post<Simulation>("/tasks/simulate", { ...filed(author, { ...config }), ...more });
}

/** The rows of a workspace in every table that could have taken something. */
async function rowsOf({ workspace }: Stage): Promise<unknown> {
  const tables = ["tasks", "approvals", "executions", "locks", "catalogue", "policies", "audit_log"];
  const counts = await env.DB.batch<{ n: number }>(
    tables.map((table) => env.DB.prepare(`SELECT count(*) AS n FROM ${table} WHERE workspace = ?1`).bind(workspace)),
  );
  return Object.fromEntries(tables.map((table, at) => [table, counts[at]?.results[0]?.n]));
}

const LENIENT = { name: "Lenient", auto_approve_if: { risk_below: 101, author_has_role: ["author"] } };

describe("POST /tasks/simulate", () => {
  it("tells preview, risk, and who would be asked by what; and stores nothing", async () => {
    const stage = new Stage();
    const { alice } = await stage.cast();
    const before = await rowsOf(stage);
    const outlook = ok<Simulation>(await simulated(alice, "alice"));
    expect(outlook).toMatchObject({
      preview: { valid: true, changes: [{ resource: { key: WEB }, before: {}, after: { checkout: "new" } }] },
      risk: { level: "MEDIUM", auto_approvable: false },
      requirements: [{ policy_id: "builtin", min_approvers: 1, approved_by: [], satisfied: false }],
      reviewers: [
        { id: "bob", name: "bob", policy_ids: ["builtin"], via: [] },
        { id: "carol", name: "carol", policy_ids: ["builtin"], via: [] },
      ],
      required_approvals: 1,
      auto_approvable: false,
      reasons: ["no policy matched"],
    });
    ok(await alice.post("/tasks", { ...filed("alice"), dry_run: true }));
    ok(await simulated(alice, "alice", {}, { policies: [{ ...LENIENT, id: "lenient" }] }));
    await stage.expectVerified();
    expect(await rowsOf(stage)).toEqual(before);
    expect(ok<{ tasks: unknown[] }>(await stage.root.get("/tasks")).tasks).toEqual([]);
    expect(ok<{ approvals: unknown[] }>(await stage.root.get("/approvals?reviewer_id=bob")).approvals).toEqual([]);
    expect((await stage.root.get("/policies/lenient")).status).toBe(404);
  });

  it("is for authors, reviewers and admins, about any author", async () => {
    const stage = new Stage();
    const { alice, bob, robo } = await stage.cast();
    const guest = await stage.user("guest");
    for (const caller of [bob, { ...stage.root, id: "root", token: "", token_id: "" }]) {
      expect(ok<Simulation>(await simulated(caller, "alice"))).toEqual(ok(await simulated(alice, "alice")));
    }
    expect(ok<Simulation>(await simulated(alice, "bob")).reviewers.map(({ id }) => id)).toEqual(["carol"]);
    for (const caller of [guest, robo]) expect(refusal(await simulated(caller, "alice"))).toEqual([403, "FORBIDDEN"]);
  });

  it("tries policies instead of the stored ones, with the reasons for or against auto-approval", async () => {
    const stage = new Stage();
    const { alice, bob } = await stage.cast();
    ok(await stage.root.post("/policies", { id: "strict", name: "Strict", min_approvers: 2 }), 201);
    const stored = ok<Simulation>(await simulated(alice, "alice"));
    expect(stored).toMatchObject({
      requirements: [{ policy_id: "strict", min_approvers: 2 }],
      required_approvals: 2,
      reasons: ["policy strict: has no auto-approval"],
    });
    const none = ok<Simulation>(await simulated(alice, "alice", {}, { policies: [] }));
    expect(none).toMatchObject({ requirements: [{ policy_id: "builtin" }], required_approvals: 1 });
    const off = ok<Simulation>(await simulated(alice, "alice", {}, { policies: [{ ...LENIENT, enabled: false }] }));
    expect(off).toEqual(none);

    const auto = ok<Simulation>(await simulated(alice, "alice", {}, { policies: [LENIENT] }));
    expect(auto).toMatchObject({ requirements: [], reviewers: [], required_approvals: 0, auto_approvable: true });
    expect(auto.reasons).toEqual([
      expect.stringMatching(/^policy trial-1: risk [0-9]+ is below 101$/),
      "policy trial-1: author has role author",
    ]);
    expect(auto.risk.auto_approvable).toBe(true);
    // The author's roles count, not those of whoever asks.
    expect(ok<Simulation>(await simulated(bob, "alice", {}, { policies: [LENIENT] }))).toEqual(auto);
    const own = ok<Simulation>(await simulated(bob, "bob", {}, { policies: [LENIENT] }));
    expect(own).toMatchObject({ auto_approvable: false, required_approvals: 1 });
    expect(own.reasons).toEqual(["policy trial-1: author has none of the roles author"]);

    const named = [{ name: "A" }, { name: "B", id: "trial-1", min_approvers: 2 }];
    const both = ok<Simulation>(await simulated(alice, "alice", {}, { policies: named }));
    expect(new Set(both.requirements.map(({ policy_id }) => policy_id)).size).toBe(2);
    expect(both.required_approvals).toBe(2);
  });

  it("asks whom it is told to, and says who may not be asked", async () => {
    const stage = new Stage();
    const { alice } = await stage.cast();
    for (let n = 0; n < 10; n += 1) await stage.user(`a${n}`, "reviewer");
    const plain = ok<Simulation>(await simulated(alice, "alice"));
    expect(plain.reviewers.map(({ id }) => id)).toEqual(Array.from({ length: 10 }, (_, n) => `a${n}`));
    const asked = ok<Simulation>(await simulated(alice, "alice", {}, { requested_reviewers: ["carol"] }));
    expect(asked.reviewers.map(({ id }) => id)).toContain("carol");
    for (const id of ["alice", "robo", "nobody"]) {
      const refused = await simulated(alice, "alice", {}, { requested_reviewers: [id] });
      expect(refusal(refused), id).toEqual([422, "REVIEWER_NOT_ELIGIBLE"]);
    }
  });

  it("says why nobody could decide, instead of failing", async () => {
    const stage = new Stage();
    const alice = await stage.user("alice", "author");
    const alone = ok<Simulation>(await simulated(alice, "alice"));
    expect(alone).toMatchObject({ reviewers: [], auto_approvable: false });
    expect(alone.reasons.join(" ")).toContain("cannot be met");
    await stage.user("bob", "reviewer");
    const policies = [{ id: "boss", name: "Boss", required_reviewers: ["ghost"] }];
    const ghost = ok<Simulation>(await simulated(alice, "alice", {}, { policies }));
    expect(ghost.reasons.join(" ")).toContain("ghost");
  });

  it("shows what is wrong with a change as its preview does", async () => {
    const stage = new Stage();
    const { alice } = await stage.cast();
    const parameters = { "service:prod/typo": { a: 1 }, [WEB]: { password: "hunter2" } };
    const { preview } = ok<Simulation>(await simulated(alice, "alice", { parameters }));
    expect([preview.valid, preview.errors.length]).toEqual([false, 2]);
    expect(refusal(await simulated(alice, "alice", { resources: [] }))).toEqual([400, "VALIDATION_ERROR"]);
    const local = { executor: { kind: "webhook", url: "https://localhost/" } };
    expect(refusal(await simulated(alice, "alice", local))).toEqual([400, "VALIDATION_ERROR"]);
  });

  it.each<[string, object, object | undefined]>([
    ["a MEDIUM change", {}, undefined],
    ["a HIGH change", { resources: [orders] }, undefined],
    ["a policy", {}, { id: "two", name: "Two", min_approvers: 2 }],
    ["auto-approval", {}, { ...LENIENT, id: "lenient" }],
    ["a policy that nobody can meet", {}, { id: "dba", name: "DBA", required_roles: ["dba"] }],
  ])("agrees with a dry run, and with what a submit comes to: %s", async (_, config, policy) => {
    const stage = new Stage();
    const { alice } = await stage.cast();
    if (policy !== undefined) ok(await stage.root.post("/policies", policy), 201);
    const outlook = ok<Simulation>(await simulated(alice, "alice", config));
    const dry = ok<DryRun>(await alice.post<DryRun>("/tasks", { ...filed("alice", { ...config }), dry_run: true }));
    const { preview, risk, requirements, required_approvals, reasons } = outlook;
    expect(dry).toMatchObject({ state: "DRAFT", preview, risk, requirements, required_approvals, reasons });
    const ids = outlook.reviewers.map(({ id, policy_ids }) => ({ id, policy_ids }));
    expect(dry.reviewers.map(({ id, policy_ids }) => ({ id, policy_ids }))).toEqual(ids);
    expect((await alice.get(`/tasks/${dry.id}`)).status).toBe(404);

    const { id } = await stage.draft(alice, { ...config });
    const answer = await alice.post<Task>(`/tasks/${id}/submit`);
    if (outlook.auto_approvable || ids.length > 0) {
      const submitted = ok<Task>(answer, 202);
      expect(submitted).toMatchObject({ preview, risk, requirements, required_approvals });
      expect(submitted.state).toBe(outlook.auto_approvable ? "APPROVED" : "REVIEWING");
      const asked = submitted.approval_requests.map(({ reviewer_id }) => reviewer_id);
      expect(asked.sort()).toEqual(ids.map((one) => one.id).sort());
    } else expect(refusal(answer)).toEqual([409, "NOT_ENOUGH_REVIEWERS"]);
  });
});

describe("POST /tasks/:id/resubmit", () => {
  async function rejected(stage: Stage, alice: Person, bob: Person): Promise<Task> {
    const task = await stage.submitted(alice, { parameters: { checkout: "newest" } });
    const no = { action: "reject", reason: "not on a Friday" };
    ok(await bob.post(`/approvals/${requestOf(bob, task).id}/respond`, no));
    return stage.task(task.id);
  }

  async function chain(stage: Stage, id: string): Promise<readonly AuditRow[]> {
    return ok<{ entries: AuditRow[] }>(await stage.root.get(`/tasks/${id}/audit`)).entries;
  }

  /** The drafts that a task says it was filed again as. */
  async function noted(stage: Stage, id: string): Promise<unknown[]> {
    const entries = await chain(stage, id);
    return entries.flatMap(({ action, details }) => (action === "task.resubmitted" ? [details?.task_id] : []));
  }

  it("files a rejected change again as a draft of its own; the old one notes it and stays rejected", async () => {
    const stage = new Stage();
    const { alice, bob } = await stage.cast();
    const old = await rejected(stage, alice, bob);
    const draft = ok<Task>(await alice.post<Task>(`/tasks/${old.id}/resubmit`), 201);
    expect(draft.id).not.toBe(old.id);
    expect(draft).toMatchObject({
      state: "DRAFT",
      revision: 1,
      config: old.config,
      resubmitted_from: old.id,
      requirements: [],
      approval_requests: [],
      approvals: [],
      comments: [],
    });
    expect(draft.metadata).not.toHaveProperty("submitted_at");
    expect(await stage.task(draft.id)).toEqual(draft);
    expect((await chain(stage, draft.id)).map(({ action, seq }) => [action, seq])).toEqual([["task.created", 1]]);
    expect(await noted(stage, old.id)).toEqual([draft.id]);
    expect(await stage.task(old.id)).toEqual(old);
    const submitted = ok<Task>(await alice.post<Task>(`/tasks/${draft.id}/submit`), 202);
    ok(await approve(bob, submitted));
    expect(await stage.task(draft.id)).toMatchObject({ state: "APPROVED", resubmitted_from: old.id });
    await stage.expectVerified(`task:${old.id}`, `task:${draft.id}`);
  });

  it("may be done again, and by an admin in the author's name, who then may not decide on it", async () => {
    const stage = new Stage();
    const { alice, bob } = await stage.cast();
    const boss = await stage.user("boss", "admin", "reviewer");
    const old = await rejected(stage, alice, bob);
    const first = ok<Task>(await alice.post<Task>(`/tasks/${old.id}/resubmit`), 201);
    const second = ok<Task>(await boss.post<Task>(`/tasks/${old.id}/resubmit`), 201);
    expect(second.metadata).toMatchObject({ author_id: "alice" });
    expect(await noted(stage, old.id)).toEqual([first.id, second.id]);
    const { approval_requests } = ok<Task>(await alice.post<Task>(`/tasks/${second.id}/submit`), 202);
    expect(approval_requests.map(({ reviewer_id }) => reviewer_id)).toEqual(["bob", "carol"]);
  });

  it("is for what was rejected only, and not for strangers", async () => {
    const stage = new Stage();
    const { alice, bob, robo } = await stage.cast();
    const mallory = await stage.user("mallory", "author");
    const old = await rejected(stage, alice, bob);
    for (const stranger of [mallory, bob, robo]) {
      expect(refusal(await stranger.post(`/tasks/${old.id}/resubmit`))).toEqual([403, "FORBIDDEN"]);
    }
    expect(await noted(stage, old.id)).toEqual([]);
    const draft = await stage.draft(alice);
    const reviewing = await stage.submitted(alice);
    const cancelled = await stage.submitted(alice);
    ok(await alice.post(`/tasks/${cancelled.id}/cancel`));
    const approved = await stage.approved(alice, [bob]);
    for (const { id } of [draft, reviewing, cancelled, approved]) {
      expect(refusal(await alice.post(`/tasks/${id}/resubmit`))).toEqual([409, "INVALID_STATE"]);
    }
    expect(refusal(await alice.post(`/tasks/${crypto.randomUUID()}/resubmit`))).toEqual([404, "TASK_NOT_FOUND"]);
    expect(refusal(await alice.post(`/tasks/${old.id}/resubmit`, { dry_run: true }))).toEqual([
      400,
      "VALIDATION_ERROR",
    ]);
  });

  it("under an Idempotency-Key makes one draft of each task, however often and fast it is sent, and notes it once", async () => {
    const stage = new Stage();
    const { alice, bob } = await stage.cast();
    const [old, other] = [await rejected(stage, alice, bob), await rejected(stage, alice, bob)];
    const key = { "Idempotency-Key": "again" };
    const elsewhere = await stage.draft(alice, {}, key);
    const send = (id: string) => alice.post<Task>(`/tasks/${id}/resubmit`, {}, key);
    const answers = await Promise.all([send(old.id), send(old.id), send(old.id)]);
    const last = await send(old.id);
    expect(last.headers.get("Idempotency-Replayed")).toBe("true");
    for (const answer of answers) expect(ok<Task>(answer, 201)).toEqual(ok<Task>(last, 201));
    expect(await noted(stage, old.id)).toEqual([last.body.id]);
    const third = ok<Task>(await send(other.id), 201);
    expect(new Set([elsewhere.id, last.body.id, third.id]).size).toBe(3);
    expect(third.resubmitted_from).toBe(other.id);
  });

  it("whose note was lost writes it when the request is repeated", async () => {
    const stage = new Stage();
    const { alice, bob } = await stage.cast();
    const old = await rejected(stage, alice, bob);
    const key = { "Idempotency-Key": "again" };
    const busy = Object.assign(new Error("busy, for a test"), { overloaded: true });
    vi.spyOn(TaskActor.prototype, "noteResubmitted").mockRejectedValueOnce(busy);
    expect(refusal(await alice.post(`/tasks/${old.id}/resubmit`, {}, key))).toEqual([503, "UNAVAILABLE"]);
    expect(await noted(stage, old.id)).toEqual([]);
    const draft = ok<Task>(await alice.post<Task>(`/tasks/${old.id}/resubmit`, {}, key), 201);
    expect(await noted(stage, old.id)).toEqual([draft.id]);
  });
});

describe("GET /stats", () => {
  const nothing = {
    DRAFT: 0,
    SUBMITTED: 0,
    REVIEWING: 0,
    APPROVED: 0,
    APPLYING: 0,
    COMPLETED: 0,
    REJECTED: 0,
    CANCELLED: 0,
  };

  it("of a workspace without anything is all zero", async () => {
    const stats = ok<Stats>(await new Stage().root.get("/stats"));
    expect(stats).toEqual({
      tasks: { by_state: nothing, failure_rate: 0 },
      approvals: { pending: 0, median_seconds: 0 },
      locks: { held: 0, queued: 0 },
      agents: { online: 0, stale: 0, offline: 0 },
      audit: { rows: 0, unshipped: 0, lag_ms: 0 },
      effects: { parked: 0 },
      sockets: 0,
    });
  });

  it("counts what a small workspace holds, for everybody in it", async () => {
    stopClock();
    const stage = new Stage();
    const { alice, bob, carol, robo } = await stage.cast();
    const [other, stale] = [await stage.agent("other"), await stage.agent("stale")];
    ok(await stale.post("/agents/stale/heartbeat", {}));
    pass(45_000);

    await stage.draft(alice);
    const results = ["success", "failure", "cancelled"];
    const tasks = [];
    for (const n of results.keys()) tasks.push(await stage.submitted(alice, { resources: [{ ...web, id: `s${n}` }] }));
    for (const [n, task] of tasks.entries()) {
      pass(n * 10_000);
      ok(await approve(bob, task));
    }
    const no = await stage.submitted(alice);
    pass(1_500);
    ok(await carol.post(`/approvals/${requestOf(carol, no).id}/respond`, { action: "reject", reason: "no" }));
    await stage.submitted(alice, { resources: [{ ...web, id: "pending" }] });
    for (const [n, task] of tasks.entries()) {
      await stage.apply(robo, task.id);
      ok(await robo.post(`/tasks/${task.id}/complete`, { result: results[n] }));
    }
    const wanted = { resource_type: "resource", resource_id: WEB };
    ok(await robo.post("/locks/acquire", wanted), 201);
    ok(await other.post("/locks/acquire", wanted), 202);
    ok(await robo.post("/agents/robo/heartbeat", {}));

    await stage.ring("agent:stale");

    const stats = await eventually(async () => {
      const seen = ok<Stats>(await stage.root.get("/stats"));
      expect(seen.agents.online).toBe(1);
      expect(seen).toMatchObject({
        tasks: { by_state: { ...nothing, DRAFT: 1, REVIEWING: 1, COMPLETED: 3, REJECTED: 1 }, failure_rate: 1 / 3 },
        locks: { held: 1, queued: 1 },
        audit: { unshipped: 0 },
      });
      return seen;
    });
    // Decided after 0, 10 and 30 seconds, and after 1.5.
    expect(stats.approvals).toEqual({ pending: 2, median_seconds: 5.75 });
    expect(stats.agents).toEqual({ online: 1, stale: 1, offline: 1 });
    const { audit_log } = (await rowsOf(stage)) as { audit_log: number };
    expect(stats.audit.rows).toBe(audit_log);
    expect(audit_log).toBeGreaterThan(30);
    for (const reader of [alice, robo]) expect(ok<Stats>(await reader.get("/stats"))).toEqual(stats);
    expect(ok<Stats>(await new Stage().root.get("/stats")).tasks.by_state).toEqual(nothing);
  });
});
