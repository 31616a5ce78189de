import { DatabaseSync } from "node:sqlite";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RequestFailure } from "./failure.ts";
import { condition, type Order, oneOf, type Page, paged, readCursor, writeCursor } from "./pagination.ts";

interface Row {
  readonly id: string;
  readonly score: number | null;
}

type Bound = { query: string; binds: (string | number)[] };

/** As much of D1 as `paged` uses, over the SQLite of Node. */
function database(rows: readonly Row[]) {
  const sqlite = new DatabaseSync(":memory:");
  sqlite.exec("CREATE TABLE things (workspace TEXT NOT NULL, id TEXT NOT NULL, score INTEGER)");
  const insert = ({ id, score }: Row) => sqlite.prepare("INSERT INTO things VALUES ('w', ?, ?)").run(id, score);
  rows.forEach(insert);
  const db = {
    prepare: (query: string) => ({ bind: (...binds: (string | number)[]): Bound => ({ query, binds }) }),
    batch: async (statements: Bound[]) =>
      statements.map(({ query, binds }) => ({
        results: sqlite
          .prepare(query)
          .all(...binds)
          .map((row) => ({ ...row })),
      })),
  } as unknown as D1Database;
  const remove = (id: string) => sqlite.prepare("DELETE FROM things WHERE id = ?").run(id);
  return { db, insert, remove };
}

function list(order: Order) {
  return { select: "id, score", from: "things", where: [condition("workspace = ?", "w")], order };
}

const byId: Order = { column: "id", direction: "asc" };
const byScore = (direction: "asc" | "desc"): Order => ({
  column: "score",
  direction,
  tiebreaker: "id",
  nullable: true,
});

function numbered(count: number): Row[] {
  return Array.from({ length: count }, (_, n) => ({ id: `t${String(n).padStart(3, "0")}`, score: n % 3 }));
}

function refusalOf(read: () => unknown) {
  try {
    read();
  } catch (thrown) {
    if (thrown instanceof RequestFailure) return thrown.failure;
    throw thrown;
  }
  return undefined;
}

describe("pages", () => {
  it("are 20 rows long unless a limit says otherwise, and say how many there are in all", async () => {
    const { db } = database(numbered(45));
    const first = await paged<Row>(db, list(byId), {});
    expect(first.rows).toHaveLength(20);
    expect(first.rows[0]).toStrictEqual({ id: "t000", score: 0 });
    expect(first.pagination).toMatchObject({ page: 1, limit: 20, total: 45, has_more: true });
    const third = await paged<Row>(db, list(byId), { page: 3 });
    expect(third.rows.map((row) => row.id)).toEqual(["t040", "t041", "t042", "t043", "t044"]);
    expect(third.pagination).toStrictEqual({ page: 3, limit: 20, total: 45, has_more: false });
  });

  it("have no more and no cursor when the last row ends the page exactly", async () => {
    const { db } = database(numbered(4));
    const last = await paged<Row>(db, list(byId), { page: 2, limit: 2 });
    expect(last.pagination).toStrictEqual({ page: 2, limit: 2, total: 4, has_more: false });
  });

  it("beyond the end are empty, with the total still told", async () => {
    const { db } = database(numbered(4));
    const beyond = await paged<Row>(db, list(byId), { page: 1_000_000, limit: 100 });
    expect(beyond).toStrictEqual({ rows: [], pagination: { page: 1_000_000, limit: 100, total: 4, has_more: false } });
  });

  it("are of the rows that every condition holds for, and never another workspace's", async () => {
    const { db } = database(numbered(9));
    const query = {
      ...list(byId),
      where: [condition("workspace = ?", "w"), oneOf("score", [0, 2]), condition("id < ?", "t005")],
    };
    const { rows, pagination } = await paged<Row>(db, query, {});
    expect(rows.map((row) => row.id)).toEqual(["t000", "t002", "t003"]);
    expect(pagination.total).toBe(3);
    const elsewhere = { ...list(byId), where: [condition("workspace = ?", "x")] };
    expect((await paged<Row>(db, elsewhere, {})).rows).toEqual([]);
  });

  it.each(["asc", "desc"] as const)(
    "found by a key first are the same, %s, by number and by cursor",
    async (direction) => {
      const { db } = database(numbered(25));
      const query = {
        ...list({ column: "id", direction }),
        where: [condition("workspace = ?", "w"), oneOf("score", [1, 2])],
      };
      for (
        let request: { page?: number; limit: number; cursor?: string } | undefined = { page: 2, limit: 4 };
        request;
      ) {
        const found: Page<Row> = await paged<Row>(db, { ...query, key: "id" }, request);
        expect(found).toStrictEqual(await paged<Row>(db, query, request));
        const { next_cursor } = found.pagination;
        request = next_cursor === undefined ? undefined : { limit: 4, cursor: next_cursor };
      }
    },
  );

  it("keep a condition with OR to itself", async () => {
    const { db } = database(numbered(3));
    const query = {
      ...list(byId),
      where: [condition("workspace = ?", "x"), condition("id = ? OR id = ?", "t000", "t001")],
    };
    expect((await paged<Row>(db, query, {})).rows).toEqual([]);
  });
});

