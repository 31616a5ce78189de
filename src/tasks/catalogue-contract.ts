/** Wire schemas of the resource catalogue (03-tasks-and-approvals, "Routes"). */
import { Lock } from "../locks/contract.ts";
import { JsonObject } from "../wire.ts";
import { z } from "../zod.ts";
import { ResourceType } from "./contract.ts";
import { parseResourceKey } from "./resource-key.ts";

const criticality = z.number().int().min(0).max(100);
const label = z.string().max(256);
const resourceKey = z
  .string()
  .refine((key) => parseResourceKey(key) !== undefined, "must be a resource key, type:namespace/id or type:id");

export const CatalogueInput = z.lazy(() =>
  z
    .strictObject({
      criticality: criticality.optional(),
      name: z.string().min(1).max(200).optional(),
      owner: z.string().min(1).max(200).optional(),
      dependents: z
        .array(resourceKey)
        .max(500)
        .default([])
        .transform((keys) => [...new Set(keys)]),
      labels: z
        .record(z.string().min(1).max(64), label)
        .refine((labels) => Object.keys(labels).length <= 64, "must be at most 64")
        .default({}),
    })
    .openapi("CatalogueInput", {
      example: { criticality: 90, owner: "payments", dependents: ["service:prod/checkout"] },
    }),
);
export type CatalogueInput = z.infer<typeof CatalogueInput>;

/** A resource as the catalogue has it; `criticality` is its type's default where none was set. */
export const CataloguedResource = z.lazy(() =>
  z
    .strictObject({
      key: z.string(),
      type: ResourceType,
      id: z.string(),
      namespace: z.string().optional(),
      criticality,
      name: z.string().optional(),
      owner: z.string().optional(),
      dependents: z.array(z.string()),
      labels: z.record(z.string(), z.string()),
    })
    .openapi("CataloguedResource"),
);
export type CataloguedResource = z.infer<typeof CataloguedResource>;

/** The same with what its actor knows: attributes last applied, their revision (0 = never applied), the lock if there is one. */
export const Resource = z.lazy(() =>
  z
    .strictObject({
      ...CataloguedResource.unwrap().shape,
      attributes: JsonObject,
      revision: z.number().int().min(0),
      lock: Lock.optional(),
    })
    .openapi("Resource"),
);
export type Resource = z.infer<typeof Resource>;
