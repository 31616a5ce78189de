import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { chain, storedRow } from "./chain.fixture.ts";
import { exportHead, exportLines } from "./export-format.ts";
import type { StoredAuditRow } from "./query.ts";

/** RFC 4180, read by its own grammar. */
function parsedCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  for (const [, quoted, plain = "", end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/g)) {
    row.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (end === ",") continue;
    rows.push(row);
    row = [];
  }
  return rows;
}

const [first] = chain("ws", "task:a", [1]);
if (first === undefined) throw new Error("a chain of one");
const plain = storedRow(first);

describe("an export", () => {
  it("as NDJSON is one line a row, whatever stands in it", () => {
    const text = fc.string({ unit: "binary" });
    fc.assert(
      fc.property(fc.array(fc.record({ subject_id: text, note: text })), (given) => {
        const rows = given.map(({ subject_id, note }) => ({ ...plain, subject_id, details: JSON.stringify({ note }) }));
        const lines = (exportHead("ndjson") + exportLines("ndjson", rows)).split("\n");
        expect(lines.pop()).toBe("");
        expect(lines.map((line) => JSON.parse(line))).toMatchObject(
          given.map(({ subject_id, note }) => ({ subject_id, details: { note } })),
        );
      }),
    );
  });

  it("as CSV has the columns of the specification, and gives each cell back as it was", () => {
    const cell = fc.oneof(fc.string(), fc.constantFrom('"', '""', ",", "\r\n", "\n", '",\r\n"', "=1+1", "@x", ""));
    fc.assert(
      fc.property(fc.array(fc.record({ subject_id: cell, note: cell })), (given) => {
        const rows = given.map(({ subject_id, note }) => ({ ...plain, subject_id, details: JSON.stringify({ note }) }));
        const [head, ...cells] = parsedCsv(exportHead("csv") + exportLines("csv", rows));
        expect(head?.join()).toBe(
          "id,workspace,actor,seq,subject_type,subject_id,action,from_state,to_state,who,at,where,why,request_id,details,prev_hash,hash",
        );
        expect(cells).toEqual(
          rows.map((row) => (head ?? []).map((name) => String(row[name as keyof StoredAuditRow] ?? ""))),
        );
      }),
    );
  });

  it("shows a column that is no JSON any more as it stands: whoever tampered with it stops no export", () => {
    const row = { ...plain, who: "no JSON" };
    expect(JSON.parse(exportLines("ndjson", [row]))).toMatchObject({ who: "no JSON" });
    expect(exportLines("csv", [row])).toContain(",no JSON,");
  });
});
