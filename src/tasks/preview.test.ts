import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { JsonObject } from "../wire.ts";
import { Preview, type ResourceRef, TaskConfig } from "./contract.ts";
import { computePreview, MAX_CHANGES_BYTES, type PreviewFacts, sameChanges } from "./preview.ts";
import { prettyJson } from "./stable-json.ts";

type Named = Partial<ResourceRef> & Pick<ResourceRef, "type" | "id">;

function configOf(resources: readonly Named[], parameters: object = {}, secrets: readonly string[] = []): TaskConfig {
  const parsed = TaskConfig.parse({ type: "change", description: "A change.", resources, secrets });
  return { ...parsed, parameters: { ...parameters } };
}

const empty: PreviewFacts = { resources: {}, dependents: {}, active: {} };
const orders = { type: "database", namespace: "prod", id: "orders", actions: ["write"] } satisfies Named;
const api = { type: "service", id: "api", actions: ["write"] } satisfies Named;
const applied = (attributes: object, revision = 1) => ({ attributes: { ...attributes }, revision });
const codes = (issues: Preview["errors"]) => issues.map(({ code }) => code);

describe("changes", () => {
  it("show a write as the desired attributes merged into those last applied", () => {
    const facts = { ...empty, resources: { "database:prod/orders": applied({ size: 1, tags: { a: 1, b: 2 } }, 4) } };
    const preview = computePreview(configOf([orders], { size: 2, tags: { a: null } }), facts);
    expect(preview.valid).toBe(true);
    expect(preview.changes).toHaveLength(1);
    expect(preview.changes[0]).toMatchObject({
      resource: { ...orders, scope: "namespace", key: "database:prod/orders" },
      action: "write",
      before: { size: 1, tags: { a: 1, b: 2 } },
      after: { size: 2, tags: { b: 2 } },
    });
    expect(preview.changes[0]?.diff).toContain('-  "size": 1');
    expect(preview.resource_revisions).toEqual({ "database:prod/orders": 4 });
  });

  it("start from nothing, at revision 0, where nothing was applied", () => {
    const preview = computePreview(configOf([orders], { size: 2 }), empty);
    expect(preview.changes[0]).toMatchObject({ before: {}, after: { size: 2 } });
    expect(preview.resource_revisions).toEqual({ "database:prod/orders": 0 });
  });

  it("end in null for a delete, have no before and after for execute, and are none for read", () => {
    const facts = { ...empty, resources: { "service:a": applied({ x: 1 }) } };
    const config = configOf([
      { type: "service", id: "a", actions: ["delete"] },
      { type: "service", id: "b", actions: ["execute"] },
      { type: "service", id: "c", actions: ["read"] },
    ]);
    const { changes, resource_revisions } = computePreview(config, facts);
    expect(changes).toEqual([
      {
        resource: { type: "service", id: "a", scope: "namespace", actions: ["delete"], key: "service:a" },
        action: "delete",
        before: { x: 1 },
        after: null,
        diff: expect.stringContaining('-  "x": 1'),
      },
      {
        resource: { type: "service", id: "b", scope: "namespace", actions: ["execute"], key: "service:b" },
        action: "execute",
      },
    ]);
    expect(Object.keys(resource_revisions)).toEqual(["service:a", "service:b", "service:c"]);
  });

  it("are one per action, write before execute before delete, each seen from what was last applied", () => {
    const facts = { ...empty, resources: { "service:a": applied({ x: 1 }) } };
    const config = configOf([{ type: "service", id: "a", actions: ["delete", "read", "execute", "write"] }], { x: 2 });
    const { changes } = computePreview(config, facts);
    expect(changes.map(({ action }) => action)).toEqual(["write", "execute", "delete"]);
    expect(changes.map(({ before }) => before)).toEqual([{ x: 1 }, undefined, { x: 1 }]);
    expect(changes.map(({ after }) => after)).toEqual([{ x: 2 }, undefined, null]);
  });

  it("take what stands under the resource's key, else the parameters that are under no resource's key", () => {
    const parameters = { "database:prod/orders": { size: 2 }, replicas: 3 };
    const { changes } = computePreview(configOf([orders, api], parameters), empty);
    expect(changes.map(({ after }) => after)).toEqual([{ size: 2 }, { replicas: 3 }]);
  });

  it("take the parameters as a whole for every resource where none is named", () => {
    const { changes } = computePreview(configOf([orders, api], { replicas: 3 }), empty);
    expect(changes.map(({ after }) => after)).toEqual([{ replicas: 3 }, { replicas: 3 }]);
  });

  it("keep attributes called __proto__ and constructor as attributes", () => {
    const desired = JSON.parse('{"database:prod/orders":{"__proto__":{"admin":true},"constructor":1}}');
    const { changes } = computePreview(configOf([orders], desired), empty);
    expect(JSON.stringify(changes[0]?.after)).toBe('{"__proto__":{"admin":true},"constructor":1}');
  });

  it("are what the wire contract says, and survive being stored", () => {
    const facts = { ...empty, median_duration_seconds: 12.5, active: { "service:api": ["t2"] } };
    const preview = computePreview(configOf([orders, api], { password: "x" }), facts);
    expect(preview.estimated_duration_seconds).toBe(12.5);
    expect(Preview.parse(JSON.parse(JSON.stringify(preview)))).toEqual(preview);
  });
});

