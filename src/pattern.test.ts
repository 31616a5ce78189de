import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { matches } from "./pattern.ts";

/** The definition read aloud: slow, obviously right, and independent of how the matcher goes about it. */
function matchesByDefinition(pattern: string, text: string): boolean {
  if (pattern === "") return text === "";
  const stars = /^\*+/.exec(pattern)?.[0] ?? "";
  if (stars === "") return text[0] === pattern[0] && matchesByDefinition(pattern.slice(1), text.slice(1));
  for (let taken = 0; taken <= text.length; taken++) {
    if (stars.length === 1 && /[/:]/.test(text.slice(0, taken))) return false;
    if (matchesByDefinition(pattern.slice(stars.length), text.slice(taken))) return true;
  }
  return false;
}

const letters = (alphabet: string, maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...alphabet.split("")), maxLength });

describe("patterns", () => {
  it.each([
    ["database:prod/orders", "database:prod/orders"],
    ["database:prod/*", "database:prod/orders"],
    ["database:*/orders", "database:prod/orders"],
    ["*:prod/orders", "database:prod/orders"],
    ["*", "orders"],
    ["*", ""],
    ["**", ""],
    ["**", "database:prod/a/b"],
    ["database:**", "database:prod/a/b"],
    ["**/b", "database:prod/a/b"],
    ["***", "a/b:c"],
    ["db.*", "db.migrate"],
    ["*.*", "db.migrate"],
    ["or*rs", "orders"],
    ["", ""],
    ["*é🎉", "caf\u{e9}🎉"],
  ])("%s matches %s", (pattern, text) => expect(matches(pattern, text)).toBe(true));

  it.each([
    ["database:*", "database:prod/orders"],
    ["*", "prod/orders"],
    ["*", "database:orders"],
    ["prod/**", "prod"],
    ["orders", "Orders"],
    ["orders", "orders2"],
    ["orders", "order"],
    ["", "a"],
    ["db.*", "dbxmigrate"],
  ])("%s does not match %s", (pattern, text) => expect(matches(pattern, text)).toBe(false));

  it.each(["a.c", "a?c", "[ab]c", "a+", "(a|b)", "\\d", "{a,b}", "!a", "^a$"])("%s stands for itself", (pattern) => {
    expect(matches(pattern, pattern)).toBe(true);
    expect(matches(pattern, "abc")).toBe(false);
  });

  it("comes to an end for patterns that make backtracking matchers explode", () => {
    expect(matches("*a*a*a*a*a*a*a*a*b", "a".repeat(60))).toBe(false);
    expect(matches(`${"**a".repeat(170)}b`, "a".repeat(700))).toBe(false);
    expect(matches(`${"*a".repeat(250)}`, "a".repeat(700))).toBe(true);
  });

  it("agrees with the definition", () => {
    fc.assert(
      fc.property(letters("ab/:*", 8), letters("ab/:", 9), (pattern, text) => {
        expect(matches(pattern, text)).toBe(matchesByDefinition(pattern, text));
      }),
      { numRuns: 3000 },
    );
  });

  it("agrees with the definition wherever in a long pattern the difference lies", () => {
    fc.assert(
      fc.property(letters("ab/*", 6), letters("ab/", 7), fc.integer({ min: 24, max: 70 }), (pattern, text, length) => {
        const before = "x".repeat(length);
        expect(matches(before + pattern, before + text)).toBe(matchesByDefinition(pattern, text));
        expect(matches(`**${before}${pattern}`, `/${before}${text}`)).toBe(matchesByDefinition(pattern, text));
      }),
    );
  });

  it("matches what was made by filling in its stars", () => {
    const pieces = fc.array(fc.tuple(letters("ab/:", 3), fc.constantFrom("*", "**"), letters("ab", 3)), {
      maxLength: 6,
    });
    fc.assert(
      fc.property(pieces, (parts) => {
        const pattern = parts.map(([literal, star]) => literal + star).join("");
        const text = parts
          .map(([literal, star, filling]) => literal + (star === "**" ? `/${filling}:` : filling))
          .join("");
        expect(matches(pattern, text)).toBe(true);
      }),
    );
  });
});
