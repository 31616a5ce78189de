import { DatabaseSync } from "node:sqlite";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { KIT_MIGRATIONS, KIT_TABLES, partsOf } from "./storage.ts";

const text = fc.string({ unit: fc.constantFrom("a", "é", "€", "😀", "👩‍👩‍👧", "\ud83d", "\ude00", "\u0000") });

describe("the parts of a document", () => {
  it("give the text again when they are joined", () => {
    fc.assert(
      fc.property(text, fc.integer({ min: 2, max: 9 }), (whole, size) => {
        expect(partsOf(whole, size).join("")).toBe(whole);
      }),
    );
  });

  it("are never empty and never longer than asked", () => {
    fc.assert(
      fc.property(text, fc.integer({ min: 2, max: 9 }), (whole, size) => {
        for (const part of partsOf(whole, size)) {
          expect(part.length).toBeGreaterThan(0);
          expect(part.length).toBeLessThanOrEqual(size);
        }
      }),
    );
  });

  it("never cut a character outside the basic plane in two: UTF-8 could not store the halves", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.integer({ min: 2, max: 5 }), (whole, size) => {
        for (const part of partsOf(whole, size)) expect(part.isWellFormed()).toBe(true);
      }),
    );
    expect(partsOf("a😀😀", 2)).toEqual(["a", "😀", "😀"]);
  });

  it("of nothing are none", () => {
    expect(partsOf("", 10)).toEqual([]);
  });
});

/** Tables with their columns, kinds and indexes, as SQLite understood these scripts. */
function schemaOf(...scripts: readonly string[]): unknown {
  const database = new DatabaseSync(":memory:");
  for (const script of scripts) database.exec(script);
  const ask = (query: string, ...names: string[]) => database.prepare(query).all(...names);
  const tables = ask("SELECT name, wr, strict FROM pragma_table_list WHERE name NOT LIKE 'sqlite_%' ORDER BY name");
  return tables.map((table) => ({
    ...table,
    columns: ask("SELECT * FROM pragma_table_xinfo(?)", String(table.name)),
    indexes: ask("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ?", String(table.name)),
  }));
}

describe("the tables of a new actor", () => {
  it("are those of one that went through every migration", () => {
    expect(schemaOf(KIT_TABLES)).toEqual(schemaOf(...KIT_MIGRATIONS));
  });
});
