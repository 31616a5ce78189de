import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { partsOf } from "./storage.ts";

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
