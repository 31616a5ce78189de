import canonicalize from "canonicalize";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalJson } from "./canonical-json.ts";

const names = fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc.constantFrom("a", "b", "10", "9", "__proto__", "\u20ac", "\ufb33"),
);
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.jsonValue({ stringUnit: "grapheme", maxDepth: 1 }),
    fc.constantFrom(undefined, -0, 1e21, 5e-324, '\\ud800 in words, "quoted\\', "\u2028\u0000"),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(names, tie("value"), { maxKeys: 6, noNullPrototype: false }),
  ),
})).value;

describe("RFC 8785 text", () => {
  it("is what a library writes, whatever the value", () => {
    fc.assert(
      fc.property(fc.dictionary(names, json), (value) => {
        expect(canonicalJson(value)).toBe(canonicalize(value));
      }),
    );
  });

  it("of a value that says what it is as JSON is that", () => {
    expect(canonicalJson({ at: new Date(0) })).toBe('{"at":"1970-01-01T00:00:00.000Z"}');
  });

  it("of what is no JSON value does not exist", () => {
    for (const value of [Number.NaN, Number.NEGATIVE_INFINITY, 1n, "\ud800", "a\\\udfff"]) {
      expect(() => canonicalJson({ value }), String(value)).toThrow(TypeError);
      expect(() => canonicalJson([value]), String(value)).toThrow(TypeError);
    }
    expect(() => canonicalJson({ "\udc00": 1 })).toThrow(TypeError);
    expect(() => canonicalJson(undefined)).toThrow(TypeError);
  });
});
