import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import type { ApprovalRequest } from "../src/approvals/contract.ts";
import type { Task } from "../src/tasks/task-contract.ts";
import {
  approve,
  detailsOf,
  eventually,
  filed,
  ok,
  orders,
  type Person,
  refusal,
  requestOf,
  Stage,
  WEB,
  web,
} from "./support/stage.ts";

interface Inbox {
  readonly approvals: (ApprovalRequest & { task: { id: string; description: string; risk_level: string } })[];
  readonly pagination: { page: number; limit: number; total: number; has_more: boolean; next_cursor?: string };
}

async function inboxOf(reviewer: Person, query = ""): Promise<Inbox> {
  return ok(await reviewer.get<Inbox>(`/approvals${query}`));
}

function respond(who: Person | Stage["root"], request: ApprovalRequest, body: object = { action: "approve" }) {
  return who.post(`/approvals/${request.id}/respond`, body);
}

describe("the inbox", () => {
  it("is URGENT, HIGH, NORMAL, LOW, then oldest, whatever the order of arrival", async () => {
    const stage = new Stage();
    const { alice, bob, carol } = await stage.cast();
    const low = { ...web, scope: "instance", actions: ["read"], type: "configuration" };
    const urgent = { type: "secret", id: "key", scope: "global", actions: ["write"] };
    const files: [string, object][] = [
      ["normal 1", web],
      ["low", low],
      ["high 1", orders],
      ["urgent", urgent],
      ["normal 2", web],
      ["high 2", orders],
    ];
    for (const [description, resource] of files) {
      await stage.submitted(alice, { description, resources: [resource], parameters: {} });
    }
    const inbox = await eventually(async () => {
      const page = await inboxOf(bob);
      expect(page.pagination.total).toBe(6);
      return page;
    });
    expect(inbox.approvals.map(({ priority, task }) => [priority, task.description])).toEqual([
      ["URGENT", "urgent"],
      ["HIGH", "high 1"],
      ["HIGH", "high 2"],
      ["NORMAL", "normal 1"],
      ["NORMAL", "normal 2"],
      ["LOW", "low"],
    ]);
    const first = await inboxOf(bob, "?limit=4");
    expect(first.pagination).toMatchObject({ page: 1, limit: 4, total: 6, has_more: true });
    const rest = await inboxOf(bob, `?limit=4&cursor=${first.pagination.next_cursor}`);
    expect(rest.approvals.map(({ task }) => task.description)).toEqual(["normal 2", "low"]);
    expect(rest.pagination).toMatchObject({ page: 2, has_more: false });
    expect((await inboxOf(bob, "?limit=4&page=2")).approvals).toEqual(rest.approvals);
    const one = inbox.approvals[3]?.task.id ?? "";
    expect((await inboxOf(bob, `?task_id=${one}`)).approvals.map(({ task }) => task.id)).toEqual([one]);
    expect((await inboxOf(carol)).pagination.total).toBe(6);
    expect((await inboxOf(alice)).approvals).toEqual([]);
    for (const bad of ["?cursor=x", "?status=OPEN", "?task_id=x", "?reviewer_id=No"]) {
      expect(refusal(await bob.get(`/approvals${bad}`)), bad).toEqual([400, "VALIDATION_ERROR"]);
    }
  });

  it("empties as requests close, and tells how each ended", async () => {
    const stage = new Stage();
    const { alice, bob, carol } = await stage.cast();
    const approved = await stage.submitted(alice);
    const rejected = await stage.submitted(alice);
    const returned = await stage.submitted(alice);
    const cancelled = await stage.submitted(alice);
    await approve(bob, approved);
    await respond(bob, requestOf(bob, rejected), { action: "reject", reason: "no" });
    await respond(bob, requestOf(bob, returned), { action: "request_changes", reason: "smaller" });
    ok(await alice.post(`/tasks/${cancelled.id}/cancel`));
    await eventually(async () => {
      expect((await inboxOf(bob)).approvals).toEqual([]);
      expect((await inboxOf(carol)).approvals).toEqual([]);
    });
    const outcomes = async (who: Person) =>
      new Map(
        (await inboxOf(who, "?status=APPROVED,REJECTED,CHANGES_REQUESTED&status=SUPERSEDED")).approvals.map((one) => [
          one.task_id,
          one.status,
        ]),
      );
    const bobs = await outcomes(bob);
    expect([approved, rejected, returned, cancelled].map(({ id }) => bobs.get(id))).toEqual([
      "APPROVED",
      "REJECTED",
      "CHANGES_REQUESTED",
      "SUPERSEDED",
    ]);
    expect(new Set((await outcomes(carol)).values())).toEqual(new Set(["SUPERSEDED"]));
  });

  it("of somebody else is shown to admins only", async () => {
    const stage = new Stage();
    const { alice, bob, carol } = await stage.cast();
    const task = await stage.submitted(alice);
    const looked = await eventually(async () => {
      const page = ok<Inbox>(await stage.root.get("/approvals?reviewer_id=bob"));
      expect(page.approvals).toHaveLength(1);
      return page;
    });
    expect(looked.approvals[0]).toMatchObject({ task_id: task.id, reviewer_id: "bob", status: "PENDING" });
    expect(refusal(await carol.get("/approvals?reviewer_id=bob"))).toEqual([403, "FORBIDDEN"]);
    expect((await inboxOf(bob, "?reviewer_id=bob")).approvals).toHaveLength(1);
  });

  it("remembers the last thousand that were closed, a hundred more at most", async () => {
    const stage = new Stage();
    const { alice, bob } = await stage.cast();
    const closed = async () => (await inboxOf(bob, "?status=APPROVED&limit=1")).pagination.total;
    const close = async () => ok(await approve(bob, await stage.submitted(alice)));
    await close();
    await runInDurableObject(stage.stub("inbox:bob"), (_, { storage }) => {
      storage.sql.exec(`
        WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n LIMIT 1500)
        INSERT INTO requests SELECT 'old-' || n, 'task-' || n, 'APPROVED', 2, '2020-01-01', body, NULL FROM n, requests`);
    });
    await evictDurableObject(stage.stub("inbox:bob"));
    await close();
    await eventually(async () => expect(await closed()).toBe(1_000));
    await close();
    await eventually(async () => expect(await closed()).toBe(1_001));
  });

  it("survives the death of the reviewer's object and of the task's before it was told", async () => {
    const stage = new Stage();
    const { alice, bob } = await stage.cast();
    const task = await stage.submitted(alice);
    await stage.abort(`task:${task.id}`);
    await stage.abort("inbox:bob");
    await stage.ring(`task:${task.id}`);
    await eventually(async () => expect((await inboxOf(bob)).approvals).toHaveLength(1));
    await stage.abort("inbox:bob");
    expect((await inboxOf(bob)).approvals).toHaveLength(1);
  });
});