describe("cursors", () => {
  it("win over page and carry on with its number", async () => {
    const { db } = database(numbered(10));
    const first = await paged<Row>(db, list(byId), { limit: 3, page: 2 });
    const { rows, pagination } = await paged<Row>(db, list(byId), {
      limit: 3,
      page: 7,
      cursor: first.pagination.next_cursor,
    });
    expect(rows.map((row) => row.id)).toEqual(["t006", "t007", "t008"]);
    expect(pagination).toMatchObject({ page: 3, total: 10, has_more: true });
  });

  it("walk through every row once, in order, whatever is equal or null", async () => {
    const rows = fc.uniqueArray(
      fc.record({
        id: fc.string({ minLength: 1, maxLength: 6 }).filter((id) => !id.includes("\0")),
        score: fc.option(fc.integer({ min: -2, max: 2 })),
      }),
      { selector: (row) => row.id, maxLength: 30 },
    );
    const walk = fc.asyncProperty(
      rows,
      fc.constantFrom("asc", "desc"),
      fc.integer({ min: 1, max: 7 }),
      async (given, direction, limit) => {
        const { db } = database(given);
        const order = byScore(direction);
        const whole = await paged<Row>(db, list(order), { limit: 100 });
        const seen: Row[] = [];
        for (let cursor: string | undefined; ; ) {
          const { rows, pagination } = await paged<Row>(db, list(order), { limit, cursor });
          seen.push(...rows);
          expect(pagination.has_more).toBe(pagination.next_cursor !== undefined);
          cursor = pagination.next_cursor;
          if (cursor === undefined) break;
        }
        expect(seen).toEqual(whole.rows);
        expect(seen).toHaveLength(given.length);
      },
    );
    await fc.assert(walk, { numRuns: 100 });
  });

  it("neither repeat nor skip when rows before them come and go", async () => {
    const { db, insert, remove } = database(numbered(6));
    const first = await paged<Row>(db, list(byId), { limit: 3 });
    insert({ id: "a", score: 1 });
    remove("t001");
    remove("t002");
    const second = await paged<Row>(db, list(byId), { limit: 3, cursor: first.pagination.next_cursor });
    expect(second.rows.map((row) => row.id)).toEqual(["t003", "t004", "t005"]);
  });

  it("are refused once any character of them is changed, by a 400 that names cursor", () => {
    const good = writeCursor({ sort_value: "2026-11-20T22:46:52.123Z", sort_tie: "t1" }, 2, byScore("asc"));
    expect(readCursor(good, byScore("asc"))).toEqual({
      page: 2,
      sort_value: "2026-11-20T22:46:52.123Z",
      sort_tie: "t1",
    });
    for (let at = 0; at < good.length; at++) {
      const other = good[at] === "A" ? "B" : "A";
      const refused = refusalOf(() => readCursor(good.slice(0, at) + other + good.slice(at + 1), byScore("asc")));
      expect(refused).toMatchObject({ code: "VALIDATION_ERROR", details: { field: "cursor" } });
    }
  });

  it("are refused in a list of another order", () => {
    const good = writeCursor({ sort_value: 1, sort_tie: "t1" }, 2, byScore("asc"));
    expect(refusalOf(() => readCursor(good, byScore("desc")))).toBeDefined();
    expect(refusalOf(() => readCursor(good, byId))).toBeDefined();
  });

  it("are refused when they are anything else", () => {
    const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const strange = [
      "",
      "null",
      " ",
      "!!!",
      "ÿ",
      "\0",
      encoded(null),
      encoded({}),
      encoded([]),
      encoded([1, {}, "x", "y"]),
    ];
    for (const text of [...strange, encoded([2, "t", null, "AAAAAAAA"]), "'; DROP TABLE things; --"]) {
      expect(
        refusalOf(() => readCursor(text, byId)),
        text,
      ).toMatchObject({ code: "VALIDATION_ERROR" });
    }
    fc.assert(fc.property(fc.string(), (text) => refusalOf(() => readCursor(text, byId)) !== undefined));
  });
});
