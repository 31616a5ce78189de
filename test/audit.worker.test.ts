import { listDurableObjectIds } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { freshTaskAddress, idOf } from "../src/actor/ids.ts";
import { chain } from "../src/audit/chain.fixture.ts";
import { resourceOf } from "../src/locks/lock-api.ts";
import { matches } from "../src/pattern.ts";
import { type Answer, api, type ErrorBody, newUser, root } from "./support/api.ts";
import { failingDatabase, giveDatabase, inLedger } from "./support/ledger.ts";
import {
  freshWorkspace,
  inWorkspace,
  lockAndRelease,
  stored,
  type TrailVerdict,
  verify,
  verifyAll,
  workspace,
  write,
} from "./support/trail.ts";

type Row = Record<string, unknown> & { id: number; seq: number; action: string; at: string };
type Rows = { entries: Row[]; pagination: { total: number; has_more: boolean; next_cursor?: string } };

beforeEach(freshWorkspace);

function codeOf(answer: Answer<unknown>): [number, string] {
  return [answer.status, (answer.body as ErrorBody).error.code];
}

describe("GET /audit/verify of one subject", () => {
  it("proves a resource's chain up to its actor's head, shipped or not yet", async () => {
    await lockAndRelease("database:prod/orders", 3);
    const actor = "resource:database:prod/orders";
    const verdict = await verify(actor);
    const head = await resourceOf(env, workspace, "database:prod/orders").head();
    expect(verdict).toEqual({ valid: true, checked: 6, head });
    expect(await stored(actor)).toHaveLength(6);
  });

  it("proves a task's chain", async () => {
    const created = await root.post<{ id: string }>(
      "/tasks",
      {
        config: { type: "t", description: "d", resources: [{ type: "service", id: "shop", actions: ["write"] }] },
        metadata: { author_id: "root", author_name: "Root" },
      },
      inWorkspace(),
    );
    expect(created.status).toBe(201);
    const verdict = await verify(`task:${created.body.id.toUpperCase()}`);
    expect(verdict).toMatchObject({ valid: true });
    expect(verdict.checked).toBeGreaterThan(0);
  });

  it("proves the configuration's chain", async () => {
    for (const id of ["a", "b", "c"]) await root.post("/policies", { id, name: id }, inWorkspace());
    expect(await verify("config")).toMatchObject({ valid: true, checked: 3, head: { seq: 3 } });
  });

  it("stays true while the chain grows", async () => {
    const key = "database:prod/busy";
    await lockAndRelease(key);
    const [, ...verdicts] = await Promise.all([
      lockAndRelease(key, 20),
      ...Array.from({ length: 8 }, () => verify(`resource:${key}`)),
    ]);
    expect(verdicts.map(({ valid, first_bad }) => [valid, first_bad])).toEqual(verdicts.map(() => [true, undefined]));
    expect(await verifyAll()).toMatchObject({ valid: true, bad: [] });
  });

  it("proves the chain of whatever can be locked, be it a resource key or not", async () => {
    for (const name of ["a nightly job", "pod:x", "/", "é".repeat(512)]) {
      await lockAndRelease(name);
      expect(await verify(`resource:${name}`), name).toMatchObject({ valid: true, checked: 2 });
    }
  });

  it("reads a chain of several pages to its end", async () => {
    const seqs = Array.from({ length: 2_500 }, (_, at) => at + 1);
    const entries = chain(workspace, "agent:many", seqs);
    for (let at = 0; at < entries.length; at += 500) {
      const shipment = { source: "agent:many", entries: entries.slice(at, at + 500), changes: [] };
      await inLedger(workspace, (ledger) => ledger.accept(shipment));
    }
    expect(await verifyAll()).toEqual({ valid: true, chains: 1, checked: 2_500, bad: [] });
  });

  it("knows nothing of subjects about which nothing was written", async () => {
    await lockAndRelease("database:here");
    const elsewhere = { "X-Workspace": `${workspace}-elsewhere` };
    for (const subject of [
      `task:${idOf(freshTaskAddress(Date.now()))}`,
      "task:6f2b1f6e-6a34-4c56-9a53-d3c1b0f3f2a1",
      "agent:nobody",
      "config",
    ]) {
      const answer = await root.get(`/audit/verify?subject=${subject}`, inWorkspace());
      expect(codeOf(answer), subject).toEqual([404, "NOT_FOUND"]);
    }
    const answer = await root.get("/audit/verify?subject=resource:database:here", elsewhere);
    expect(codeOf(answer)).toEqual([404, "NOT_FOUND"]);
  });

  it("calls no object for what cannot be a subject", async () => {
    const before = (await Promise.all([env.TASK, env.RESOURCE, env.AGENT].map(listDurableObjectIds))).flat().length;
    const lease = idOf(freshTaskAddress(Date.now()), 7);
    for (const subject of [`task:${lease}`, "task:6f2b1f6e-6a34-4c56-9a53-d3c1b0f3f2a1"]) {
      expect((await root.get(`/audit/verify?subject=${subject}`, inWorkspace())).status).toBe(404);
    }
    for (const subject of ["task:1", "resource:", `resource:${"x".repeat(513)}`, "agent:A", "inbox:ann", "x", ""]) {
      const answer = await root.get(`/audit/verify?subject=${subject}`, inWorkspace());
      expect(codeOf(answer), subject).toEqual([400, "VALIDATION_ERROR"]);
    }
    const after = (await Promise.all([env.TASK, env.RESOURCE, env.AGENT].map(listDurableObjectIds))).flat().length;
    expect(after).toBe(before);
  });

  it("is 503 while the trail cannot be brought up to date, of one subject and of all", async () => {
    await lockAndRelease("database:prod/orders");
    expect((await verify("resource:database:prod/orders")).valid).toBe(true);
    await giveDatabase(workspace, failingDatabase());
    await lockAndRelease("database:prod/orders");
    const answer = await root.get("/audit/verify?subject=resource:database:prod/orders", inWorkspace());
    expect(codeOf(answer)).toEqual([503, "UNAVAILABLE"]);
    expect(answer.headers.get("Retry-After")).toBe("2");
    expect(codeOf(await root.get("/audit/verify", inWorkspace()))).toEqual([503, "UNAVAILABLE"]);
    await giveDatabase(workspace, env.DB);
    expect(await verify("resource:database:prod/orders")).toMatchObject({ valid: true, checked: 4 });
  });
});

