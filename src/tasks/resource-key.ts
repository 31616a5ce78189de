import { matches } from "../pattern.ts";
import type { ResourceAction, ResourceRef, ResourceType } from "./contract.ts";

/** What names a resource: the part of a resource reference that its key is made of. */
export type ResourceAddress = Pick<ResourceRef, "type" | "id" | "namespace">;

export const RESOURCE_TYPES = [
  "database",
  "service",
  "infrastructure",
  "configuration",
  "secret",
  "network",
  "storage",
] as const satisfies readonly ResourceType[];

/** The limits of the wire contract in characters, so that a key read back always names a resource that a task could name. */
const MAX_ID_LENGTH = 256;
const MAX_NAMESPACE_LENGTH = 128;

/**
 * The resource key: `type:namespace/id`, without namespace `type:id`, and `type:/id` when such an id holds a `/`
 * (01-architecture, "Ids"). No two resources share a key, as a namespace is never empty and holds no `/` or `:`.
 */
export function resourceKey({ type, namespace, id }: ResourceAddress): string {
  if (namespace !== undefined) return `${type}:${namespace}/${id}`;
  return id.includes("/") ? `${type}:/${id}` : `${type}:${id}`;
}

/** The resource that a key names, or undefined if the text is no resource's key. */
export function parseResourceKey(key: string): ResourceAddress | undefined {
  const type = RESOURCE_TYPES.find((candidate) => key.startsWith(`${candidate}:`));
  if (type === undefined) return undefined;
  const path = key.slice(type.length + 1);
  const slash = path.indexOf("/");
  const id = path.slice(slash + 1);
  const namespace = path.slice(0, Math.max(slash, 0));
  if (id.length === 0 || charactersOf(id) > MAX_ID_LENGTH) return undefined;
  if (charactersOf(namespace) > MAX_NAMESPACE_LENGTH || namespace.includes(":")) return undefined;
  const address = namespace === "" ? { type, id } : { type, namespace, id };
  return resourceKey(address) === key ? address : undefined;
}

/** As a contract counts them, and JSON Schema: a surrogate pair is one. */
function charactersOf(text: string): number {
  return [...text].length;
}

/** Whether a parameters key is meant as a resource key: it starts with one of the seven types and a colon. */
export function looksLikeResourceKey(text: string): boolean {
  return RESOURCE_TYPES.some((type) => text.startsWith(`${type}:`));
}

/**
 * Tries a pattern against `type:namespace/id`, `namespace/id`, `id` and `name` (03-tasks-and-approvals, "Reviewer
 * policies"). The name is whatever the author wrote: leave it out of `ref` where a match makes a task easier to pass.
 */
export function matchesResource(pattern: string, ref: ResourceAddress & Pick<ResourceRef, "name">): boolean {
  const forms = [resourceKey(ref), ref.id];
  if (ref.namespace !== undefined) forms.push(`${ref.namespace}/${ref.id}`);
  if (ref.name !== undefined) forms.push(ref.name);
  return forms.some((form) => matches(pattern, form));
}

/**
 * The resources of a config by key, in the order in which they are named first. A resource named twice (which makes the
 * preview invalid) is one resource with the actions of both references.
 */
export function resourcesByKey(refs: readonly ResourceRef[]): ReadonlyMap<string, ResourceRef> {
  const byKey = new Map<string, ResourceRef>();
  for (const ref of refs) {
    const key = resourceKey(ref);
    const known = byKey.get(key);
    const actions: ResourceAction[] = [...new Set([...(known?.actions ?? []), ...ref.actions])];
    byKey.set(key, { ...(known ?? ref), actions });
  }
  return byKey;
}
