import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ADMIN, mayCall, type Principal, type ReservedRole, SCOPES } from "./access.ts";

function holding(roles: readonly string[], scopes: readonly string[] | null = null): Principal {
  return { workspace: "default", who: { id: "ada", kind: "user", roles }, name: "Ada", scopes, root: false };
}

describe("a route", () => {
  it("is open to every principal when it names no roles", () => {
    expect(mayCall(holding([]), { roles: "any" }).ok).toBe(true);
  });

  it("is open to whoever has one of its roles, and says which it needs to everybody else", () => {
    const access = { roles: ["author", "admin"] } as const;
    expect(mayCall(holding(["dba", "author"]), access).ok).toBe(true);
    expect(mayCall(holding(["dba", "reviewer"]), access)).toMatchObject({
      ok: false,
      error: { code: "FORBIDDEN", details: { needs_any_of: ["author", "admin"] } },
    });
  });

  it("is not opened by an organisation role of a similar name", () => {
    for (const role of ["Admin", "admin ", "administrator", "", "ADMIN", "admin,author"]) {
      expect(mayCall(holding([role]), ADMIN).ok, role).toBe(false);
    }
  });

  it("is open to a token without scopes, as far as the roles go", () => {
    expect(mayCall(holding(["admin"]), ADMIN).ok).toBe(true);
    expect(mayCall(holding(["author"]), ADMIN).ok).toBe(false);
  });

  it("is shut to a token narrowed to other scopes, admin's too, and names the one that lacks", () => {
    const access = { roles: ["author"], scope: "tasks:write" } as const;
    expect(mayCall(holding(["author"], ["tasks:write"]), access).ok).toBe(true);
    expect(mayCall(holding(["author"], ["tasks:read", "admin"]), access)).toMatchObject({
      ok: false,
      error: { code: "FORBIDDEN", details: { scope: "tasks:write" } },
    });
    expect(mayCall(holding(["admin"], ["tasks:write"]), ADMIN).ok).toBe(false);
    expect(mayCall(holding(["author"], []), access).ok).toBe(false);
  });

  it("is open to a token that holds one of its scopes, where it names several", () => {
    const access = { roles: ["admin"], scope: ["locks:write", "admin"] } as const;
    for (const scope of access.scope) expect(mayCall(holding(["admin"], [scope]), access).ok, scope).toBe(true);
    expect(mayCall(holding(["admin"], ["locks:read"]), access)).toMatchObject({
      error: { details: { scope: "locks:write or admin" } },
    });
  });

  it("is not opened by a scope without the role", () => {
    expect(mayCall(holding(["author"], ["admin"]), ADMIN).ok).toBe(false);
  });

  it("never shuts for one role more, nor opens for one scope less", () => {
    const role = fc.constantFrom<ReservedRole>("author", "reviewer", "admin", "system");
    const scope = fc.constantFrom(...SCOPES);
    fc.assert(
      fc.property(
        fc.array(role),
        role,
        fc.array(scope),
        fc.array(role, { minLength: 1 }),
        scope,
        (has, more, scopes, needs, needed) => {
          const access = { roles: needs, scope: needed };
          const before = mayCall(holding(has, scopes), access).ok;
          expect(mayCall(holding([...has, more], scopes), access).ok || !before).toBe(true);
          expect(mayCall(holding(has, scopes.slice(1)), access).ok).toBe(before && scopes.slice(1).includes(needed));
        },
      ),
    );
  });
});