describe("GET /approvals/:id", () => {
  it("shows the change, its risk, and whether the caller may decide", async () => {
    const stage = new Stage();
    const { alice, bob, carol, robo } = await stage.cast();
    const ada = await stage.user("ada", "admin");
    const task = await stage.submitted(alice);
    const request = requestOf(bob, task);
    const seenBy = async (who: Person) => ok<{ eligibility: object }>(await who.get(`/approvals/${request.id}`));
    expect(await seenBy(bob)).toMatchObject({
      id: request.id,
      status: "PENDING",
      revision: 1,
      task: { id: task.id, state: "REVIEWING", author_id: "alice", type: "service.configure" },
      preview: task.preview,
      risk: task.risk,
      eligibility: { can_decide: true },
    });
    expect((await seenBy(ada)).eligibility).toEqual({ can_decide: true });
    for (const who of [alice, carol, robo]) {
      expect((await seenBy(who)).eligibility, who.id).toEqual({ can_decide: false, why_not: expect.any(String) });
    }
    await approve(bob, task);
    expect((await seenBy(bob)).eligibility).toMatchObject({ can_decide: false });
  });

  it("ids: 400 without their shape, 404 for what is no request here", async () => {
    const stage = new Stage();
    const { alice, bob } = await stage.cast();
    const task = await stage.submitted(alice);
    const { id } = requestOf(bob, task);
    const stranger = await new Stage().user("bob", "reviewer");
    for (const [who, unknown] of [
      [bob, task.id],
      [bob, `${id.slice(0, -8)}000000ff`],
      [bob, "01890a5d-ac96-774b-bcce-b302099a8057"],
      [stranger, id],
    ] as const) {
      expect(refusal(await who.get(`/approvals/${unknown}`))).toEqual([404, "APPROVAL_NOT_FOUND"]);
      const answer = await who.post(`/approvals/${unknown}/respond`, { action: "approve" });
      expect(refusal(answer)).toEqual([404, "APPROVAL_NOT_FOUND"]);
    }
    expect(refusal(await bob.get("/approvals/nonsense"))).toEqual([400, "VALIDATION_ERROR"]);
  });
});

