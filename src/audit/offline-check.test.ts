import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ChainedEntry, canonicalJson, linkHash } from "../actor/journal.ts";
import { chain, storedRow } from "./chain.fixture.ts";
import { ndjsonLine } from "./export-format.ts";
import { OfflineCheck, type OfflineOptions, type OfflineVerdict, Unreadable } from "./offline-check.ts";
import { newSigningKey, signed } from "./signature.ts";

const lineOf = (link: ChainedEntry) => ndjsonLine(storedRow(link)).trimEnd();

function check(lines: readonly string[], options: OfflineOptions = {}): Promise<OfflineVerdict> {
  const all = new OfflineCheck(options);
  for (const line of lines) all.take(line);
  return all.verdict();
}

const a = chain("ws", "task:a", [1, 2, 4, 5]);
const b = chain("ws", "resource:b", [1, 2, 3]);
/** Chains mixed, as D1 takes them. */
const lines = [a[0], b[0], a[1], b[1], b[2], a[2], a[3]].flatMap((link) => (link === undefined ? [] : [lineOf(link)]));

function without<T>(list: readonly T[], at: number): T[] {
  return list.filter((_, n) => n !== at);
}

describe("an export checked offline", () => {
  it("is valid as it was exported, and says what it cannot prove", async () => {
    const verdict = await check(lines);
    expect(verdict).toMatchObject({ valid: true, rows: 7, chains: 2, begin_later: 0, gaps: 0, problems: [] });
    expect(verdict.not_proven.join()).toMatch(/no chain is missing/);
  });

  it("finds any change of any row, at its line", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(lines.length - 1),
        fc.constantFrom("action", "subject_id", "at", "request_id", "seq", "who", "details", "workspace"),
        async (at, field) => {
          const row = JSON.parse(lines[at] ?? "{}") as Record<string, unknown>;
          const value = field === "seq" ? 99 : `${JSON.stringify(row[field])}x`;
          const forged = JSON.stringify({ ...row, [field]: value });
          const { valid, problems } = await check(lines.with(at, forged));
          expect(valid).toBe(false);
          expect(problems[0]).toMatchObject({ line: at + 1, problem: "altered" });
        },
      ),
    );
  });

  it("finds a row that was removed from the middle of its chain, moved, or put in twice", async () => {
    expect(await check(without(lines, 2))).toMatchObject({
      valid: false,
      problems: [{ line: 5, problem: "unlinked", chain: "task:a", seq: 4 }],
    });
    const [first = "", second = "", third = "", ...rest] = lines;
    expect((await check([third, second, first, ...rest])).valid).toBe(false);
    expect((await check([first, first, second, third, ...rest])).valid).toBe(false);
  });

  it("finds a row that was rewritten with a hash of its own by the row after it", async () => {
    const [, second, third] = a;
    if (second === undefined || third === undefined) throw new Error("four links");
    const entry = { ...second.entry, action: "lock.forged" };
    const forged = { entry, prev_hash: second.prev_hash, hash: linkHash(second.prev_hash, canonicalJson(entry)) };
    expect((await check(lines.with(2, lineOf(forged)))).problems).toMatchObject([{ line: 6, problem: "unlinked" }]);
  });

  it("takes gaps of a filter for what they are, and nothing else", async () => {
    const filtered = without(without(lines, 2), 0);
    expect(await check(filtered, { filtered: true })).toMatchObject({ valid: true, begin_later: 1, gaps: 0 });
    const gap = without(lines, 2);
    expect(await check(gap, { filtered: true })).toMatchObject({ valid: true, gaps: 1 });
    expect((await check(gap, { filtered: true })).not_proven.join()).toMatch(/filter/);
    // Neighbours by number have no room for a row between them.
    const [, second] = a;
    const other = chain("ws", "task:a", [3], undefined, { hash: "f".repeat(64) })[0];
    if (second === undefined || other === undefined) throw new Error("links");
    expect((await check([lineOf(second), lineOf(other)], { filtered: true })).problems).toMatchObject([
      { problem: "unlinked" },
    ]);
  });

  it("finds a line that says one thing to one reader and another to the next", async () => {
    const twice = (lines[0] ?? "").replace("{", '{"action":"lock.harmless",');
    expect((await check(lines.with(0, twice))).problems[0]).toMatchObject({ line: 1, problem: "respelled" });
  });

  it("finds rows missing at the end if it knows how many there must be", async () => {
    expect((await check(lines.slice(0, -1))).valid).toBe(true);
    expect((await check(lines.slice(0, -1), { rows: 7 })).problems).toMatchObject([{ line: 0, problem: "incomplete" }]);
    expect((await check(lines, { rows: 7 })).valid).toBe(true);
  });

  it.each(["", "{", "[]", "null", "7", '{"a":1}', '{"actor":"a","seq":"1","prev_hash":"","hash":"","workspace":"w"}'])(
    "is unreadable with a line like %j",
    (line) => {
      expect(() => new OfflineCheck().take(line)).toThrow(Unreadable);
    },
  );

  it("keeps count of more problems than it lists", async () => {
    const forged = lines.map((line) => line.replace("lock.released", "lock.forged"));
    const many = Array.from({ length: 50 }, () => forged).flat();
    const { problems, problems_total } = await check(many);
    expect(problems).toHaveLength(100);
    expect(problems_total).toBeGreaterThan(300);
  });
});