describe("affected services", () => {
  it("are the transitive dependents of the touched resources, sorted, whatever cycles there are", () => {
    const dependents = {
      "database:prod/orders": ["service:z", "service:api"],
      "service:api": ["service:web", "database:prod/orders"],
      "service:web": ["service:web", "service:z"],
      "service:z": ["service:a"],
      "service:unrelated": ["service:other"],
    };
    const { affected_services } = computePreview(configOf([orders], { a: 1 }), { ...empty, dependents });
    expect(affected_services).toEqual(["service:a", "service:api", "service:web", "service:z"]);
    const both = computePreview(configOf([orders, api], { a: 1 }), { ...empty, dependents });
    expect(both.affected_services).toEqual(["service:a", "service:web", "service:z"]);
  });

  it("may form a chain of any length", () => {
    const chain = Array.from({ length: 20_000 }, (_, i) => [`service:${i}`, [`service:${i + 1}`]]);
    const dependents = { ...Object.fromEntries(chain), "service:api": ["service:0"] };
    expect(computePreview(configOf([api]), { ...empty, dependents }).affected_services).toHaveLength(20_001);
  });
});

describe("errors", () => {
  const errorsOf = (...args: Parameters<typeof configOf>) => computePreview(configOf(...args), empty).errors;

  it("name a parameters key that looks like a resource key but is not among the resources", () => {
    const parameters = { "database:prod/other": {}, "database:orders": {}, "database:prod/orders": {}, "db:x": {} };
    const preview = computePreview(configOf([orders], parameters), empty);
    expect(preview.valid).toBe(false);
    expect(codes(preview.errors)).toEqual(["UNKNOWN_RESOURCE_KEY", "UNKNOWN_RESOURCE_KEY"]);
    expect(preview.errors[0]).toMatchObject({
      resource: "database:prod/other",
      path: "/parameters/database:prod~1other",
    });
  });

  it("name desired attributes that are no object", () => {
    for (const desired of [null, 5, "x", [], false]) {
      const preview = computePreview(configOf([orders], { "database:prod/orders": desired }), empty);
      expect(codes(preview.errors)).toEqual(["DESIRED_NOT_AN_OBJECT"]);
      expect(preview.changes[0]?.after).toEqual({});
    }
  });

  it("say where a plaintext secret stands, and never what it is", () => {
    const errors = errorsOf([orders], { env: [{ dbPassword: "hunter2" }], api_key: { inner: "hunter2" } });
    expect(errors.map(({ code, path }) => [code, path])).toEqual([
      ["PLAINTEXT_SECRET", "/parameters/env/0/dbPassword"],
      ["PLAINTEXT_SECRET", "/parameters/api_key"],
    ]);
    expect(JSON.stringify(errors)).not.toContain("hunter2");
  });

  it("are none for a reference that is listed in secrets", () => {
    const ref = "vault://prod/db";
    expect(errorsOf([orders], { password: ref }, [ref])).toEqual([]);
    expect(codes(errorsOf([orders], { password: ref }, ["vault://prod/other"]))).toEqual(["PLAINTEXT_SECRET"]);
    expect(codes(errorsOf([orders], { "database:prod/orders": { password: "x" } }))).toEqual(["PLAINTEXT_SECRET"]);
  });

  it("name a resource that is listed twice, which counts as one with the actions of both", () => {
    const config = configOf([orders, { ...orders, actions: ["delete"] }, orders]);
    const preview = computePreview(config, empty);
    expect(preview.errors).toMatchObject([{ code: "DUPLICATE_RESOURCE", resource: "database:prod/orders" }]);
    expect(preview.changes.map(({ action }) => action)).toEqual(["write", "delete"]);
  });

  it("stay small however much is wrong", () => {
    const long = "k".repeat(2000);
    const wrong = Array.from({ length: 300 }, (_, i) => [`secret:${i}${long}`, {}]);
    const leaks = { [long.repeat(20)]: Array.from({ length: 300 }, () => ({ password: "x" })) };
    const errors = errorsOf([orders], { ...Object.fromEntries(wrong), ...leaks });
    expect(errors).toHaveLength(200);
    expect(JSON.stringify(errors).length).toBeLessThan(300_000);
    expect(errors.at(-1)?.path).toMatch(/^\/parameters\/k+…k+\/99\/password$/);
  });
});