describe("POST /approvals/:id/respond", () => {
  it("needs a reason to reject or to ask for changes", async () => {
    const stage = new Stage();
    const { alice, bob } = await stage.cast();
    const request = requestOf(bob, await stage.submitted(alice));
    for (const body of [{ action: "reject" }, { action: "request_changes", reason: "  " }]) {
      const answer = await respond(bob, request, body);
      expect([...refusal(answer), detailsOf(answer).field]).toEqual([400, "VALIDATION_ERROR", "reason"]);
    }
    for (const body of [{}, { action: "abstain" }, { action: "approve", reason: "x".repeat(2001) }]) {
      expect(refusal(await respond(bob, request, body))).toEqual([400, "VALIDATION_ERROR"]);
    }
  });

  it("is 409 for a request that is over, with its outcome, and for a revision that is not the current one", async () => {
    const stage = new Stage();
    const { alice, bob, carol } = await stage.cast();
    const task = await stage.submitted(alice, { resources: [orders] });
    const stale = await respond(bob, requestOf(bob, task), { action: "approve", revision: 2 });
    expect(refusal(stale)).toEqual([409, "REVISION_CONFLICT"]);
    expect(detailsOf(stale).revision).toBe(1);
    ok(await respond(bob, requestOf(bob, task), { action: "approve", revision: 1 }));
    for (const body of [{ action: "approve" }, { action: "reject", reason: "on second thought" }]) {
      const again = await respond(bob, requestOf(bob, task), body);
      expect(refusal(again)).toEqual([409, "APPROVAL_ALREADY_RESOLVED"]);
      expect(detailsOf(again)).toMatchObject({ outcome: "APPROVED" });
    }
    ok(await alice.post(`/tasks/${task.id}/cancel`));
    const late = await respond(carol, requestOf(carol, task));
    expect([...refusal(late), detailsOf(late).outcome]).toEqual([409, "APPROVAL_ALREADY_RESOLVED", "SUPERSEDED"]);
  });

  it("replays under an Idempotency-Key", async () => {
    const stage = new Stage();
    const { alice, bob } = await stage.cast();
    const { id } = requestOf(bob, await stage.submitted(alice));
    const send = () => bob.post(`/approvals/${id}/respond`, { action: "approve" }, { "Idempotency-Key": "yes" });
    const first = await send();
    const again = await send();
    expect(again.body).toEqual(first.body);
    expect(again.headers.get("Idempotency-Replayed")).toBe("true");
  });

  it("counts people until the quorum stands: two of two for HIGH risk", async () => {
    const stage = new Stage();
    const { alice, bob, carol } = await stage.cast();
    const task = await stage.submitted(alice, { resources: [orders] });
    expect((await approve(bob, task)).body).toMatchObject({ success: true, task_id: task.id, task_state: "REVIEWING" });
    expect(await stage.task(task.id)).toMatchObject({
      state: "REVIEWING",
      required_approvals: 2,
      current_approvals: 1,
      requirements: [{ approved_by: ["bob"], satisfied: false }],
    });
    expect((await approve(carol, task)).body).toMatchObject({ task_state: "APPROVED" });
    expect(await stage.task(task.id)).toMatchObject({
      state: "APPROVED",
      current_approvals: 2,
      requirements: [{ approved_by: ["bob", "carol"], satisfied: true }],
      approvals: [{ reviewer_id: "bob" }, { reviewer_id: "carol" }],
    });
  });

  it("satisfies every policy's requirement, each by people with its roles; required reviewers by themselves only", async () => {
    const stage = new Stage();
    const [alice, ada, dana, sam, rita] = await Promise.all([
      stage.user("alice", "author"),
      stage.user("ada", "admin"),
      stage.user("dana", "reviewer", "dba"),
      stage.user("sam", "reviewer", "security"),
      stage.user("rita", "reviewer"),
    ]);
    for (const policy of [
      { id: "dbas", name: "dbas", required_roles: ["dba"], resource_patterns: ["service:**"] },
      { id: "two", name: "two", min_approvers: 2 },
      { id: "rita", name: "rita", required_reviewers: ["rita"] },
      { id: "elsewhere", name: "elsewhere", task_types: ["database.*"], min_approvers: 9 },
    ]) {
      ok(await stage.root.post("/policies", policy), 201);
    }
    const task = await stage.submitted(alice);
    expect(task.requirements.map(({ policy_id }) => policy_id).sort()).toEqual(["dbas", "rita", "two"]);
    await approve(sam, task);
    // In Rita's stead an admin counts where their own roles do, never in her own place.
    expect((await respond(ada, requestOf(rita, task))).body).toMatchObject({ task_state: "REVIEWING" });
    expect((await approve(dana, task)).body).toMatchObject({ task_state: "REVIEWING" });
    const { requirements } = await stage.task(task.id);
    expect(requirements.find(({ policy_id }) => policy_id === "rita")?.satisfied).toBe(false);
    expect(requirements.find(({ policy_id }) => policy_id === "dbas")).toMatchObject({ satisfied: true });
  });
});

