import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { freshSlug } from "./fresh-slug.ts";
import { Slug } from "./wire.ts";

describe("a thing without an id", () => {
  it("is given its kind and ten characters of base32, whatever the random bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 10, maxLength: 10 }), (random) => {
        const id = freshSlug("policy", random);
        expect(id).toMatch(/^policy-[a-z2-7]{10}$/);
        expect(Slug.safeParse(id).success).toBe(true);
      }),
    );
  });

  it("is given another one each time", () => {
    expect(new Set(Array.from({ length: 1000 }, () => freshSlug("agent"))).size).toBe(1000);
  });
});