describe("GET /audit/verify of the whole trail", () => {
  it("goes through all chains page by page, each once", async () => {
    const keys = ["database:a", "database:b", "service:c", "service:界", "service:🌍"];
    for (const key of keys) {
      await lockAndRelease(key);
      await verify(`resource:${key}`);
    }
    await root.post("/policies", { id: "p", name: "p" }, inWorkspace());
    const pages: TrailVerdict[] = [];
    let cursor: string | undefined = "";
    while (cursor !== undefined) {
      const page: TrailVerdict = await verifyAll(`limit=2${cursor === "" ? "" : `&cursor=${cursor}`}`);
      pages.push(page);
      cursor = page.next_cursor;
    }
    expect(pages.map(({ valid }) => valid)).toEqual(pages.map(() => true));
    expect(pages.reduce((sum, { chains }) => sum + chains, 0)).toBe(6);
    expect(pages.reduce((sum, { checked }) => sum + checked, 0)).toBe(11);
  });

  it("is valid where nothing was ever written", async () => {
    expect(await verifyAll()).toEqual({ valid: true, chains: 0, checked: 0, bad: [] });
  });

  it("takes no cursor of another list", async () => {
    expect(codeOf(await root.get("/audit/verify?cursor=abc", inWorkspace()))).toEqual([400, "VALIDATION_ERROR"]);
  });
});

