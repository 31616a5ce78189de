import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ResourceRef, ResourceType } from "./contract.ts";
import {
  looksLikeResourceKey,
  matchesResource,
  parseResourceKey,
  RESOURCE_TYPES,
  type ResourceAddress,
  resourceKey,
  resourcesByKey,
} from "./resource-key.ts";

const tricky = (alphabet: string, maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...alphabet.split("")), minLength: 1, maxLength });

const addresses: fc.Arbitrary<ResourceAddress> = fc
  .record({
    type: fc.constantFrom(...RESOURCE_TYPES),
    namespace: fc.option(tricky("ab.", 2), { nil: undefined }),
    id: tricky("ab/:.", 4),
  })
  .map(({ type, namespace, id }) => (namespace === undefined ? { type, id } : { type, namespace, id }));

describe("resource keys", () => {
  it.each([
    [{ type: "database", namespace: "prod", id: "orders" }, "database:prod/orders"],
    [{ type: "database", id: "orders" }, "database:orders"],
    [{ type: "storage", id: "bucket/path" }, "storage:/bucket/path"],
    [{ type: "storage", namespace: "bucket", id: "path" }, "storage:bucket/path"],
    [{ type: "storage", id: "/" }, "storage://"],
    [{ type: "storage", namespace: "a", id: "/b" }, "storage:a//b"],
    [{ type: "network", id: "10.0.0.1:80" }, "network:10.0.0.1:80"],
    [{ type: "network", id: "a:b/c" }, "network:/a:b/c"],
  ] satisfies [ResourceAddress, string][])("%j is keyed %s, and is read back from it", (address, key) => {
    expect(resourceKey(address)).toBe(key);
    expect(parseResourceKey(key)).toEqual(address);
  });

  it("gives no two resources the same key, and loses nothing", () => {
    fc.assert(
      fc.property(addresses, addresses, (a, b) => {
        expect(parseResourceKey(resourceKey(a))).toEqual(a);
        const same = a.type === b.type && a.namespace === b.namespace && a.id === b.id;
        expect(resourceKey(a) === resourceKey(b)).toBe(same);
      }),
      { numRuns: 2000 },
    );
  });

  it("reads only the one spelling of a key", () => {
    fc.assert(
      fc.property(tricky("ab/:", 7), (path) => {
        const key = `secret:${path}`;
        const address = parseResourceKey(key);
        if (address !== undefined) expect(resourceKey(address)).toBe(key);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    "",
    "orders",
    "database",
    "database:",
    "database:/",
    "database:/orders",
    "database:prod/",
    "database:a:b/c",
    "Database:orders",
    "table:orders",
    `database:${"x".repeat(257)}`,
    `database:${"x".repeat(129)}/orders`,
  ])("%j is no resource's key", (text) => expect(parseResourceKey(text)).toBeUndefined());

  it("knows the types and limits of the wire contract", () => {
    expect(RESOURCE_TYPES).toEqual(ResourceType.options);
    const longest = { type: "database", namespace: "n".repeat(128), id: "i".repeat(256) } as const;
    const widest = { type: "database", namespace: "📦".repeat(128), id: "🎉".repeat(256) } as const;
    for (const ref of [longest, widest]) {
      expect(ResourceRef.safeParse(ref).success).toBe(true);
      expect(parseResourceKey(resourceKey(ref))).toEqual(ref);
      expect(parseResourceKey(`${resourceKey(ref)}🎉`)).toBeUndefined();
    }
    expect(ResourceRef.safeParse({ ...longest, id: `${longest.id}i` }).success).toBe(false);
    expect(ResourceRef.safeParse({ ...longest, namespace: `${longest.namespace}n` }).success).toBe(false);
  });

  it("tells parameters that mean a resource from those that do not", () => {
    expect(["secret:db", "database:", "storage:/a/b"].filter(looksLikeResourceKey)).toHaveLength(3);
    expect(["secret", "databases:x", "db:x", " secret:x", "Secret:x", ""].filter(looksLikeResourceKey)).toEqual([]);
  });
});

describe("matchesResource", () => {
  const orders = { type: "database", namespace: "prod", id: "orders", name: "Order book" } as const;

  it.each(["database:prod/orders", "*:prod/*", "prod/orders", "prod/*", "orders", "ord*", "Order*", "**"])(
    "tries %s against key, namespace and id, id and name",
    (pattern) => expect(matchesResource(pattern, orders)).toBe(true),
  );

  it.each(["database:orders", "database:*", "staging/*", "order book", "prod"])("refuses %s", (pattern) => {
    expect(matchesResource(pattern, orders)).toBe(false);
  });

  it("never takes an id with a slash for an id in a namespace, when a type is given", () => {
    const lookalike = { type: "database", id: "prod/orders" } as const;
    expect(matchesResource("database:prod/*", lookalike)).toBe(false);
    expect(matchesResource("database:/prod/*", lookalike)).toBe(true);
  });
});

describe("resourcesByKey", () => {
  it("joins the actions of references to one resource, in the order of first mention", () => {
    const ref = (id: string, ...actions: ResourceRef["actions"]) =>
      ResourceRef.parse({ type: "service", id, name: actions.join(), actions });
    const byKey = resourcesByKey([ref("b", "read", "write"), ref("a", "read"), ref("b", "delete", "read")]);
    expect([...byKey.keys()]).toEqual(["service:b", "service:a"]);
    expect(byKey.get("service:b")).toEqual({ ...ref("b", "read", "write"), actions: ["read", "write", "delete"] });
  });
});
