import { describe, expect, it } from "vitest";
import type { AuditRow } from "../src/audit/contract.ts";
import type { Task } from "../src/tasks/task-contract.ts";
import type { Answer } from "./support/api.ts";
import { as, eventually, filed, ok, orders, type Person, refusal, requestOf, Stage, web } from "./support/stage.ts";

type Config = Readonly<Record<string, unknown>>;

interface List {
  readonly tasks: Task[];
  readonly pagination: { page: number; limit: number; total: number; has_more: boolean; next_cursor?: string };
}

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
    expect(await sorted(`tags=red${",blue".repeat(1_000)}`)).toEqual(["tagged"]);
    expect(await sorted(`tags=${Array.from({ length: 150 }, (_, at) => `tag-${at}`)}`)).toEqual([]);
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