describe("warnings", () => {
  it("tell of a delete of something with dependents", () => {
    const dependents = { "service:api": ["service:web"], "database:prod/orders": ["service:api"] };
    const { warnings, valid } = computePreview(configOf([{ ...api, actions: ["delete"] }, orders], { a: 1 }), {
      ...empty,
      dependents,
    });
    expect(valid).toBe(true);
    expect(warnings).toMatchObject([{ code: "DELETE_WITH_DEPENDENTS", resource: "service:api" }]);
    expect(warnings[0]?.message).toContain("service:web");
  });

  it("tell of a write without effect, whatever the order of keys", () => {
    const facts = { ...empty, resources: { "service:api": applied({ a: { x: 1, y: 2 }, b: 1 }) } };
    const warningsOf = (parameters: object) => codes(computePreview(configOf([api], parameters), facts).warnings);
    expect(warningsOf({ a: { y: 2, x: 1 } })).toEqual(["NO_EFFECTIVE_CHANGE"]);
    expect(warningsOf({ gone: null })).toEqual(["NO_EFFECTIVE_CHANGE"]);
    expect(warningsOf({ b: 2 })).toEqual([]);
    expect(warningsOf({ b: null })).toEqual([]);
  });

  it("tell of other approved or applying tasks on the same resource", () => {
    const active = { "service:api": ["t2", "t1"], "service:other": ["t3"] };
    const { warnings } = computePreview(configOf([api], { a: 1 }), { ...empty, active });
    expect(warnings).toMatchObject([{ code: "RESOURCE_BUSY", resource: "service:api" }]);
    expect(warnings[0]?.message).toContain("2 (t1, t2)");
  });
});

describe("a preview that would explode", () => {
  const text = (filling: string) => filling.repeat(250_000);
  const hundred = Array.from({ length: 100 }, (_, i) => ({ ...api, id: `s${i}` }));

  it("shows changes up to 4 MiB, and says so once", () => {
    const preview = computePreview(configOf(hundred, { blob: text("x") }), empty);
    expect(codes(preview.errors)).toEqual(["PREVIEW_TOO_LARGE"]);
    expect(preview.changes).toHaveLength(100);
    const shown = preview.changes.filter(({ after }) => after !== undefined);
    expect(shown.length).toBeGreaterThan(10);
    expect(preview.changes.slice(0, shown.length)).toEqual(shown);
    for (const change of preview.changes.slice(shown.length))
      expect(Object.keys(change)).toEqual(["resource", "action"]);
    expect(JSON.stringify(shown).length).toBeLessThan(MAX_CHANGES_BYTES + 100_000);
  });

  it("tells fewer hunks apart the more changes it has, so that all diffs together take the work of one", () => {
    const rows = (ofEvenTens: string) =>
      Array.from({ length: 600 }, (_, i) => (i % 20 === 0 ? `${ofEvenTens}${i}` : `${i}`));
    const hunks = (count: number) => {
      const some = hundred.slice(0, count);
      const resources = Object.fromEntries(some.map(({ id }) => [`service:${id}`, applied({ rows: rows("a") })]));
      const { changes } = computePreview(configOf(some, { rows: rows("b") }), { ...empty, resources });
      return new Set(changes.map(({ diff = "" }) => diff.split("\n@@ ").length - 1));
    };
    expect(hunks(1)).toEqual(new Set([30]));
    expect(hunks(60)).toEqual(new Set([30]));
    expect(hunks(100)).toEqual(new Set([1]));
  });

  it("cannot hide drift in what it does not show", () => {
    const config = configOf(hundred, { blob: text("x") });
    const preview = computePreview(config, empty);
    const moved = { ...empty, resources: { "service:s99": applied({ moved: true }) } };
    expect(sameChanges(preview, computePreview(config, empty))).toBe(true);
    expect(sameChanges(preview, computePreview(config, moved))).toBe(false);
  });
});

