import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { prettyJson, sameJson } from "./stable-json.ts";

/** The same value with the keys of every object in the opposite order. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, inner]) => [key, reversed(inner)]),
  );
}

describe("stable JSON", () => {
  it("compares and prints alike whatever the order of keys", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(sameJson(value, reversed(value))).toBe(true);
        expect(prettyJson(reversed(value))).toBe(prettyJson(value));
        expect(JSON.parse(prettyJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it("finds values equal exactly when they print alike, both ways round", () => {
    const small = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        fc.constantFrom(null, 0, "", false, "a"),
        fc.array(tie("value"), { maxLength: 2 }),
        fc.dictionary(fc.constantFrom("a", "b", "__proto__"), tie("value"), { maxKeys: 2 }),
      ),
    })).value;
    fc.assert(
      fc.property(small, small, (a, b) => {
        expect(sameJson(a, b)).toBe(prettyJson(a) === prettyJson(b));
        expect(sameJson(b, a)).toBe(sameJson(a, b));
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    ["{}", "[]"],
    ["{}", "null"],
    ['{"a":null}', "{}"],
    ['{"a":null}', '{"b":null}'],
    ['{"__proto__":{}}', '{"a":{}}'],
    ['{"toString":1}', '{"valueOf":1}'],
    ["[1,2]", "[2,1]"],
    ["0", '"0"'],
    ['["a"]', '{"0":"a"}'],
  ])("tells %s from %s", (a, b) => {
    expect(sameJson(JSON.parse(a), JSON.parse(b))).toBe(false);
    expect(sameJson(JSON.parse(b), JSON.parse(a))).toBe(false);
  });

  it("sorts the keys at every depth", () => {
    expect(prettyJson({ b: [{ d: 1, c: 2 }], a: {} })).toBe(
      '{\n  "a": {},\n  "b": [\n    {\n      "c": 2,\n      "d": 1\n    }\n  ]\n}',
    );
  });
});
