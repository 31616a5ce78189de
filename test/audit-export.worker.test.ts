import { createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { chain } from "../src/audit/chain.fixture.ts";
import type { AuditRow } from "../src/audit/contract.ts";
import { OfflineCheck } from "../src/audit/offline-check.ts";
import type { Env } from "../src/env.ts";
import worker from "../src/worker.ts";
import { type ErrorBody, root } from "./support/api.ts";
import { pastTriggers } from "./support/database.ts";
import { freshWorkspace, inWorkspace, lockAndRelease, verifyAll, workspace, write } from "./support/trail.ts";

beforeEach(freshWorkspace);

const headers = () => ({ Authorization: `Bearer ${env.ROOT_TOKEN}`, ...inWorkspace() });

async function exported(query = "", bindings: Env = env): Promise<Response> {
  const url = `https://countersign.test/api/v1/audit/export?${query}`;
  return worker.fetch(new Request(url, { headers: headers() }), bindings, createExecutionContext());
}

async function textOf(response: Response): Promise<string> {
  return new TextDecoder().decode(await response.arrayBuffer());
}

async function rowsOf(query = ""): Promise<AuditRow[]> {
  const text = await textOf(await exported(query));
  return text
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as AuditRow);
}

interface Page {
  readonly entries: readonly unknown[];
  readonly pagination: { readonly next_cursor?: string };
}

/** All of it through `GET /audit`, page by page. */
async function listed(query: string): Promise<unknown[]> {
  const rows: unknown[] = [];
  for (let cursor: string | undefined = ""; cursor !== undefined; ) {
    const path: string = `/audit?sort_order=asc&limit=100&${query}${cursor === "" ? "" : `&cursor=${cursor}`}`;
    const page: Page = (await root.get<Page>(path, inWorkspace())).body;
    rows.push(...page.entries);
    cursor = page.pagination.next_cursor;
  }
  return rows;
}

const numbers = (count: number) => Array.from({ length: count }, (_, at) => at + 1);

