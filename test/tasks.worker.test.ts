import { runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import type { AuditRow } from "../src/audit/contract.ts";
import type { Preview } from "../src/tasks/contract.ts";
import type { Task } from "../src/tasks/task-contract.ts";
import {
  approve,
  detailsOf,
  eventually,
  filed,
  ORDERS,
  ok,
  orders,
  type Person,
  refusal,
  requestOf,
  Stage,
  WEB,
  web,
} from "./support/stage.ts";

interface List {
  readonly tasks: Task[];
  readonly pagination: { page: number; limit: number; total: number; has_more: boolean; next_cursor?: string };
}

describe("POST /tasks", () => {
  it("answers 201 with a whole draft, its defaults filled in, its revision as ETag", async () => {
    const stage = new Stage();
    const alice = await stage.user("alice", "author");
    const body = filed("alice", {}, { team: "shop", ticket_ref: "T-1", tags: ["a"] });
    const answer = await alice.post<Task>("/tasks", body);
    expect(answer.headers.get("ETag")).toBe('"1"');
    const draft = ok<Task>(answer, 201);
    expect(draft).toMatchObject({
      state: "DRAFT",
      revision: 1,
      config: {
        version: "1.0.0",
        secrets: [],
        rollback_strategy: "automatic",
        timeout_seconds: 300,
        priority: 50,
        max_attempts: 3,
      },
      metadata: { author_id: "alice", team: "shop", ticket_ref: "T-1", tags: ["a"] },
      requirements: [],
      approval_requests: [],
      approvals: [],
      comments: [],
      required_approvals: 1,
      current_approvals: 0,
      preview: { valid: true, resource_revisions: { [WEB]: 0 } },
      risk: { level: "MEDIUM" },
    });
    expect(await stage.task(draft.id)).toEqual(draft);
  });

  it("with dry_run answers 200 with everything computed, and stores nothing", async () => {
    const stage = new Stage();
    const { alice } = await stage.cast();
    const would = ok<Task & { reviewers: { id: string }[] }>(
      await alice.post("/tasks", { ...filed("alice", { resources: [orders] }), dry_run: true }),
    );
    expect(would).toMatchObject({ state: "DRAFT", risk: { level: "HIGH" }, required_approvals: 2 });
    expect(would.requirements).toHaveLength(1);
    expect(would.reviewers.map(({ id }) => id)).toEqual(["bob", "carol"]);
    expect(refusal(await alice.get(`/tasks/${would.id}`))).toEqual([404, "TASK_NOT_FOUND"]);
    await stage.draft(alice, { type: "the.only.one" });
    await eventually(async () => {
      const { tasks } = ok<List>(await alice.get("/tasks"));
      expect(tasks.map(({ config }) => config.type)).toEqual(["the.only.one"]);
    });
  });

  it("names an author who is somebody else: 403, also in a dry run; an admin may file for them", async () => {
    const stage = new Stage();
    const alice = await stage.user("alice", "author");
    const ada = await stage.user("ada", "admin");
    for (const dry_run of [false, true]) {
      const answer = await alice.post("/tasks", { ...filed("bob"), dry_run });
      expect(refusal(answer)).toEqual([403, "AUTHOR_MISMATCH"]);
    }
    const task = ok<Task>(await ada.post("/tasks", filed("alice")), 201);
    expect(task.metadata.author_id).toBe("alice");
  });

  it("replays under an Idempotency-Key, refuses another body, and is ALREADY_EXISTS once the answer is forgotten", async () => {
    const stage = new Stage();
    const alice = await stage.user("alice", "author");
    const key = { "Idempotency-Key": "one" };
    const [first, second] = await Promise.all([
      alice.post<Task>("/tasks", filed("alice"), key),
      alice.post<Task>("/tasks", filed("alice"), key),
    ]);
    expect(first.body).toEqual(second.body);
    const replays = [first, second].map(({ headers }) => headers.get("Idempotency-Replayed"));
    expect(replays.filter((replayed) => replayed === "true")).toHaveLength(1);
    const changed = await alice.post("/tasks", filed("alice", { description: "another" }), key);
    expect(refusal(changed)).toEqual([422, "IDEMPOTENCY_KEY_REUSED"]);
    await runInDurableObject(stage.stub(`task:${first.body.id}`), (_, state) => {
      state.storage.sql.exec("UPDATE replays SET at = at - 86400001");
    });
    const late = await alice.post("/tasks", filed("alice"), key);
    expect(refusal(late)).toEqual([409, "ALREADY_EXISTS"]);
    expect(detailsOf(late).task_id).toBe(first.body.id);
    const entries = ok<{ entries: unknown[] }>(await alice.get(`/tasks/${first.body.id}/audit`)).entries;
    expect(entries).toHaveLength(1);
  });

  it.each([
    [{ resources: [] }, "config.resources"],
    [{ resources: [{ ...web, actions: ["drop"] }] }, "config.resources.0.actions.0"],
    [{ resources: [{ ...web, namespace: "a/b" }] }, "config.resources.0.namespace"],
    [{ timeout_seconds: 3601 }, "config.timeout_seconds"],
    [{ priority: -1 }, "config.priority"],
    [{ max_attempts: 11 }, "config.max_attempts"],
    [{ description: "" }, "config.description"],
    [{ surprise: 1 }, "config.surprise"],
    [{ parameters: { big: "x".repeat(256 * 1024) } }, "config"],
  ])("names what is wrong (%#)", async (config, field) => {
    const answer = await (await onlyAuthor()).post("/tasks", filed("alice", config));
    expect(refusal(answer)).toEqual([400, "VALIDATION_ERROR"]);
    expect(detailsOf(answer).field).toBe(field);
  });
});

let cachedAuthor: Promise<Person> | undefined;
function onlyAuthor(): Promise<Person> {
  cachedAuthor ??= new Stage().user("alice", "author");
  return cachedAuthor;
}

describe("POST /tasks of a deletion", () => {
  it("previews what will be gone: after is null", async () => {
    const stage = new Stage();
    const alice = await stage.user("alice", "author");
    const draft = await stage.draft(alice, { resources: [{ ...web, actions: ["delete"] }], parameters: {} });
    expect(draft.preview?.changes).toMatchObject([{ action: "delete", before: {}, after: null }]);
  });
});

describe("PATCH /tasks/:id", () => {
  it("merges, counts the revision up, and computes preview and risk anew", async () => {
    const stage = new Stage();
    const alice = await stage.user("alice", "author");
    const draft = await stage.draft(alice, { parameters: { keep: 1, drop: 2, deep: { a: 1, b: 2 } } });
    const answer = await alice.patch<Task>(
      `/tasks/${draft.id}`,
      { config: { parameters: { drop: null, deep: { b: 3 } }, resources: [orders] }, metadata: { tags: ["x"] } },
      { "If-Match": '"1"' },
    );
    expect(answer.headers.get("ETag")).toBe('"2"');
    const edited = ok<Task>(answer);
    expect(edited).toMatchObject({ state: "DRAFT", revision: 2, metadata: { tags: ["x"] }, risk: { level: "HIGH" } });
    expect(edited.config.parameters).toEqual({ keep: 1, deep: { a: 1, b: 3 } });
    expect(edited.preview?.changes.map(({ resource }) => resource.key)).toEqual([ORDERS]);
    expect(edited.metadata.created_at).toBe(draft.metadata.created_at);
  });

  it("without effective change answers 200 with the same revision and leaves no trace", async () => {
    const stage = new Stage();
    const alice = await stage.user("alice", "author");
    const { id } = await stage.draft(alice);
    for (const patch of [{}, { config: {} }, { config: { priority: 50 }, metadata: { author_id: "alice" } }]) {
      expect(ok<Task>(await alice.patch(`/tasks/${id}`, patch)).revision).toBe(1);
    }
    expect(ok<{ entries: unknown[] }>(await alice.get(`/tasks/${id}/audit`)).entries).toHaveLength(1);
  });

  it("is 412 with the current revision unless If-Match names it, whatever the patch says", async () => {
    const stage = new Stage();
    const alice = await stage.user("alice", "author");
    const { id } = await stage.draft(alice);
    const to = (priority: number, tag: string) =>
      alice.patch<Task>(`/tasks/${id}`, { config: { priority } }, { "If-Match": tag });
    expect(ok<Task>(await to(60, '"1"')).revision).toBe(2);
    for (const priority of [70, 60, -5]) {
      const stale = await to(priority, '"1"');
      expect(refusal(stale), String(priority)).toEqual([412, "PRECONDITION_FAILED"]);
      expect(detailsOf(stale).revision).toBe(2);
    }
    expect(ok<Task>(await to(70, "*")).revision).toBe(3);
    expect(ok<Task>(await to(80, 'W/"3"')).revision).toBe(4);
    for (const nonsense of ["4", '"four"', '"4", "5"', '""']) {
      const answer = await to(90, nonsense);
      expect(refusal(answer), nonsense).toEqual([400, "VALIDATION_ERROR"]);
      expect(detailsOf(answer).field).toBe("If-Match");
    }
  });

  it("by two at once with the same If-Match: one edits, the other learns of it", async () => {
    const stage = new Stage();
    const alice = await stage.user("alice", "author");
    const { id } = await stage.draft(alice);
    const edit = (priority: number) => alice.patch(`/tasks/${id}`, { config: { priority } }, { "If-Match": '"1"' });
    const answers = await Promise.all([edit(1), edit(2), edit(3)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412, 412]);
    expect((await stage.task(id)).revision).toBe(2);
  });

  it("by two at once without If-Match: both edits stand, one after the other", async () => {
    const stage = new Stage();
    const alice = await stage.user("alice", "author");
    const { id } = await stage.draft(alice);
    const patches = [{ config: { priority: 7 } }, { config: { timeout_seconds: 9 } }];
    const answers = await Promise.all(patches.map((patch) => alice.patch<Task>(`/tasks/${id}`, patch)));
    expect(answers.map(({ body }) => body.revision).sort()).toEqual([2, 3]);
    expect((await stage.task(id)).config).toMatchObject({ priority: 7, timeout_seconds: 9 });
  });

  it("refuses another author and whatever makes no valid config", async () => {
    const stage = new Stage();
    const alice = await stage.user("alice", "author");
    const { id } = await stage.draft(alice);
    for (const [patch, field] of [
      [{ metadata: { author_id: "bob" } }, "metadata.author_id"],
      [{ config: { type: null } }, "config.type"],
      [{ config: { resources: [] } }, "config.resources"],
      [{ config: { nonsense: 1 } }, "config"],
      [{ state: "APPROVED" }, "state"],
    ] as const) {
      const answer = await alice.patch(`/tasks/${id}`, patch);
      expect(refusal(answer), field).toEqual([400, "VALIDATION_ERROR"]);
      expect(detailsOf(answer).field).toBe(field);
    }
    expect((await stage.task(id)).revision).toBe(1);
  });

  it("under review asks everybody anew: old requests are superseded, old decisions do not count", async () => {
    const stage = new Stage();
    const { alice, bob, carol } = await stage.cast();
    const task = await stage.submitted(alice, { resources: [orders] });
    await approve(bob, task);
    const edited = ok<Task>(await alice.patch(`/tasks/${task.id}`, { config: { priority: 9 } }));
    expect(edited).toMatchObject({ state: "REVIEWING", revision: 2, approvals: [], current_approvals: 0 });
    const statuses = edited.approval_requests.map(({ reviewer_id, revision, status }) => [
      reviewer_id,
      revision,
      status,
    ]);
    expect(statuses).toEqual([
      ["bob", 1, "APPROVED"],
      ["carol", 1, "SUPERSEDED"],
      ["bob", 2, "PENDING"],
      ["carol", 2, "PENDING"],
    ]);
    const stale = await carol.post(`/approvals/${requestOf(carol, task).id}/respond`, { action: "approve" });
    expect(refusal(stale)).toEqual([409, "APPROVAL_ALREADY_RESOLVED"]);
    expect(detailsOf(stale)).toMatchObject({ outcome: "SUPERSEDED" });
    await approve(carol, edited);
    expect((await stage.task(task.id)).state).toBe("REVIEWING");
    await approve(bob, edited);
    expect((await stage.task(task.id)).state).toBe("APPROVED");
  });
});

describe("a task's life before its execution", () => {
  it("DELETE takes a draft away for good, and its chain stays", async () => {
    const stage = new Stage();
    const alice = await stage.user("alice", "author");
    const { id } = await stage.draft(alice);
    await eventually(async () => expect(ok<List>(await alice.get("/tasks")).tasks).toHaveLength(1));
    expect((await alice.delete(`/tasks/${id}`)).status).toBe(204);
    for (const answer of await Promise.all([
      alice.get(`/tasks/${id}`),
      alice.get(`/tasks/${id}/preview`),
      alice.patch(`/tasks/${id}`, { config: { priority: 1 } }),
      alice.delete(`/tasks/${id}`),
      alice.post(`/tasks/${id}/submit`),
      alice.post(`/tasks/${id}/cancel`),
      alice.post(`/tasks/${id}/comments`, { body: "hello?" }),
    ])) {
      expect(refusal(answer)).toEqual([404, "TASK_NOT_FOUND"]);
    }
    const { entries } = ok<{ entries: AuditRow[] }>(await alice.get(`/tasks/${id}/audit`));
    expect(entries.map(({ action }) => action)).toEqual(["task.created", "task.deleted"]);
    await eventually(async () => expect(ok<List>(await alice.get("/tasks")).tasks).toEqual([]));
    await stage.expectVerified(`task:${id}`);
  });

  it("shows its preview, keeps its comments in order, and tells who wrote them", async () => {
    const stage = new Stage();
    const { alice, bob } = await stage.cast();
    const task = await stage.submitted(alice);
    expect(ok<Preview>(await bob.get(`/tasks/${task.id}/preview`))).toEqual(task.preview);
    const first = ok<Task["comments"][0]>(await bob.post(`/tasks/${task.id}/comments`, { body: "why now?" }), 201);
    expect(first).toMatchObject({ author_id: "bob", body: "why now?" });
    ok(await alice.post(`/tasks/${task.id}/comments`, { body: "sale starts" }), 201);
    const { comments } = await stage.task(task.id);
    expect(comments.map(({ author_id, body }) => [author_id, body])).toEqual([
      ["bob", "why now?"],
      ["alice", "sale starts"],
    ]);
    for (const body of [{}, { body: "" }, { body: "x".repeat(5001) }]) {
      expect(refusal(await bob.post(`/tasks/${task.id}/comments`, body))).toEqual([400, "VALIDATION_ERROR"]);
    }
  });

  it("comes back from requested changes as a draft, and its next submission is a new revision", async () => {
    const stage = new Stage();
    const { alice, bob, carol } = await stage.cast();
    const task = await stage.submitted(alice);
    const answer = await bob.post(`/approvals/${requestOf(bob, task).id}/respond`, {
      action: "request_changes",
      reason: "name the flag",
    });
    expect(answer.body).toMatchObject({ task_state: "DRAFT" });
    expect((await stage.task(task.id)).approval_requests.map(({ status }) => status)).toEqual([
      "CHANGES_REQUESTED",
      "SUPERSEDED",
    ]);
    const again = ok<Task>(await alice.post(`/tasks/${task.id}/submit`), 202);
    expect(again).toMatchObject({ state: "REVIEWING", revision: 2, approvals: [] });
    expect((await approve(carol, again)).body).toMatchObject({ task_state: "APPROVED" });
  });

  it("with errors in its preview is submitted by an admin's force or skip_preview only", async () => {
    const stage = new Stage();
    const { alice } = await stage.cast();
    const ada = await stage.user("ada", "admin");
    const broken = { parameters: { "service:prod/elsewhere": { on: true } } };
    for (const option of [{ force: true }, { skip_preview: true }]) {
      const draft = await stage.draft(alice, broken);
      expect(draft.preview?.valid).toBe(false);
      expect(refusal(await alice.post(`/tasks/${draft.id}/submit`))).toEqual([422, "PREVIEW_INVALID"]);
      expect(refusal(await alice.post(`/tasks/${draft.id}/submit`, option))).toEqual([403, "FORBIDDEN"]);
      expect((await stage.task(draft.id)).state).toBe("DRAFT");
      expect(ok<Task>(await ada.post(`/tasks/${draft.id}/submit`, option), 202).state).toBe("REVIEWING");
    }
  });

  it("needs people: too few, or one asked for who may not decide", async () => {
    const stage = new Stage();
    const alice = await stage.user("alice", "author");
    const { id } = await stage.draft(alice);
    expect(refusal(await alice.post(`/tasks/${id}/submit`))).toEqual([409, "NOT_ENOUGH_REVIEWERS"]);
    await stage.user("bob", "reviewer");
    for (const nobody of ["alice", "nobody"]) {
      const answer = await alice.post(`/tasks/${id}/submit`, { requested_reviewers: [nobody] });
      expect(refusal(answer), nobody).toEqual([422, "REVIEWER_NOT_ELIGIBLE"]);
    }
    expect((await stage.task(id)).state).toBe("DRAFT");
    expect(ok<Task>(await alice.post(`/tasks/${id}/submit`, { requested_reviewers: ["bob"] }), 202).state).toBe(
      "REVIEWING",
    );
  });

  it("approves itself where every matching policy says so, and is then ready to be claimed", async () => {
    const stage = new Stage();
    const { alice, robo } = await stage.cast();
    const policy = { id: "calm", name: "calm", auto_approve_if: { risk_below: 60 } };
    ok(await stage.root.post("/policies", policy), 201);
    const task = await stage.submitted(alice);
    expect(task).toMatchObject({ state: "APPROVED", required_approvals: 0, approval_requests: [] });
    const { entries } = ok<{ entries: AuditRow[] }>(await alice.get(`/tasks/${task.id}/audit`));
    expect(entries.at(-1)).toMatchObject({
      action: "task.auto_approved",
      who: { id: "system" },
      from_state: "SUBMITTED",
      to_state: "APPROVED",
    });
    await eventually(async () => expect((await robo.post("/tasks/claim")).status).toBe(200));
  });

  it("replays submit, cancel and comment under an Idempotency-Key", async () => {
    const stage = new Stage();
    const { alice } = await stage.cast();
    const { id } = await stage.draft(alice);
    const key = { "Idempotency-Key": "again" };
    for (const [path, body] of [
      ["submit", {}],
      ["comments", { body: "once" }],
      ["cancel", { reason: "enough" }],
    ] as const) {
      const first = await alice.post(`/tasks/${id}/${path}`, body, key);
      const second = await alice.post(`/tasks/${id}/${path}`, body, key);
      expect(second.body, path).toEqual(first.body);
      expect(second.status).toBe(first.status);
      expect([first, second].map(({ headers }) => headers.get("Idempotency-Replayed"))).toEqual([null, "true"]);
    }
    expect((await stage.task(id)).comments).toHaveLength(1);
  });
});