describe("GET /audit", () => {
  const task = "0198a1b2-c3d4-8e5f-9a6b-7c8d9e0f1a2b";

  async function search(query: string): Promise<Rows> {
    const { status, body } = await root.get<Rows>(`/audit?${query}`, inWorkspace());
    expect(status, JSON.stringify(body)).toBe(200);
    return body;
  }

  async function seqsOf(query: string): Promise<number[]> {
    return (await search(`sort_order=asc&limit=100&${query}`)).entries.map(({ seq }) => seq);
  }

  it("serves rows as they were journalled, the newest first", async () => {
    const entries = chain(workspace, "resource:database:prod/orders", [1, 2, 5]);
    await write(entries);
    const { entries: rows, pagination } = await search("");
    expect(rows.map(({ id: _, ...row }) => row)).toEqual(
      entries.map(({ entry, prev_hash, hash }) => ({ ...entry, prev_hash, hash })).reverse(),
    );
    expect(pagination).toEqual({ page: 1, limit: 20, total: 3, has_more: false });
  });

  it("filters by subject, by who, by request, by time, and by all together", async () => {
    await write(
      chain(workspace, "resource:x", [1, 2, 3, 4, 5, 6], (seq) => ({
        subject_type: seq % 2 === 0 ? "lock" : "resource",
        subject_id: seq < 4 ? "first" : "second",
        who: { id: seq === 5 ? "bob" : "ann", kind: "user", roles: [] },
      })),
    );
    const all = (await search("sort_order=asc")).entries;
    const at = (seq: number) => encodeURIComponent(all[seq - 1]?.at ?? "");
    expect(await seqsOf("subject_type=lock")).toEqual([2, 4, 6]);
    expect(await seqsOf("subject_id=first")).toEqual([1, 2, 3]);
    expect(await seqsOf("subject_type=lock&subject_id=first")).toEqual([2]);
    expect(await seqsOf("who=bob")).toEqual([5]);
    expect(await seqsOf(`from=${at(3)}`)).toEqual([3, 4, 5, 6]);
    expect(await seqsOf(`to=${at(3)}`)).toEqual([1, 2]);
    expect(await seqsOf(`from=${at(2)}&to=${at(5)}&subject_type=resource`)).toEqual([3]);
    expect(await seqsOf("request_id=6F2B1F6E-6A34-4C56-9A53-D3C1B0F3F2A1")).toEqual([1, 2, 3, 4, 5, 6]);
    expect(await seqsOf("request_id=00000000-0000-4000-8000-000000000000")).toEqual([]);
    expect(await seqsOf("who=ann' OR 'a'='a")).toEqual([]);
  });

  it("finds by task its own chain and what names it elsewhere", async () => {
    const own = { subject_type: "task", subject_id: task, details: {} };
    await write(chain(workspace, `task:${task}`, [1, 2], () => own));
    await write(
      chain(workspace, "resource:x", [11, 12, 13], (seq) => ({ details: seq === 12 ? { task_id: task } : { n: seq } })),
    );
    expect(await seqsOf(`task_id=${task.toUpperCase()}`)).toEqual([1, 2, 12]);
  });

  it("matches actions as patterns are matched everywhere", async () => {
    const actions = [
      "task.created",
      "task.approved",
      "task.auto_approved",
      "tasks.created",
      "taskXcreated",
      "approval.approved",
      "lock.released",
      "lock.queue_full",
    ];
    await write(
      chain(
        workspace,
        "resource:x",
        actions.map((_, at) => at + 1),
        (seq) => ({ action: actions[seq - 1] ?? "" }),
      ),
    );
    for (const pattern of [
      "task.created",
      "task.*",
      "*.approved",
      "*approved",
      "t*d",
      "**",
      "*",
      "lock.q*_f*",
      "task",
      "*.",
      "task.*_*",
    ]) {
      const expected = actions.flatMap((action, at) => (matches(pattern, action) ? [at + 1] : []));
      expect(await seqsOf(`action=${pattern}`), pattern).toEqual(expected);
    }
  });

  it("pages by cursor in both directions, with nothing twice though rows are added meanwhile", async () => {
    const entries = chain(
      workspace,
      "resource:x",
      Array.from({ length: 30 }, (_, at) => at + 1),
    );
    for (const [direction, expected] of [
      ["desc", Array.from({ length: 25 }, (_, at) => 25 - at)],
      ["asc", Array.from({ length: 30 }, (_, at) => at + 1)],
    ] as const) {
      await write(entries.slice(0, direction === "desc" ? 25 : 30));
      const seen: number[] = [];
      let cursor: string | undefined = "";
      while (cursor !== undefined) {
        const page: Rows = await search(`limit=7&sort_order=${direction}${cursor === "" ? "" : `&cursor=${cursor}`}`);
        seen.push(...page.entries.map(({ seq }) => seq));
        cursor = page.pagination.next_cursor;
        await write(entries);
      }
      expect(seen).toEqual(expected);
    }
  });

  it.each([
    ["from", "from=yesterday"],
    ["to", "to=2026-11-20"],
    ["action", "action=task:*"],
    ["task_id", "task_id=1"],
    ["request_id", "request_id=r-1"],
    ["sort_order", "sort_order=up"],
    ["limit", "limit=101"],
    ["cursor", "cursor=abc"],
    ["actor", "actor=config"],
  ])("names %s in what is wrong with %s", async (field, query) => {
    const answer = await root.get<ErrorBody>(`/audit?${query}`, inWorkspace());
    expect(codeOf(answer)).toEqual([400, "VALIDATION_ERROR"]);
    expect(answer.body.error.details?.field).toBe(field);
  });

  it("has its newest rows as a tail", async () => {
    await write(
      chain(
        workspace,
        "resource:x",
        Array.from({ length: 30 }, (_, at) => at + 1),
      ),
    );
    const tail = async (query: string) =>
      (await root.get<Rows>(`/audit/tail${query}`, inWorkspace())).body.entries.map(({ seq }) => seq);
    expect(await tail("?limit=3")).toEqual([30, 29, 28]);
    expect(await tail("")).toHaveLength(20);
  });

  it("shows nothing of another workspace", async () => {
    await write(chain(workspace, "resource:x", [1]));
    const elsewhere = { "X-Workspace": `${workspace}-elsewhere` };
    expect((await root.get<Rows>("/audit", elsewhere)).body.entries).toEqual([]);
    expect((await root.get<Rows>("/audit/tail", elsewhere)).body.entries).toEqual([]);
  });
});

describe("who may read the trail", () => {
  it("is everybody, unless their token is narrowed to something else", async () => {
    const author = await newUser("audit-author", ["author"]);
    const narrow = await root.post<{ token: string }>(`/users/${author.id}/tokens`, { scopes: ["tasks:read"] });
    for (const path of ["/audit", "/audit/tail", "/audit/verify", "/audit/verify?subject=config"]) {
      expect((await author.api.get(path)).status, path).toBe(200);
      expect(codeOf(await api(narrow.body.token).get(path)), path).toEqual([403, "FORBIDDEN"]);
      expect(codeOf(await api(null).get(path)), path).toEqual([401, "UNAUTHENTICATED"]);
    }
  });
});
