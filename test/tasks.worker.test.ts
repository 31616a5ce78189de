import { runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import type { AuditRow } from "../src/audit/contract.ts";
import type { Preview } from "../src/tasks/contract.ts";
import type { Task } from "../src/tasks/task-contract.ts";
import type { Answer } from "./support/api.ts";
import {
  approve,
  as,
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

type Config = Readonly<Record<string, unknown>>;

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

describe("ids of tasks", () => {
  it("are 400 without their shape, 404 when they name nothing here", async () => {
    const [here, there] = [new Stage(), new Stage()];
    const alice = await here.user("alice", "author");
    const { id } = await there.draft(await there.user("alice", "author"));
    const { id: mine } = await here.draft(alice);
    const ids = [id, "01890a5d-ac96-774b-bcce-b302099a8057", `${mine.slice(0, -1)}1`, mine.replace(/^1/, "2")];
    for (const method of ["get", "delete"] as const) {
      for (const unknown of ids) {
        expect(refusal(await alice[method](`/tasks/${unknown}`)), unknown).toEqual([404, "TASK_NOT_FOUND"]);
      }
      expect(refusal(await alice[method]("/tasks/not-an-id"))).toEqual([400, "VALIDATION_ERROR"]);
    }
    expect(refusal(await alice.get(`/tasks/${id}/audit`))).toEqual([404, "TASK_NOT_FOUND"]);
    expect((await alice.get<Task>(`/tasks/${mine.toUpperCase()}`)).body.id).toBe(mine);
    expect((await there.task(id)).state).toBe("DRAFT");
  });
});

describe("GET /tasks", () => {
  /** Six tasks with one thing each to find them by. */
  async function library() {
    const stage = new Stage();
    const { alice, bob } = await stage.cast();
    const amy = await stage.user("amy", "author");
    const ids: Record<string, string> = {};
    const file = async (name: string, author: Person, config: Config, metadata: Config = {}) => {
      const { id } = ok<Task>(await author.post("/tasks", filed(author.id, config, metadata)), 201);
      ids[name] = id;
    };
    await file("plain", alice, {});
    await file("tagged", alice, {}, { tags: ["red", "blue"] });
    await file("red", alice, {}, { tags: ["red"] });
    await file("orders", alice, { resources: [orders], type: "database.migrate" });
    await file("amys", amy, {});
    await file("reviewed", alice, { resources: [{ ...web, id: "api" }] });
    ok(await alice.post(`/tasks/${ids.reviewed}/submit`), 202);
    await eventually(async () => {
      const { tasks } = ok<List>(await alice.get("/tasks"));
      expect(tasks.map(({ state }) => state).sort()).toEqual([
        "DRAFT",
        "DRAFT",
        "DRAFT",
        "DRAFT",
        "DRAFT",
        "REVIEWING",
      ]);
    });
    const names = new Map(Object.entries(ids).map(([name, id]) => [id, name]));
    const list = async (query: string, caller: Person = alice) => {
      const page = ok<List>(await caller.get(`/tasks?${query}`));
      return { ...page.pagination, names: page.tasks.map(({ id }) => names.get(id) ?? "new") };
    };
    return { stage, alice, bob, amy, ids, list };
  }

  it("filters by each of its parameters, alone and together", async () => {
    const { list, bob, stage, ids } = await library();
    const sorted = async (query: string, caller?: Person) => (await list(query, caller)).names.sort();
    expect(await sorted("state=REVIEWING")).toEqual(["reviewed"]);
    expect(await sorted("state=REVIEWING,DRAFT&state=APPROVED")).toHaveLength(6);
    expect(await sorted("author_id=amy")).toEqual(["amys"]);
    expect(await sorted("type=database.migrate")).toEqual(["orders"]);
    expect(await sorted("resource_type=database")).toEqual(["orders"]);
    expect(await sorted("resource_id=api")).toEqual(["reviewed"]);
    expect(await sorted("resource_type=database&resource_id=api")).toEqual([]);
    expect(await sorted("risk_level=HIGH")).toEqual(["orders"]);
    expect(await sorted("tags=red")).toEqual(["red", "tagged"]);
    expect(await sorted("tags=red&tags=blue")).toEqual(["tagged"]);
    expect(await sorted("tags=red,blue")).toEqual(["tagged"]);
    expect(await sorted("needs_my_approval=true", bob)).toEqual(["reviewed"]);
    expect(await sorted("needs_my_approval=true")).toEqual([]);
    expect(await sorted("needs_my_approval=false", bob)).toHaveLength(5);
    expect(await sorted("state=DRAFT&tags=red&author_id=alice&risk_level=MEDIUM")).toEqual(["red", "tagged"]);
    const { created_at } = (await stage.task(ids.red ?? "")).metadata;
    const at = encodeURIComponent(created_at);
    const after = await list(`created_after=${at}`);
    const before = await list(`created_before=${at}`);
    expect(after.names).not.toContain("plain");
    expect(before.names).toContain("plain");
    expect(before.names).not.toContain("red");
    expect(after.names).not.toContain("red");
    const offset = encodeURIComponent(created_at.replace("Z", "+00:00"));
    expect((await list(`created_after=${offset}`)).names).toEqual(after.names);
  });

  it("sorts by what is asked, either way, and says how many there are", async () => {
    const { list } = await library();
    const { names, total } = await list("sort_by=created_at&sort_order=asc");
    expect(names).toEqual(["plain", "tagged", "red", "orders", "amys", "reviewed"]);
    expect(total).toBe(6);
    expect((await list("")).names).toEqual([...names].reverse());
    expect((await list("sort_by=risk_score")).names[0]).toBe("orders");
    expect((await list("sort_by=risk_score&sort_order=asc")).names.at(-1)).toBe("orders");
    expect((await list("sort_by=state")).names[0]).toBe("reviewed");
    expect((await list("sort_by=updated_at&limit=1")).names).toEqual(["reviewed"]);
  });

  it("pages by number or cursor; a cursor neither repeats nor skips while tasks are added", async () => {
    const { list, stage, alice } = await library();
    const first = await list("limit=2");
    expect(first).toMatchObject({ page: 1, limit: 2, total: 6, has_more: true, names: ["reviewed", "amys"] });
    expect((await list("limit=2&page=3")).names).toEqual(["tagged", "plain"]);
    expect(await list("limit=4&page=2")).toMatchObject({ has_more: false, names: ["tagged", "plain"] });
    await stage.draft(alice);
    await eventually(async () => expect((await list("")).total).toBe(7));
    const seen = [...first.names];
    for (let cursor = first.next_cursor; cursor !== undefined; ) {
      const next = await list(`limit=2&cursor=${cursor}`);
      seen.push(...next.names);
      cursor = next.next_cursor;
    }
    expect(seen).toEqual(["reviewed", "amys", "orders", "red", "tagged", "plain"]);
    for (const bad of ["limit=0", "limit=101", "page=0", "cursor=x", "state=OPEN", "needs_my_approval=1", "q=x"]) {
      expect(refusal(await alice.get(`/tasks?${bad}`)), bad).toEqual([400, "VALIDATION_ERROR"]);
    }
  });

  it("shows no other workspace's tasks", async () => {
    const [here, there] = [new Stage(), new Stage()];
    const alice = await here.user("alice", "author");
    await there.draft(await there.user("alice", "author"));
    await there.expectVerified();
    expect(ok<List>(await alice.get("/tasks")).tasks).toEqual([]);
  });
});

describe("GET /tasks/:id/audit", () => {
  it("is the whole chain, oldest first, linked, with who, why and D1's ids once they are there", async () => {
    const stage = new Stage();
    const { alice, bob } = await stage.cast();
    const { id } = ok<Task>(await alice.post("/tasks", filed("alice", {}, { ticket_ref: "SHOP-1" })), 201);
    const task = ok<Task>(await alice.post(`/tasks/${id}/submit`), 202);
    await bob.post(`/approvals/${requestOf(bob, task).id}/respond`, { action: "reject", reason: "not on a Friday" });
    const entries = await eventually(async () => {
      const { entries } = ok<{ entries: AuditRow[] }>(await bob.get(`/tasks/${id}/audit`));
      expect(entries.every((entry) => typeof entry.id === "number")).toBe(true);
      return entries;
    });
    expect(entries.map(({ action }) => action)).toEqual([
      "task.created",
      "task.submitted",
      "task.reviewing",
      "approval.requested",
      "approval.requested",
      "approval.rejected",
      "approval.superseded",
      "task.rejected",
    ]);
    expect(entries[0]?.prev_hash).toBe("0".repeat(64));
    for (const [at, entry] of entries.entries()) {
      expect(entry).toMatchObject({ workspace: stage.workspace, actor: `task:${id}` });
      if (at > 0) expect(entry.prev_hash).toBe(entries[at - 1]?.hash);
      expect(entry.at > (entries[at - 1]?.at ?? "")).toBe(true);
    }
    expect(entries.at(-1)).toMatchObject({
      from_state: "REVIEWING",
      to_state: "REJECTED",
      who: { id: "bob", kind: "user" },
      why: { reason: "not on a Friday", ticket_ref: "SHOP-1" },
    });
    await stage.expectVerified(`task:${id}`);
  });
});

describe("who may what with tasks (02, roles)", () => {
  async function everybody() {
    const stage = new Stage();
    const { alice, bob, carol, robo } = await stage.cast();
    const [amy, ada, nobody, other] = await Promise.all([
      stage.user("amy", "author"),
      stage.user("ada", "admin"),
      stage.user("nobody"),
      stage.agent("other", { max_tasks: 10 }),
    ]);
    return { stage, people: { alice, amy, bob, carol, ada, nobody, robo, other } };
  }
  type Name = keyof Awaited<ReturnType<typeof everybody>>["people"];

  /** `may`: status of those who may; everybody else gets 403. */
  const rights: readonly [
    string,
    Partial<Record<Name, number>>,
    (stage: Stage, people: Record<Name, Person>) => Promise<(who: Person) => Promise<Answer<unknown>>>,
  ][] = [
    ["create", { alice: 201, amy: 201, ada: 201 }, async () => (who) => who.post("/tasks", filed(who.id))],
    [
      "edit",
      { alice: 200, ada: 200 },
      async (stage, { alice }) => {
        const { id } = await stage.draft(alice);
        return (who) => who.patch(`/tasks/${id}`, { config: { description: `by ${who.id}` } });
      },
    ],
    [
      "delete",
      { alice: 204, ada: 204 },
      async (stage, { alice }) =>
        async (who) =>
          who.delete(`/tasks/${(await stage.draft(alice)).id}`),
    ],
    [
      "submit",
      { alice: 202, ada: 202 },
      async (stage, { alice }) =>
        async (who) =>
          who.post(`/tasks/${(await stage.draft(alice)).id}/submit`),
    ],
    [
      "cancel",
      { alice: 200, ada: 200, robo: 200, other: 200 },
      async (stage, { alice }) =>
        async (who) =>
          who.post(`/tasks/${(await stage.draft(alice)).id}/cancel`),
    ],
    [
      "approve",
      { bob: 200, ada: 200 },
      async (stage, { alice }) =>
        async (who) => {
          const request = requestOf("bob", await stage.submitted(alice));
          return who.post(`/approvals/${request.id}/respond`, { action: "approve" });
        },
    ],
    [
      "claim",
      { robo: 204, other: 204 },
      async () => (who) => who.post("/tasks/claim", { capabilities: ["nothing.like.this"] }),
    ],
    [
      "apply as oneself",
      { robo: 200, other: 200, ada: 400 },
      async (stage, { alice, bob }) =>
        async (who) => {
          const resources = [{ ...web, id: `r-${who.id}` }];
          return who.post(`/tasks/${(await stage.approved(alice, [bob], { resources })).id}/apply`);
        },
    ],
    [
      "apply as robo",
      { robo: 200, ada: 200 },
      async (stage, { alice, bob }) =>
        async (who) => {
          const resources = [{ ...web, id: `r-${who.id}` }];
          const { id } = await stage.approved(alice, [bob], { resources });
          return who.post(`/tasks/${id}/apply`, { agent_id: "robo" });
        },
    ],
    [
      "heartbeat",
      { robo: 200, ada: 200 },
      async (stage, { alice, bob, robo }) => {
        const { id } = await stage.apply(robo, (await stage.approved(alice, [bob])).id);
        return (who) => who.post(`/tasks/${id}/heartbeat`);
      },
    ],
    [
      "complete",
      { robo: 200, ada: 200 },
      async (stage, { alice, bob, robo }) =>
        async (who) => {
          const resources = [{ ...web, id: `r-${who.id}` }];
          const { id } = await stage.approved(alice, [bob], { resources });
          await stage.apply(robo, id);
          const answer = await who.post(`/tasks/${id}/complete`, { result: "success" });
          ok(await robo.post(`/tasks/${id}/complete`, { result: "success" }));
          return answer;
        },
    ],
    [
      "view",
      { alice: 200, amy: 200, bob: 200, carol: 200, ada: 200, nobody: 200, robo: 200, other: 200 },
      async (stage, { alice }) => {
        const { id } = await stage.draft(alice);
        return (who) => who.get(`/tasks/${id}`);
      },
    ],
  ];

  it.each(rights)("%s", async (_, may, prepare) => {
    const { stage, people } = await everybody();
    const act = await prepare(stage, people);
    for (const [name, who] of Object.entries(people)) {
      const answer = await act(who);
      expect([name, answer.status], JSON.stringify(answer.body)).toEqual([name, may[name as Name] ?? 403]);
    }
  });

  it("a token without the scope is refused whatever its roles", async () => {
    const stage = new Stage();
    const { alice } = await stage.cast();
    const { id } = await stage.draft(alice);
    const made = ok<{ token: string }>(await stage.root.post("/users/alice/tokens", { scopes: ["tasks:read"] }), 201);
    const narrow = as(made.token);
    expect((await narrow.get(`/tasks/${id}`)).status).toBe(200);
    for (const answer of [
      await narrow.post("/tasks", filed("alice")),
      await narrow.post(`/tasks/${id}/submit`),
      await narrow.get(`/tasks/${id}/audit`),
      await narrow.get("/approvals"),
    ]) {
      expect(refusal(answer)).toEqual([403, "FORBIDDEN"]);
    }
  });
});
