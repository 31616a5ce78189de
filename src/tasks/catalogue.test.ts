import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Plan } from "../audit/plan.ts";
import {
  addressOf,
  type CatalogueCommand,
  catalogued,
  cataloguePlanner,
  inputOf,
  type StoredResource,
} from "./catalogue.ts";
import { CataloguedResource, CatalogueInput } from "./catalogue-contract.ts";
import { parseResourceKey, RESOURCE_TYPES, type ResourceAddress } from "./resource-key.ts";
import { DEFAULT_CRITICALITY } from "./risk.ts";

const NOW = "2026-11-20T12:00:00.000Z";
const EARLIER = "2026-11-01T00:00:00.000Z";
const orders: ResourceAddress = { type: "database", namespace: "prod", id: "orders" };

function planned(command: CatalogueCommand, stored: StoredResource | null): Plan {
  const result = cataloguePlanner.plan(command, stored, NOW);
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

/** The row as D1 gives it back after a plan was carried out. */
function storedBy(plan: Plan): StoredResource {
  const [change] = plan.changes;
  if (change === undefined || !("put" in change) || change.put !== "catalogue") throw new Error("no catalogue row");
  const { row } = change;
  return {
    ...row,
    type: row.type as ResourceAddress["type"],
    dependents: JSON.stringify(row.dependents),
    labels: JSON.stringify(row.labels),
  };
}

describe("cataloguing a resource", () => {
  it("answers the resource, with its type's criticality where none was set", () => {
    const input = CatalogueInput.parse({ owner: "payments", dependents: ["service:prod/shop"] });
    const plan = planned({ do: "put", resource: orders, input }, null);
    expect(plan.answer).toEqual({
      key: "database:prod/orders",
      ...orders,
      criticality: DEFAULT_CRITICALITY.database,
      owner: "payments",
      dependents: ["service:prod/shop"],
      labels: {},
    });
    expect(plan.happenings).toEqual([
      {
        action: "catalogue.created",
        subject_type: "resource",
        subject_id: "database:prod/orders",
        details: { resource: input },
      },
    ]);
  });

  it("keeps a criticality of 0", () => {
    const input = CatalogueInput.parse({ criticality: 0 });
    const plan = planned({ do: "put", resource: orders, input }, null);
    expect(plan.answer.criticality).toBe(0);
    expect(inputOf(storedBy(plan)).criticality).toBe(0);
  });

  it("replaces all that was said before but the time when it was first said", () => {
    const first = planned(
      { do: "put", resource: orders, input: CatalogueInput.parse({ criticality: 99, name: "Orders" }) },
      null,
    );
    const before = { ...storedBy(first), created_at: EARLIER };
    const plan = planned({ do: "put", resource: orders, input: CatalogueInput.parse({}) }, before);
    expect(plan.answer).toEqual(catalogued(orders));
    expect(plan.changes).toMatchObject([
      { row: { criticality: null, name: null, created_at: EARLIER, updated_at: NOW } },
    ]);
    expect(plan.happenings.map(({ action }) => action)).toEqual(["catalogue.updated"]);
  });

  it("masks labels that would give a secret away, in the trail alone", () => {
    const input = CatalogueInput.parse({ labels: { api_key: "hunter2", tier: "gold" } });
    const plan = planned({ do: "put", resource: orders, input }, null);
    expect(JSON.stringify(plan.happenings)).not.toContain("hunter2");
    expect(JSON.stringify(plan.happenings)).toContain("gold");
    expect(plan.answer.labels).toEqual(input.labels);
  });

  it("comes back from the database as it was answered", () => {
    const id = fc.string({ minLength: 1, maxLength: 20, unit: "grapheme" });
    const address = fc.oneof(
      fc.record({ type: fc.constantFrom(...RESOURCE_TYPES), id }),
      fc.record({
        type: fc.constantFrom(...RESOURCE_TYPES),
        id,
        namespace: fc.stringMatching(/^[^/:]{1,10}$/),
      }),
    );
    const given = fc.record(
      {
        criticality: fc.integer({ min: 0, max: 100 }),
        name: id,
        owner: id,
        dependents: fc.array(fc.constantFrom("service:a", "service:prod/b", "network:/x/y"), { maxLength: 5 }),
        labels: fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), fc.string({ maxLength: 5 })),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(address, given, (resource, said) => {
        const plan = planned({ do: "put", resource, input: CatalogueInput.parse(said) }, null);
        const row = storedBy(plan);
        expect(catalogued(addressOf(row), inputOf(row))).toEqual(plan.answer);
        expect(CataloguedResource.safeParse(plan.answer).success).toBe(true);
        expect(parseResourceKey(String(plan.answer.key))).toEqual(resource);
      }),
      { numRuns: 200 },
    );
  });
});

describe("taking a resource out of the catalogue", () => {
  it("removes its row and journals what it said", () => {
    const input = CatalogueInput.parse({ criticality: 7 });
    const before = storedBy(planned({ do: "put", resource: orders, input }, null));
    const plan = planned({ do: "remove", resource: orders }, before);
    expect(plan.changes).toEqual([{ remove: "catalogue", key: "database:prod/orders" }]);
    expect(plan.happenings).toMatchObject([{ action: "catalogue.deleted", details: { resource: input } }]);
  });

  it("answers that nobody catalogued it", () => {
    const result = cataloguePlanner.plan({ do: "remove", resource: orders }, null, NOW);
    expect(result).toMatchObject({ ok: false, error: { code: "NOT_FOUND" } });
  });
});

describe("what may be catalogued", () => {
  it.each([
    ["a dependent that is no resource key", { dependents: ["shop"] }],
    ["a dependent of an unknown type", { dependents: ["pod:prod/shop"] }],
    ["a dependent that no reference could have", { dependents: ["service:a:b/c"] }],
    ["a dependent without an id", { dependents: ["service:"] }],
    ["a criticality above 100", { criticality: 101 }],
    ["a criticality below 0", { criticality: -1 }],
    ["half a point of criticality", { criticality: 1.5 }],
    ["501 dependents", { dependents: Array.from({ length: 501 }, (_, n) => `service:${n}`) }],
    ["65 labels", { labels: Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`l${n}`, ""])) }],
    ["an unknown field", { severity: 1 }],
  ])("is not %s", (_, input) => {
    expect(CatalogueInput.safeParse(input).success).toBe(false);
  });

  it("counts a dependent that is named twice once", () => {
    expect(CatalogueInput.parse({ dependents: ["service:a", "service:b", "service:a"] }).dependents).toEqual([
      "service:a",
      "service:b",
    ]);
  });
});
