import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isWellFormedToken, newToken, tokenHash } from "./token-text.ts";

const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 });
const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

describe("a token", () => {
  it("is cs_ and 49 characters of base62, well-formed whatever the random bytes", () => {
    fc.assert(
      fc.property(bytes, (random) => {
        const token = newToken(random);
        expect(token).toMatch(/^cs_[0-9A-Za-z]{49}$/);
        expect(isWellFormedToken(token)).toBe(true);
      }),
    );
  });

  it("keeps all 256 bits, the extremes too", () => {
    expect(isWellFormedToken(newToken(new Uint8Array(32)))).toBe(true);
    expect(isWellFormedToken(newToken(new Uint8Array(32).fill(255)))).toBe(true);
    fc.assert(
      fc.property(bytes, fc.nat({ max: 255 }), (random, bit) => {
        const flipped = Uint8Array.from(random, (byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
        expect(newToken(flipped).slice(0, 46)).not.toBe(newToken(random).slice(0, 46));
      }),
    );
  });

  it("is another one every time", () => {
    expect(new Set(Array.from({ length: 100 }, () => newToken())).size).toBe(100);
  });

  it("with any one character mistyped is not well-formed", () => {
    fc.assert(
      fc.property(bytes, fc.integer({ min: 3, max: 51 }), fc.constantFrom(...ALPHABET), (random, at, typed) => {
        const token = newToken(random);
        fc.pre(token[at] !== typed);
        expect(isWellFormedToken(token.slice(0, at) + typed + token.slice(at + 1))).toBe(false);
      }),
    );
  });

  it("with two neighbours swapped is not well-formed", () => {
    fc.assert(
      fc.property(bytes, fc.integer({ min: 3, max: 50 }), (random, at) => {
        const token = newToken(random);
        fc.pre(token[at] !== token[at + 1]);
        const swapped = `${token.slice(0, at)}${token[at + 1]}${token[at]}${token.slice(at + 2)}`;
        expect(isWellFormedToken(swapped)).toBe(false);
      }),
    );
  });

  it("is not well-formed with anything lacking, added or of another case", () => {
    const token = newToken(new Uint8Array(32).fill(171));
    const strange = [
      "",
      "cs_",
      token.slice(0, -1),
      `${token}0`,
      ` ${token}`,
      `${token}\n`,
      token.toUpperCase(),
      token.replace("cs_", "ck_"),
    ];
    for (const text of strange) expect(isWellFormedToken(text), JSON.stringify(text)).toBe(false);
  });

  it("is kept as hex SHA-256 of its whole text", () => {
    const token = newToken();
    expect(tokenHash(token)).toBe(createHash("sha256").update(token).digest("hex"));
    expect(tokenHash(token)).not.toContain(token.slice(3));
  });
});
