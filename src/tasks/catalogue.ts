/** The resource catalogue: what a row says, and how it changes (03-tasks-and-approvals, "Routes"). Pure but for `read`. */
import { fail, ok } from "../actor/result.ts";
import type { Planner } from "../audit/plan.ts";
import type { CatalogueRow } from "../db/configuration.ts";
import type { CataloguedResource, CatalogueInput } from "./catalogue-contract.ts";
import { type ResourceAddress, resourceKey } from "./resource-key.ts";
import { DEFAULT_CRITICALITY } from "./risk.ts";
import { maskSecrets } from "./secrets.ts";

export type CatalogueCommand =
  | { readonly do: "put"; readonly resource: ResourceAddress; readonly input: CatalogueInput }
  | { readonly do: "remove"; readonly resource: ResourceAddress };

/** A row of `catalogue` as D1 gives it. */
export interface StoredResource {
  readonly type: ResourceAddress["type"];
  readonly id: string;
  readonly namespace: string | null;
  readonly criticality: number | null;
  readonly name: string | null;
  readonly owner: string | null;
  readonly dependents: string;
  readonly labels: string;
  readonly created_at: string;
}

export const CATALOGUE_COLUMNS = "type, id, namespace, criticality, name, owner, dependents, labels, created_at";

/** What was said about a stored resource. */
export function inputOf(row: StoredResource): CatalogueInput {
  const { criticality, name, owner } = row;
  return {
    ...(criticality !== null && { criticality }),
    ...(name !== null && { name }),
    ...(owner !== null && { owner }),
    dependents: JSON.parse(row.dependents) as string[],
    labels: JSON.parse(row.labels) as Record<string, string>,
  };
}

export function addressOf({ type, id, namespace }: StoredResource): ResourceAddress {
  return namespace === null ? { type, id } : { type, id, namespace };
}

/** The resource as served; `input` is left out for one that nobody catalogued. */
export function catalogued(
  resource: ResourceAddress,
  input: CatalogueInput = { dependents: [], labels: {} },
): CataloguedResource {
  const { type, id, namespace } = resource;
  return {
    key: resourceKey(resource),
    type,
    id,
    ...(namespace !== undefined && { namespace }),
    ...input,
    criticality: input.criticality ?? DEFAULT_CRITICALITY[type],
  };
}

/** The statement that finds a resource by its key. */
export function storedResource(db: D1Database, workspace: string, key: string): D1PreparedStatement {
  return db
    .prepare(`SELECT ${CATALOGUE_COLUMNS} FROM catalogue WHERE workspace = ?1 AND key = ?2`)
    .bind(workspace, key);
}

export const cataloguePlanner: Planner<CatalogueCommand, StoredResource | null> = {
  read(db, workspace, { resource }) {
    return storedResource(db, workspace, resourceKey(resource)).first<StoredResource>();
  },

  plan({ resource, ...command }, stored, now) {
    const key = resourceKey(resource);
    const happening = (action: string, input: CatalogueInput) => ({
      action: `catalogue.${action}`,
      subject_type: "resource",
      subject_id: key,
      // Labels are anybody's keys and values.
      details: { resource: maskSecrets(input) },
    });
    if (command.do === "remove") {
      if (stored === null) return fail("NOT_FOUND", `${key} is not in the catalogue`);
      const happenings = [happening("deleted", inputOf(stored))];
      return ok({ changes: [{ remove: "catalogue", key }], happenings, answer: {} });
    }
    const { input } = command;
    return ok({
      changes: [{ put: "catalogue", row: rowOf(resource, input, stored?.created_at ?? now, now) }],
      happenings: [happening(stored === null ? "created" : "updated", input)],
      answer: catalogued(resource, input),
    });
  },
};

function rowOf(resource: ResourceAddress, input: CatalogueInput, created_at: string, updated_at: string): CatalogueRow {
  return {
    key: resourceKey(resource),
    type: resource.type,
    id: resource.id,
    namespace: resource.namespace ?? null,
    criticality: input.criticality ?? null,
    name: input.name ?? null,
    owner: input.owner ?? null,
    dependents: input.dependents,
    labels: input.labels,
    created_at,
    updated_at,
  };
}