const attributes = fc
  .dictionary(fc.constantFrom("a", "b", "c"), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 })
  .map((object): JsonObject => JSON.parse(JSON.stringify(object)));
const keys = ["service:a", "service:b", "database:n/c"];
const worlds: fc.Arbitrary<PreviewFacts> = fc.record({
  resources: fc.dictionary(fc.constantFrom(...keys), fc.record({ attributes, revision: fc.nat(5) })),
  dependents: fc.dictionary(fc.constantFrom(...keys), fc.array(fc.constantFrom(...keys, "service:x"))),
  active: fc.dictionary(fc.constantFrom(...keys), fc.array(fc.constantFrom("t1", "t2"))),
});
const actions = fc.uniqueArray(fc.constantFrom("read" as const, "write" as const, "delete" as const), { minLength: 1 });
const configs = fc
  .record({ first: actions, second: actions, whole: attributes, own: fc.option(attributes, { nil: undefined }) })
  .map(({ first, second, whole, own }) =>
    configOf(
      [
        { type: "service", id: "a", actions: first },
        { type: "database", namespace: "n", id: "c", actions: second },
      ],
      own === undefined ? whole : { ...whole, "database:n/c": own },
    ),
  );

describe("previews", () => {
  it("depend on nothing but config and facts, and change neither", () => {
    fc.assert(
      fc.property(configs, worlds, (config, world) => {
        const inputs = JSON.stringify([config, world]);
        const preview = computePreview(config, world);
        expect(computePreview(JSON.parse(JSON.stringify(config)), JSON.parse(JSON.stringify(world)))).toEqual(preview);
        expect(JSON.stringify([config, world])).toBe(inputs);
      }),
    );
  });

  it("have drifted exactly when what was last applied to a changed resource differs, seen from either side", () => {
    fc.assert(
      fc.property(configs, worlds, worlds, (config, then, now) => {
        const [approved, current] = [computePreview(config, then), computePreview(config, now)];
        const seen = (world: PreviewFacts, key: string) => world.resources[key]?.attributes ?? {};
        const moved = approved.changes.some(
          ({ resource: { key } }) => prettyJson(seen(then, key)) !== prettyJson(seen(now, key)),
        );
        expect(sameChanges(approved, current)).toBe(!moved);
        expect(sameChanges(current, approved)).toBe(!moved);
        expect(sameChanges(JSON.parse(JSON.stringify(approved)), approved)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it("have not drifted when the same change is only drawn differently, as a newer version may do", () => {
    const preview = computePreview(configOf([api], { a: 1 }), empty);
    const redrawn = { ...preview, changes: preview.changes.map((change) => ({ ...change, diff: "other" })) };
    expect(sameChanges(preview, redrawn)).toBe(true);
  });

  it("have not drifted by warnings, dependents, other tasks, durations, or a revision that changed nothing", () => {
    const config = configOf([api], { a: 1 });
    const resources = { "service:api": applied({ x: 1, y: 2 }, 1) };
    const later = {
      resources: { "service:api": applied({ y: 2, x: 1 }, 7) },
      dependents: { "service:api": ["service:web"] },
      active: { "service:api": ["t2"] },
      median_duration_seconds: 3,
    };
    expect(sameChanges(computePreview(config, { ...empty, resources }), computePreview(config, later))).toBe(true);
  });
});
