/** The resource catalogue over HTTP (03-tasks-and-approvals, "Routes"). */
import { ledgerOf } from "../audit/ledger-api.ts";
import { type Access, ADMIN } from "../http/access.ts";
import { endpoint, reply } from "../http/endpoint.ts";
import type { App } from "../http/endpoint-spec.ts";
import { condition, paged } from "../http/pagination.ts";
import { PageQuery, Pagination } from "../http/validation.ts";
import { resourceOf } from "../locks/lock-api.ts";
import { z } from "../zod.ts";
import { addressOf, CATALOGUE_COLUMNS, catalogued, inputOf, type StoredResource, storedResource } from "./catalogue.ts";
import { CataloguedResource, CatalogueInput, Resource } from "./catalogue-contract.ts";
import { ResourceRef, ResourceType } from "./contract.ts";
import { type ResourceAddress, resourceKey } from "./resource-key.ts";

const tag = "Resources";
const READ: Access = { roles: "any", scope: "tasks:read" };

const OneResource = z.lazy(() =>
  z.strictObject({
    type: ResourceType,
    // A path is decoded after the body's checks had their say.
    id: ResourceRef.shape.id.refine((id) => !id.includes("\u0000"), "must not hold U+0000"),
  }),
);
const InNamespace = z.lazy(() => z.strictObject({ namespace: ResourceRef.shape.namespace }));

function named({ type, id }: z.infer<typeof OneResource>, { namespace }: z.infer<typeof InNamespace>): ResourceAddress {
  return namespace === undefined ? { type, id } : { type, id, namespace };
}

export function catalogueRoutes(app: App): void {
  endpoint(
    app,
    {
      method: "get",
      path: "/resources",
      tag,
      summary: "List the catalogued resources",
      description: "Ordered by key. Attributes, revision and lock are left out: each is kept by an object of its own.",
      access: READ,
      query: z.strictObject({
        ...PageQuery,
        type: ResourceType.optional(),
        namespace: ResourceRef.shape.namespace,
        owner: z.string().min(1).max(200).optional(),
      }),
      answers: { 200: z.strictObject({ resources: z.array(CataloguedResource), pagination: Pagination }) },
    },
    async ({ caller, env, query: { type, namespace, owner, ...page } }) => {
      const { rows, pagination } = await paged<StoredResource>(
        env.DB,
        {
          select: CATALOGUE_COLUMNS,
          from: "catalogue",
          where: [
            condition("workspace = ?", caller.workspace),
            ...(type === undefined ? [] : [condition("type = ?", type)]),
            ...(namespace === undefined ? [] : [condition("namespace = ?", namespace)]),
            ...(owner === undefined ? [] : [condition("owner = ?", owner)]),
          ],
          order: { column: "key", direction: "asc" },
        },
        page,
      );
      return {
        status: 200,
        body: { resources: rows.map((row) => catalogued(addressOf(row), inputOf(row))), pagination },
      };
    },
  );

  endpoint(
    app,
    {
      method: "get",
      path: "/resources/{type}/{id}",
      tag,
      summary: "Read a resource",
      description:
        "Also one that nobody catalogued: what was last applied to it, and its lock. A slash in the id is written %2F.",
      access: READ,
      params: OneResource,
      query: InNamespace,
      answers: { 200: Resource },
    },
    async ({ caller, env, params, query }) => {
      const address = named(params, query);
      const key = resourceKey(address);
      const [stored, { attributes, revision, lock }] = await Promise.all([
        storedResource(env.DB, caller.workspace, key).first<StoredResource>(),
        resourceOf(env, caller.workspace, key).state(`resource:${key}`),
      ]);
      const resource = catalogued(address, stored === null ? undefined : inputOf(stored));
      return { status: 200, body: { ...resource, attributes, revision, ...(lock !== undefined && { lock }) } };
    },
  );

  endpoint(
    app,
    {
      method: "put",
      path: "/resources/{type}/{id}",
      tag,
      summary: "Catalogue a resource",
      description: "Replaces what was said about it before; what is left out is unset.",
      access: ADMIN,
      params: OneResource,
      query: InNamespace,
      body: CatalogueInput,
      answers: { 200: CataloguedResource },
    },
    async ({ caller, env, params, query, body }) => {
      const command = { do: "put", resource: named(params, query), input: body } as const;
      return reply(await ledgerOf(env, caller.workspace).configure(caller, { of: "catalogue", command }), 200);
    },
  );

  endpoint(
    app,
    {
      method: "delete",
      path: "/resources/{type}/{id}",
      tag,
      summary: "Take a resource out of the catalogue",
      description: "Its attributes, revision and lock stay.",
      access: ADMIN,
      params: OneResource,
      query: InNamespace,
      answers: { 204: null },
      errors: ["NOT_FOUND"],
    },
    async ({ caller, env, params, query }) => {
      const command = { do: "remove", resource: named(params, query) } as const;
      const done = await ledgerOf(env, caller.workspace).configure(caller, { of: "catalogue", command });
      return reply(done, 204, () => undefined);
    },
  );
}
