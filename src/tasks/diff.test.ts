import { applyPatch } from "diff";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { JsonObject } from "../wire.ts";
import { MAX_DIFF_BYTES, unifiedDiff } from "./diff.ts";
import { prettyJson } from "./stable-json.ts";

const objects: fc.Arbitrary<JsonObject> = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 6 });
const bytesOf = (text: string) => new TextEncoder().encode(text).byteLength;
const lines = (value: JsonObject | null) => (value === null ? "" : `${prettyJson(value)}\n`);
const numbered = (prefix: string, count: number) => Array.from({ length: count }, (_, index) => `${prefix}${index}`);

describe("the diff of a change", () => {
  it("is a unified diff of the pretty-printed JSON with sorted keys", () => {
    expect(unifiedDiff({ replicas: 2, image: "a:1", env: {} }, { image: "a:2", env: {}, replicas: 2 })).toBe(
      [
        "--- before",
        "+++ after",
        "@@ -1,5 +1,5 @@",
        " {",
        '   "env": {},',
        '-  "image": "a:1",',
        '+  "image": "a:2",',
        '   "replicas": 2',
        " }",
        "",
      ].join("\n"),
    );
  });

  it("is empty when nothing changes, whatever the order of keys", () => {
    expect(unifiedDiff({ a: 1, b: { c: 2, d: 3 } }, { b: { d: 3, c: 2 }, a: 1 })).toBe("");
    expect(unifiedDiff(null, null)).toBe("");
  });

  it("removes every line on a delete", () => {
    expect(unifiedDiff({ a: 1 }, null)).toBe('--- before\n+++ after\n@@ -1,3 +0,0 @@\n-{\n-  "a": 1\n-}\n');
  });

  it("turns before into after when applied as a patch", () => {
    const states = fc.option(objects);
    fc.assert(
      fc.property(states, states, (before, after) => {
        expect(applyPatch(lines(before), unifiedDiff(before, after))).toBe(lines(after));
      }),
    );
  });

  it("turns before into after with one hunk, too, when more than 500 lines differ", () => {
    const shape = fc.record({ same: fc.nat(9), left: fc.nat(9), right: fc.nat(9), end: fc.nat(9) });
    fc.assert(
      fc.property(shape, ({ same, left, right, end }) => {
        const rows = (middle: string, count: number) => [
          ...numbered("head", same),
          ...numbered(middle, 300 + count),
          ...numbered("tail", end),
        ];
        const [before, after] = [{ rows: rows("old", left) }, { rows: rows("new", right) }];
        const diff = unifiedDiff(before, after);
        expect(diff.match(/^@@/gm)).toHaveLength(1);
        expect(diff.match(/^[+-] /gm)?.length).toBe(600 + left + right);
        expect(applyPatch(lines(before), diff)).toBe(lines(after));
      }),
      { numRuns: 20 },
    );
  });

  it("adds and removes no more than was added or removed, when hundreds of equal lines become more or fewer", () => {
    const [few, many] = [{ rows: Array(10).fill(0) }, { rows: Array(1000).fill(0) }];
    expect(unifiedDiff(few, many).match(/^[+-] /gm)).toEqual(Array(990).fill("+ "));
    expect(unifiedDiff(many, few).match(/^[+-] /gm)).toEqual(Array(990).fill("- "));
    expect(applyPatch(lines(few), unifiedDiff(few, many))).toBe(lines(many));
    expect(applyPatch(lines(many), unifiedDiff(many, few))).toBe(lines(few));
  });

  it("cannot be forged by text in keys and values", () => {
    const diff = unifiedDiff({}, { "a\n+++ after": "x\n@@ -1 +1 @@\n-b" });
    expect(diff.split("\n").filter((line) => !/^([ +-]|@@ -1,?\d* \+1,\d+ @@$|$)/.test(line))).toEqual([]);
    expect(applyPatch("{}\n", diff)).toBe(lines({ "a\n+++ after": "x\n@@ -1 +1 @@\n-b" }));
  });
});

describe("a diff of more than 64 KiB", () => {
  it.each([
    ["ASCII", numbered("value ", 20_000)],
    ["emoji", numbered("🎉é", 9_000)],
  ])("of %s is cut after a whole line, with a note that is no line of either document", (_, values) => {
    const diff = unifiedDiff({}, { values });
    expect(bytesOf(diff)).toBeLessThanOrEqual(MAX_DIFF_BYTES);
    expect(bytesOf(diff)).toBeGreaterThan(MAX_DIFF_BYTES - 200);
    const [note, lastLine] = diff.trimEnd().split("\n").reverse();
    expect(note).toMatch(/^\\ Cut here: the whole diff has \d+ bytes/);
    expect(lastLine).toMatch(/^\+ {4}"(value |🎉é)\d+",$/u);
  });

  it("never shows part of a line, as half a value reads like another value", () => {
    const diff = unifiedDiff({ note: "x" }, { note: "y".repeat(100_000) });
    expect(diff).not.toContain("yyy");
    expect(diff).toContain('-  "note": "x"\n\\ Cut here');
  });

  it("is whole at exactly 64 KiB, and cut at one byte more", () => {
    const fill = MAX_DIFF_BYTES - bytesOf(unifiedDiff({}, { a: "" }));
    const exact = unifiedDiff({}, { a: "z".repeat(fill) });
    expect(bytesOf(exact)).toBe(MAX_DIFF_BYTES);
    expect(exact).not.toContain("Cut here");
    expect(unifiedDiff({}, { a: "z".repeat(fill + 1) })).toContain("Cut here");
  });

  it.each([
    ["wholly different", { rows: numbered("a", 28_000) }, { rows: numbered("b", 28_000) }],
    ["made of the same few lines", { rows: pattern(3) }, { rows: pattern(5) }],
    ["shifted", { rows: pattern(2) }, { rows: [7, ...pattern(2), 7] }],
  ])("comes to an end for 256 KiB that are %s", (_, before, after) => {
    const diff = unifiedDiff(before, after);
    expect(bytesOf(diff)).toBeLessThanOrEqual(MAX_DIFF_BYTES);
    expect(diff).not.toBe("");
  });
});

function pattern(period: number): number[] {
  return Array.from({ length: 130_000 }, (_, index) => (index % period === 0 ? 1 : 0));
}
