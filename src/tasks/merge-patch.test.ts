import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mergePatch } from "./merge-patch.ts";

const json = fc.jsonValue({ maxDepth: 4 });
const withoutNull = (value: unknown): boolean =>
  typeof value !== "object" ? true : value !== null && Object.values(value).every(withoutNull);

describe("JSON merge patch", () => {
  it.each([
    ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
    ['{"a":"b"}', '{"a":null}', "{}"],
    ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
    ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
    ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
    ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
    ['["a","b"]', '["c","d"]', '["c","d"]'],
    ['{"a":"b"}', '["c"]', '["c"]'],
    ['{"a":"foo"}', "null", "null"],
    ['{"a":"foo"}', '"bar"', '"bar"'],
    ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
    ["[1,2]", '{"a":"b","c":null}', '{"a":"b"}'],
    ["{}", '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
  ])("RFC 7396, appendix A: %s patched with %s is %s", (target, patch, result) => {
    expect(JSON.stringify(mergePatch(JSON.parse(target), JSON.parse(patch)))).toBe(result);
  });

  it("treats __proto__ and constructor as keys like any other", () => {
    const patch = JSON.parse(
      '{"__proto__":{"polluted":true},"a":{"__proto__":{"x":1},"constructor":{"prototype":{"y":1}}}}',
    );
    const merged = mergePatch({}, patch);
    expect(JSON.stringify(merged)).toBe(JSON.stringify(patch));
    expect(Object.getPrototypeOf(merged)).toBe(Object.prototype);
    expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false);
    expect(JSON.stringify(mergePatch(merged, JSON.parse('{"__proto__":null,"a":null}')))).toBe("{}");
  });

  it("does not take inherited properties for values of the target", () => {
    expect(mergePatch({}, { toString: { a: 1 } })).toEqual({ toString: { a: 1 } });
  });

  it("changes neither of its arguments", () => {
    fc.assert(
      fc.property(json, json, (target, patch) => {
        const before = JSON.stringify([target, patch]);
        mergePatch(target, patch);
        expect(JSON.stringify([target, patch])).toBe(before);
      }),
    );
  });

  it("gives the same when applied twice", () => {
    fc.assert(
      fc.property(json, json, (target, patch) => {
        const once = mergePatch(target, patch);
        expect(mergePatch(once, patch)).toEqual(once);
      }),
    );
  });

  it("changes nothing with the empty patch, and takes over a patch without null when nothing was there", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), json), (object) => {
        expect(mergePatch(object, {})).toEqual(object);
        fc.pre(withoutNull(object));
        expect(JSON.stringify(mergePatch({}, object))).toBe(JSON.stringify(object));
      }),
    );
  });
});