describe("a retention file checked offline", () => {
  const part = (links: readonly ChainedEntry[], actor: string) => {
    const [first] = links;
    const last = links.at(-1);
    const from = { seq: 0, hash: first?.prev_hash };
    const to = { seq: last?.entry.seq, hash: last?.hash };
    return [...links.map(lineOf), JSON.stringify({ chain: { actor, from, to, rows: links.length } })];
  };
  const body = [...part(b, "resource:b"), ...part(a, "task:a")];

  async function sealed(of = body, more: object = {}) {
    const key = await newSigningKey();
    const sha256 = createHash("sha256")
      .update(of.map((line) => `${line}\n`).join(""))
      .digest("hex");
    const retention = { format: "countersign-retention-1", workspace: "ws", rows: 7, chains: 2, sha256, ...more };
    const last = JSON.stringify({ retention, public_key: key.x, signature: await signed(key, retention) });
    return { key, last, file: [...of, last] };
  }

  it("is valid with its own key, and proves all with the workspace's", async () => {
    const { file, key } = await sealed();
    expect((await check(file)).not_proven.join()).toMatch(/whose signature/);
    expect(await check(file, { publicKey: key.x })).toMatchObject({ valid: true, not_proven: [] });
  });

  it("is not valid with another key, without its end, or with lines after it", async () => {
    const { file, last, key } = await sealed();
    const other = await newSigningKey();
    expect((await check(file, { publicKey: other.x })).problems).toMatchObject([{ problem: "unsigned" }]);
    expect((await check(body, { publicKey: key.x })).problems).toMatchObject([{ problem: "unsigned" }]);
    expect((await check([...file, last])).problems).toMatchObject([{ problem: "appended" }]);
    const forged = file.with(-1, last.replace('"workspace":"ws"', '"workspace":"wt"'));
    expect((await check(forged)).problems).toMatchObject([{ problem: "unsigned" }]);
  });

  it("is not valid when a whole chain, a last row or a chain's line is missing, though it links well", async () => {
    const { file, key } = await sealed();
    const expected = { publicKey: key.x };
    for (const cut of [
      file.slice(4),
      without(file, 3),
      file.filter((line) => line !== lines.at(-1)),
      without(file, file.length - 2),
    ]) {
      const { valid, problems } = await check(cut, expected);
      expect(valid).toBe(false);
      expect(problems.map(({ problem }) => problem)).toContain("contradicted");
    }
  });

  it("is not valid when its signed counts are not what it holds", async () => {
    const { file } = await sealed(body, { rows: 8 });
    expect((await check(file)).problems).toMatchObject([{ problem: "contradicted" }]);
  });
});
