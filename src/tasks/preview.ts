import type { JsonObject } from "../wire.ts";
import type { Change, Preview, ResourceAction, ResourceRef, TaskConfig } from "./contract.ts";
import { MAX_EDITS, unifiedDiff } from "./diff.ts";
import { mergePatch } from "./merge-patch.ts";
import { previewErrors, previewWarnings, type ResourceRelations } from "./preview-issues.ts";
import { looksLikeResourceKey, resourcesByKey } from "./resource-key.ts";
import { isJsonObject, own, sameJson } from "./stable-json.ts";

/** What a preview needs to know of the world; every record is by resource key. */
export interface PreviewFacts extends ResourceRelations {
  /** Attributes last applied and their revision; absent is {} at revision 0. */
  readonly resources: Readonly<Record<string, { readonly attributes: JsonObject; readonly revision: number }>>;
  /** Median of past executions of the task's type. */
  readonly median_duration_seconds?: number;
}

/** The order of a resource's changes: nothing is left to change after a delete. A read changes nothing. */
const CHANGING_ACTIONS = ["write", "execute", "delete"] as const satisfies readonly ResourceAction[];

/** How much before, after and diff of all changes may take together, in bytes of UTF-8 as JSON. */
export const MAX_CHANGES_BYTES = 4 * 1024 * 1024;

/**
 * What a task would do, as things stand (03-tasks-and-approvals, "Preview"). Pure: the same config and facts give the same
 * preview.
 *
 * - Every resource gives one entry per action that changes something, write before execute before delete, each seen from
 *   the attributes last applied. A resource named twice is an error, and is treated as one with the actions of both.
 * - Where before, after and diff would come to more than 4 MiB of JSON, that change and all later ones go without them,
 *   and the error PREVIEW_TOO_LARGE says so.
 */
export function computePreview(config: TaskConfig, facts: PreviewFacts): Preview {
  const resources = resourcesByKey(config.resources);
  const { changes, complete } = computeChanges(config, resources, facts);
  const errors = previewErrors(config, resources, complete);
  return {
    valid: errors.length === 0,
    changes,
    warnings: previewWarnings(resources, ineffectiveWrites(config, resources, facts), facts),
    errors,
    ...(facts.median_duration_seconds !== undefined && { estimated_duration_seconds: facts.median_duration_seconds }),
    affected_services: affectedServices([...resources.keys()], facts.dependents),
    resource_revisions: Object.fromEntries([...resources.keys()].map((key) => [key, revisionOf(key, facts)])),
  };
}

/**
 * Whether two previews of one revision promise the same changes; if not, what was approved has drifted. Warnings, errors
 * and durations do not count, nor does the diff, which only shows before and after. A change too large to be shown is
 * told by its resource's revision instead, so that drift cannot hide in it.
 */
export function sameChanges(a: Preview, b: Preview): boolean {
  return sameJson(promises(a), promises(b));
}

function promises(preview: Preview): readonly unknown[] {
  return preview.changes.map(({ diff: _, ...change }) =>
    change.action === "execute" || change.before !== undefined
      ? change
      : { ...change, revision: own(preview.resource_revisions, change.resource.key) },
  );
}

/**
 * `parameters[key]` if present. Else the parameters as a whole: all that are not under a resource key, for a resource key
 * among the parameters addresses that one resource and is no attribute of another.
 */
function desiredAttributes(config: TaskConfig, key: string): JsonObject {
  const desired = own(config.parameters, key);
  if (desired !== undefined) return isJsonObject(desired) ? desired : {};
  return Object.fromEntries(Object.entries(config.parameters).filter(([name]) => !looksLikeResourceKey(name)));
}

interface ComputedChanges {
  readonly changes: Change[];
  /** False once the changes were too large to be shown in full. */
  readonly complete: boolean;
}

function computeChanges(
  config: TaskConfig,
  resources: ReadonlyMap<string, ResourceRef>,
  facts: PreviewFacts,
): ComputedChanges {
  const changes: Change[] = [];
  let room = MAX_CHANGES_BYTES;
  // All diffs together take the work of one: it grows with the square of the lines that differ.
  const maxEdits = Math.floor(MAX_EDITS / Math.sqrt(resources.size));
  for (const [key, ref] of resources) {
    for (const action of CHANGING_ACTIONS.filter((candidate) => ref.actions.includes(candidate))) {
      const change: Change = { resource: { ...ref, key }, action };
      if (action === "execute" || room < 0) {
        changes.push(change);
      } else {
        const shown = beforeAndAfter(config, key, action, facts, maxEdits);
        room -= sizeOf(shown);
        changes.push(room < 0 ? change : { ...change, ...shown });
      }
    }
  }
  return { changes, complete: room >= 0 };
}

function beforeAndAfter(
  config: TaskConfig,
  key: string,
  action: "write" | "delete",
  facts: PreviewFacts,
  maxEdits: number,
) {
  const before = attributesOf(key, facts);
  const after = action === "delete" ? null : mergePatch(before, desiredAttributes(config, key));
  return { before, after, diff: unifiedDiff(before, after, maxEdits) };
}

function sizeOf(shown: object): number {
  return new TextEncoder().encode(JSON.stringify(shown)).byteLength;
}

function ineffectiveWrites(
  config: TaskConfig,
  resources: ReadonlyMap<string, ResourceRef>,
  facts: PreviewFacts,
): ReadonlySet<string> {
  const writes = [...resources].filter(([, ref]) => ref.actions.includes("write")).map(([key]) => key);
  return new Set(
    writes.filter((key) => {
      const before = attributesOf(key, facts);
      return sameJson(before, mergePatch(before, desiredAttributes(config, key)));
    }),
  );
}

function attributesOf(key: string, facts: PreviewFacts): JsonObject {
  return own(facts.resources, key)?.attributes ?? {};
}

function revisionOf(key: string, facts: PreviewFacts): number {
  return own(facts.resources, key)?.revision ?? 0;
}

/** Everything that depends on the touched resources, directly or not, without these themselves; sorted. */
function affectedServices(touched: readonly string[], dependents: PreviewFacts["dependents"]): string[] {
  const sources = new Set(touched);
  const reached = new Set(touched);
  // A Set's iteration goes on to what is added meanwhile, and each key enters once: cycles end.
  for (const key of reached) {
    for (const dependent of own(dependents, key) ?? []) reached.add(dependent);
  }
  return [...reached].filter((key) => !sources.has(key)).sort();
}
