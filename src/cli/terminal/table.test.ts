import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { elapsed } from "./elapsed.ts";
import { isColoured, paintOf } from "./paint.ts";
import { plainLine, plainLines } from "./plain-text.ts";
import { type Look, table } from "./table.ts";
import { fitted, padded, widthOf } from "./text-width.ts";

const look = (width: number): Look => ({ paint: paintOf(false), width, now: 0 });

describe("the width of text", () => {
  it("is two columns for a CJK character and an emoji, none for a combining mark", () => {
    expect(["abc", "数据库", "한글", "👍", "👨‍👩‍👧", "e\u0301", "ｶﾞ", "Ａ", ""].map(widthOf)).toEqual([
      3, 6, 4, 2, 2, 1, 2, 2, 0,
    ]);
  });

  it("is never more than was asked for once it is fitted, and text that fits stays as it is", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 20 }), fc.integer({ min: 0, max: 20 }), (text, columns) => {
        const shown = fitted(text, columns);
        expect(widthOf(shown)).toBeLessThanOrEqual(columns);
        if (widthOf(text) <= columns) expect(shown).toBe(text);
      }),
    );
    expect(fitted("数据库迁移", 6)).toBe("数据…");
    expect(padded("数据", 6)).toBe("数据  ");
  });
});

describe("a table", () => {
  const columns = [
    { title: "ID", text: ({ id }: { id: string }) => id },
    { title: "WHAT", text: ({ what }: { what: string }) => what, flexible: true },
    { title: "N", text: () => "7" },
  ];

  it("lines its columns up, whatever is in them", () => {
    const rows = [
      { id: "1", what: "数据" },
      { id: "22", what: "data" },
    ];
    expect(table(columns, rows, look(Number.POSITIVE_INFINITY)).split("\n")).toEqual([
      "ID  WHAT  N",
      "1   数据  7",
      "22  data  7",
    ]);
  });

  it("cuts flexible columns to the width of the terminal and leaves ids whole", () => {
    const lines = table(columns, [{ id: "an-id-as-it-is", what: "a long description of it" }], look(32)).split("\n");
    expect(lines[1]).toBe("an-id-as-it-is  a long descr…  7");
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 60 }), fc.integer({ min: 20, max: 80 }), (what, width) => {
        for (const line of table(columns, [{ id: "id", what }], look(width)).split("\n"))
          expect(widthOf(line)).toBeLessThanOrEqual(width);
      }),
    );
  });
});

describe("text of others", () => {
  it("moves no cursor, hides nothing, and keeps its lines only where lines are wanted", () => {
    expect(plainLine("a\x1b[2Jb\nc\u202ed\u009b\x7f")).toBe("a␛[2Jb␊c�d�␡");
    expect(plainLines("a\n\tb\x1b\r")).toBe("a\n\tb␛␍");
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 0x20ff })), (codes) => {
        const text = String.fromCodePoint(...codes);
        expect(plainLine(text)).not.toMatch(/[\p{Cc}\p{Bidi_Control}\u2028\u2029]/u);
      }),
    );
  });
});

describe("colour", () => {
  it("is for terminals, unless the environment says otherwise", () => {
    expect(isColoured({}, true)).toBe(true);
    expect(isColoured({}, false)).toBe(false);
    expect(isColoured({ TERM: "dumb" }, true)).toBe(false);
    expect(isColoured({ FORCE_COLOR: "1" }, false)).toBe(true);
    expect(isColoured({ FORCE_COLOR: "0" }, true)).toBe(false);
    expect(isColoured({ NO_COLOR: "1", FORCE_COLOR: "1" }, true)).toBe(false);
    expect(isColoured({ NO_COLOR: "" }, true)).toBe(true);
    expect(paintOf(true)("red", "x")).toBe("\x1b[31mx\x1b[39m");
  });
});

describe("times", () => {
  it("are told as people say them", () => {
    const now = Date.parse("2026-01-02T00:00:00Z");
    const told = (at: string | undefined) => elapsed(at, now);
    expect(told("2026-01-01T23:59:30Z")).toBe("30s ago");
    expect(told("2026-01-02T02:10:00Z")).toBe("in 2h");
    expect(told("2026-01-02T00:00:00.2Z")).toBe("now");
    expect(told("2025-12-01T00:00:00Z")).toBe("32d ago");
    expect(told(undefined)).toBe("-");
  });
});