describe("GET /audit/export", () => {
  it("gives every row as the list serves it, oldest first, and proves itself offline", async () => {
    await lockAndRelease("database:prod/orders", 4);
    await lockAndRelease("service:web", 2);
    await root.post("/policies", { id: "p", name: "p" }, inWorkspace());
    await verifyAll();
    // Two rows a lease, one of the policy: what still lingers in its actor would come between the export and the list.
    await vi.waitFor(async () => expect(await listed("")).toHaveLength(13));
    const response = await exported();
    expect(response.status).toBe(200);
    expect(response.headers.get("Content-Type")).toBe("application/x-ndjson; charset=utf-8");
    expect(response.headers.get("Content-Disposition")).toBe(`attachment; filename="audit-${workspace}.ndjson"`);
    const lines = (await textOf(response)).split("\n");
    expect(lines.pop()).toBe("");
    const rows = lines.map((line) => JSON.parse(line) as AuditRow);
    expect(rows.length).toBeGreaterThan(8);
    expect(rows).toEqual(await listed(""));
    expect(response.headers.get("Audit-Rows")).toBe(String(rows.length));
    expect(response.headers.get("Audit-Last-Id")).toBe(String(rows.at(-1)?.id));
    const check = new OfflineCheck({ rows: rows.length });
    for (const line of lines) check.take(line);
    expect(await check.verdict()).toMatchObject({ valid: true, rows: rows.length, begin_later: 0 });
  });

  it("takes the filters of the list", async () => {
    await write(
      chain(workspace, "resource:x", numbers(300), (seq) => ({
        action: seq % 3 === 0 ? "lock.released" : "task.approved",
        subject_id: seq % 2 === 0 ? "even" : "odd",
        who: { id: seq % 5 === 0 ? "bob" : "ann", kind: "user", roles: [] },
        details: seq % 7 === 0 ? { task_id: "0198a1b2-c3d4-8e5f-9a6b-7c8d9e0f1a2b" } : { n: seq },
      })),
    );
    const all = await rowsOf();
    const [from, to] = [20, 250].map((at) => encodeURIComponent(all[at]?.at ?? ""));
    for (const query of [
      "action=lock.released",
      "action=task.*",
      "subject_id=even",
      "subject_type=resource&subject_id=odd",
      "who=bob",
      "task_id=0198a1b2-c3d4-8e5f-9a6b-7c8d9e0f1a2b",
      `from=${from}&to=${to}`,
      `from=${from}&who=bob&action=*.approved`,
      "request_id=6f2b1f6e-6a34-4c56-9a53-d3c1b0f3f2a1",
      "who=nobody",
    ]) {
      const rows = await rowsOf(query);
      expect(rows, query).toEqual(await listed(query));
      expect(rows.length > 0, query).toBe(query !== "who=nobody");
    }
  });

  it("goes through many pages, and ends with the row that was the last when it began", async () => {
    for (let at = 0; at < 9_000; at += 1_000) {
      await write(
        chain(workspace, `task:${at}`, numbers(1_000), (seq) => ({ details: { note: `${seq}`.repeat(seq % 50) } })),
      );
    }
    const response = await exported();
    expect(response.headers.get("Audit-Rows")).toBe("9000");
    await write(chain(workspace, "task:late", [1, 2]));
    const ids = (await textOf(response))
      .split("\n")
      .slice(0, -1)
      .map((line) => (JSON.parse(line) as AuditRow).id);
    expect(ids).toHaveLength(9_000);
    expect(ids).toEqual([...ids].sort((a, b) => a - b));
    expect(String(ids.at(-1))).toBe(response.headers.get("Audit-Last-Id"));
  });

  it("holds few of the largest rows at a time, whoever reads slowly", async () => {
    const large = chain(workspace, "task:large", numbers(20), () => ({ details: { note: "x".repeat(400_000) } }));
    await write(large);
    const pages: number[] = [];
    const watched = { ...env, DB: watching(env.DB, (rows) => pages.push(rows)) };
    const response = await exported("", watched);
    const reader = response.body?.getReader();
    for (const taken of [1, 2]) {
      const piece = await reader?.read();
      expect(piece?.value?.byteLength).toBeGreaterThan(400_000);
      // However long nobody reads on, nothing is fetched but the one piece that is ready next.
      for (let turn = 0; turn < 5; turn += 1) await env.DB.prepare("SELECT 1").first();
      expect(pages.length).toBeLessThanOrEqual(taken + 1);
    }
    expect(Math.max(...pages)).toBeLessThanOrEqual(6);
    await reader?.cancel();
    expect(await rowsOf()).toHaveLength(20);
  });

  it("leaves others their turn between its pages, however fast somebody reads", async () => {
    await write(chain(workspace, "task:a", numbers(20), () => ({ details: { note: "x".repeat(400_000) } })));
    const turns: string[] = [];
    const others = setInterval(() => turns.push("others"), 0);
    const text = await textOf(await exported("", { ...env, DB: watching(env.DB, () => turns.push("page")) }));
    clearInterval(others);
    expect(text.split("\n")).toHaveLength(21);
    const pages = turns.flatMap((turn, at) => (turn === "page" ? [at] : []));
    expect(pages.length).toBeGreaterThan(3);
    expect(pages.slice(1).every((at) => turns[at - 1] === "others")).toBe(true);
  });

  it("is broken off when the database fails on the way: what came is not taken for all", async () => {
    await write(chain(workspace, "task:a", numbers(20), () => ({ details: { note: "x".repeat(400_000) } })));
    let pages = 0;
    const failing = {
      ...env,
      DB: watching(env.DB, () => {
        pages += 1;
        if (pages === 3) throw new Error("D1_ERROR: down");
      }),
    };
    const response = await exported("", failing);
    expect(response.status).toBe(200);
    expect(response.headers.get("Audit-Rows")).toBe("20");
    await expect(textOf(response)).rejects.toThrow();
  });

  it("as CSV has a head, the columns of the specification, and nothing that a spreadsheet runs", async () => {
    await write(
      chain(workspace, "resource:x", [1, 2], (seq) => ({
        subject_id: seq === 1 ? "database:=cmd|'/c calc'!A1" : "@ann",
        details: { note: '=1+1,"quoted"\r\n' },
      })),
    );
    const response = await exported("format=csv");
    expect(response.headers.get("Content-Type")).toMatch(/^text\/csv/);
    const [head, first, ...rest] = (await textOf(response)).split("\r\n");
    expect(head?.split(",").slice(0, 4)).toEqual(["id", "workspace", "actor", "seq"]);
    expect(first).toContain(`,resource,database:=cmd|'/c calc'!A1,lock.released,held,free,"{""`);
    expect(rest.at(-1)).toBe("");
    expect(response.headers.get("Audit-Rows")).toBe("2");
  });

  it("goes on past a row that was tampered with: the check of the file finds it", async () => {
    await write(chain(workspace, "task:a", [1, 2, 3]));
    await pastTriggers(() =>
      env.DB.prepare(`UPDATE audit_log SET "where" = 'no JSON' WHERE workspace = ? AND seq = 2`).bind(workspace).run(),
    );
    const check = new OfflineCheck();
    for (const row of await rowsOf()) check.take(JSON.stringify(row));
    expect((await check.verdict()).problems).toMatchObject([{ line: 2, problem: "altered" }]);
  });

  it("of nothing has no rows", async () => {
    expect(await rowsOf()).toEqual([]);
    expect(await textOf(await exported("format=csv"))).toMatch(/^id,.*,hash\r\n$/);
  });

  it.each([
    ["format", "format=xml"],
    ["limit", "limit=5"],
    ["cursor", "cursor=x"],
    ["action", "action=task:*"],
  ])("names %s in what is wrong with %s", async (field, query) => {
    const { status, body } = await root.get<ErrorBody>(`/audit/export?${query}`, inWorkspace());
    expect([status, body.error.details?.field]).toEqual([400, field]);
  });
});

/** The database, telling of each page of rows that it gives. */
function watching(db: D1Database, seen: (rows: number) => void): D1Database {
  const wrapped = (statement: D1PreparedStatement): D1PreparedStatement =>
    ({
      bind: (...values: unknown[]) => wrapped(statement.bind(...values)),
      first: () => statement.first(),
      all: async () => {
        const answer = await statement.all();
        seen(answer.results.length);
        return answer;
      },
    }) as unknown as D1PreparedStatement;
  return { prepare: (query: string) => wrapped(db.prepare(query)) } as unknown as D1Database;
}
