import { createHash } from "node:crypto";
import canonicalize from "canonicalize";
import fc from "fast-check";
import { expect, test } from "vitest";
import { canonicalJson, sha256 } from "./canonical-json.ts";

test("it is what JCS says, for any JSON", () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: "grapheme" }), (value) => {
      expect(canonicalJson(value)).toBe(canonicalize(value));
    }),
  );
});

test("the order of keys does not matter, everything else does", () => {
  expect(canonicalJson({ b: [1, 2], a: { d: 1, c: null } })).toBe('{"a":{"c":null,"d":1},"b":[1,2]}');
  expect(canonicalJson([2, 1])).not.toBe(canonicalJson([1, 2]));
  expect(canonicalJson("1")).not.toBe(canonicalJson(1));
  expect(canonicalJson(JSON.parse('{"__proto__":1,"a":-0}'))).toBe('{"__proto__":1,"a":0}');
});

test("what is no JSON value is refused, never dropped: two calls must not look alike", () => {
  const cycle: unknown[] = [];
  cycle.push(cycle);
  const none = [
    undefined,
    () => 1,
    1n,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    new Date(),
    new Map(),
    "\ud800",
    Symbol("s"),
  ];
  for (const value of [...none, cycle]) {
    expect(() => canonicalJson({ value })).toThrow(TypeError);
    expect(() => canonicalJson([value])).toThrow(TypeError);
  }
  expect(() => canonicalJson(new Array(1))).toThrow(TypeError);
  const twice = { a: 1 };
  expect(canonicalJson([twice, twice])).toBe('[{"a":1},{"a":1}]');
});

test("the hash is SHA-256 in hex over UTF-8", async () => {
  expect(await sha256("grün")).toBe(createHash("sha256").update("grün").digest("hex"));
});
