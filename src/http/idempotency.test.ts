import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Principal } from "./access.ts";
import { RequestFailure } from "./failure.ts";
import { idempotencyOf } from "./idempotency.ts";

const ada: Principal = {
  workspace: "default",
  who: { id: "ada", kind: "user", roles: ["author"] },
  name: "Ada",
  scopes: null,
  root: false,
};

function keyed(header: string | undefined, { who = ada.who, path = "/api/v1/tasks", body = "{}" } = {}) {
  return idempotencyOf(header, { ...ada, who }, path, body);
}

function isRefused(header: string): boolean {
  try {
    keyed(header);
    return false;
  } catch (thrown) {
    if (!(thrown instanceof RequestFailure)) throw thrown;
    expect(thrown.failure).toMatchObject({ code: "VALIDATION_ERROR", details: { field: "Idempotency-Key" } });
    return true;
  }
}

describe("Idempotency-Key", () => {
  it("is not needed", () => {
    expect(keyed(undefined)).toBeUndefined();
  });

  it("is the same key with and without quotes, and with blanks around", () => {
    expect(keyed('"k 1"')).toEqual(keyed("k 1"));
    expect(keyed('  "k 1" ')).toEqual(keyed("k 1"));
  });

  it("in quotes may hold quotes and backslashes, escaped as the IETF draft has it", () => {
    expect(keyed('"a\\"b\\\\c"')?.key).toBe('a"b\\c');
  });

  it("keeps a lone quote and a backslash outside quotes as they are", () => {
    expect(keyed('"')?.key).toBe('"');
    expect(keyed('a\\"b')?.key).toBe('a\\"b');
  });

  it("has 1 to 255 printable characters", () => {
    expect(keyed("x".repeat(255))?.key).toHaveLength(255);
    expect(keyed(`"${"x".repeat(255)}"`)?.key).toHaveLength(255);
    for (const header of [
      "",
      "  ",
      '""',
      "x".repeat(256),
      `"${"x".repeat(256)}"`,
      "a\tb",
      "a\u0000",
      "ü",
      "a\u007f",
      "😀",
    ]) {
      expect(isRefused(header), JSON.stringify(header)).toBe(true);
    }
  });

  it("is another one for another principal, kind of principal or route", () => {
    const scopes = [
      keyed("k"),
      keyed("k2"),
      keyed("k", { path: "/api/v1/users" }),
      keyed("k", { who: { ...ada.who, id: "bob" } }),
      keyed("k", { who: { ...ada.who, kind: "agent" } }),
    ].map((key) => key?.scope);
    expect(new Set(scopes).size).toBe(5);
  });

  it("keeps its scope whatever the roles, the token and the body are, and tells bodies apart", () => {
    const again = keyed("k", { who: { ...ada.who, roles: ["admin"], token_id: "t" }, body: "[]" });
    expect(again?.scope).toBe(keyed("k")?.scope);
    expect(again?.hash).not.toBe(keyed("k")?.hash);
  });

  it("shares a scope with no other principal, path and key", () => {
    const part = fc.string({ unit: fc.constantFrom("a", "b", "/", " "), minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(fc.tuple(part, part, part), fc.tuple(part, part, part), (one, two) => {
        const scopeOf = ([id, path, key]: [string, string, string]) =>
          keyed(`"${key}"`, { who: { ...ada.who, id }, path })?.scope;
        expect(scopeOf(one) === scopeOf(two)).toBe(one.join("\n") === two.join("\n"));
      }),
    );
  });
});