describe("nobody decides on a change they authored or edited (02)", () => {
  async function people() {
    const stage = new Stage();
    const [alice, ada, bob, carol] = await Promise.all([
      stage.user("alice", "author", "reviewer", "admin"),
      stage.user("ada", "admin", "reviewer", "author"),
      stage.user("bob", "reviewer"),
      stage.user("carol", "reviewer"),
    ]);
    return { stage, alice, ada, bob, carol };
  }

  async function expectBanned(who: Person, task: Task): Promise<void> {
    for (const request of task.approval_requests.filter(({ status }) => status === "PENDING")) {
      for (const body of [
        { action: "approve" },
        { action: "approve", revision: 99 },
        { action: "reject", reason: "x" },
        { action: "request_changes", reason: "x" },
      ]) {
        expect(refusal(await respond(who, request, body))).toEqual([403, "SELF_APPROVAL"]);
      }
    }
    expect((await (await newestOf(who, task)).get()).eligibility).toMatchObject({ can_decide: false });
  }

  async function newestOf(who: Person, task: Task) {
    const [request] = task.approval_requests.slice(-1);
    return {
      get: async () => ok<{ eligibility: object }>(await who.get(`/approvals/${request?.id}`)),
    };
  }

  it("not the author, whatever their roles, nor is the author asked", async () => {
    const { stage, alice } = await people();
    const task = await stage.submitted(alice);
    expect(task.approval_requests.map(({ reviewer_id }) => reviewer_id).sort()).toEqual(["ada", "bob", "carol"]);
    await expectBanned(alice, task);
  });

  it("neither the admin who filed for somebody, nor the one they filed for", async () => {
    const { alice, ada } = await people();
    const { id } = ok<Task>(await ada.post("/tasks", filed("alice")), 201);
    const task = ok<Task>(await ada.post(`/tasks/${id}/submit`), 202);
    expect(task.approval_requests.map(({ reviewer_id }) => reviewer_id).sort()).toEqual(["bob", "carol"]);
    await expectBanned(ada, task);
    await expectBanned(alice, task);
  });

  it("not an editor, on any revision, even after somebody else edited again", async () => {
    const { stage, alice, ada, bob } = await people();
    const draft = await stage.submitted(alice);
    ok(await ada.patch(`/tasks/${draft.id}`, { config: { priority: 3 } }));
    const task = ok<Task>(await alice.patch(`/tasks/${draft.id}`, { config: { priority: 4 } }));
    expect(task.approval_requests.filter(({ status }) => status === "PENDING").map((one) => one.reviewer_id)).toEqual([
      "bob",
      "carol",
    ]);
    await expectBanned(ada, task);
    expect((await approve(bob, task)).status).toBe(200);
  });

  it("not on a request of one's own that an edit has closed: the ban goes before everything else", async () => {
    const { stage, alice, ada } = await people();
    const before = await stage.submitted(alice);
    const mine = requestOf(ada, before);
    ok(await ada.patch(`/tasks/${before.id}`, { config: { priority: 3 } }));
    expect(refusal(await respond(ada, mine))).toEqual([403, "SELF_APPROVAL"]);
  });

  it("a change without effect makes nobody an editor", async () => {
    const { stage, alice, ada } = await people();
    const task = await stage.submitted(alice);
    ok(await ada.patch(`/tasks/${task.id}`, { config: { priority: 50 } }));
    expect((await approve(ada, task)).status).toBe(200);
  });

  it("a deciding author never counts though their request came from elsewhere; root and agents never decide", async () => {
    const { stage, alice } = await people();
    const robo = await stage.agent("robo", { roles: ["system", "reviewer", "admin"] });
    const task = await stage.submitted(alice);
    for (const who of [stage.root, robo]) {
      const [request] = task.approval_requests;
      if (request === undefined) throw new Error("nobody was asked");
      expect(refusal(await respond(who, request))).toEqual([403, "FORBIDDEN"]);
    }
    expect(task.approval_requests.map(({ reviewer_id }) => reviewer_id)).not.toContain("robo");
  });
});

it("roles count as they are at the moment of the decision, read anew each time", async () => {
  const stage = new Stage();
  const { alice, bob, carol } = await stage.cast();
  const task = await stage.submitted(alice);
  ok(await stage.root.patch("/users/bob", { roles: ["author"] }));
  expect(refusal(await approve(bob, task))).toEqual([403, "FORBIDDEN"]);
  ok(await stage.root.patch("/users/carol", { active: false }));
  expect((await approve(carol, task)).status).toBe(401);
  ok(await stage.root.patch("/users/bob", { roles: ["reviewer"] }));
  expect((await approve(bob, task)).body).toMatchObject({ task_state: "APPROVED" });
  await stage.expectVerified(`task:${task.id}`, "config");
  expect((await stage.task(task.id)).preview?.changes[0]?.resource.key).toBe(WEB);
});
