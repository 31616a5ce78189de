import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type LinkToken, linkToken, readLinkToken } from "./link-token.ts";

const ROOT = "a-root-token-of-at-least-32-characters";
const some: LinkToken = {
  workspace: "default",
  approval_id: "101a1fb5-9921-8d41-8a35-bac600000001",
  reviewer_id: "b.ob@example-1_x",
  expires_at: 1_800_000_000,
  token_id: "7b0e1a52-95c4-4c7e-9d53-0f1b6f2f7c11",
};

describe("a link's token", () => {
  it("is read back by who made it, expired or not", () => {
    expect(readLinkToken(ROOT, linkToken(ROOT, some))).toEqual(some);
  });

  it("needs no escaping in a path", () => {
    expect(linkToken(ROOT, some)).toMatch(/^[A-Za-z0-9._-]+$/);
  });

  it("of another root, or signed for another workspace, is nothing", () => {
    expect(readLinkToken(`${ROOT}!`, linkToken(ROOT, some))).toBeNull();
    const [mine = "", theirs = ""] = ["default", "other"].map((workspace) => linkToken(ROOT, { ...some, workspace }));
    const forged = `${theirs.split(".")[0]}.${mine.split(".")[1]}`;
    expect(readLinkToken(ROOT, forged)).toBeNull();
  });

  it("with any character changed is nothing", () => {
    const token = linkToken(ROOT, some);
    fc.assert(
      fc.property(fc.nat({ max: token.length - 1 }), fc.constantFrom("A", "b", "7", "-", "_", ".", "="), (at, char) => {
        const changed = token.slice(0, at) + char + token.slice(at + 1);
        expect(readLinkToken(ROOT, changed)).toEqual(changed === token ? some : null);
      }),
    );
  });

  it.each(["", "csl_", "csl_.", `csl_e30.${"A".repeat(43)}`, `csl_bnVsbA.${"A".repeat(43)}`, "cs_abc"])(
    "is not %j",
    (text) => {
      expect(readLinkToken(ROOT, text)).toBeNull();
    },
  );
});
