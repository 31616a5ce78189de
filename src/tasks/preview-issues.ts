/** What is wrong or remarkable about a task's changes: the errors and warnings of a preview. */
import type { PreviewIssue, ResourceRef, TaskConfig } from "./contract.ts";
import { looksLikeResourceKey, resourceKey } from "./resource-key.ts";
import { findPlaintextSecrets, pointerToken } from "./secrets.ts";
import { isJsonObject, own } from "./stable-json.ts";

/** What stands around resources; both records are by resource key. */
export interface ResourceRelations {
  /** The catalogue's edges: the keys that depend on a key. */
  readonly dependents: Readonly<Record<string, readonly string[]>>;
  /** Ids of other APPROVED or APPLYING tasks on a key. */
  readonly active: Readonly<Record<string, readonly string[]>>;
}

/** How many issues of one kind are listed: parameters of 256 KiB could hold tens of thousands. */
const MAX_LISTED = 100;

/** How much of a key, a path or a list of names an issue repeats, in characters. */
const MAX_QUOTED = 512;

/**
 * What makes a preview invalid: a parameters key that looks like a resource key but names no resource of the task
 * (UNKNOWN_RESOURCE_KEY), desired attributes that are no object (DESIRED_NOT_AN_OBJECT), plaintext secrets
 * (PLAINTEXT_SECRET; the secret itself is never repeated), a resource named twice (DUPLICATE_RESOURCE) and changes too
 * large to be shown (PREVIEW_TOO_LARGE). `path` is a JSON pointer into the config. At most 100 of each kind.
 */
export function previewErrors(
  config: TaskConfig,
  resources: ReadonlyMap<string, ResourceRef>,
  complete: boolean,
): PreviewIssue[] {
  const addressed = Object.entries(config.parameters).filter(([name]) => looksLikeResourceKey(name));
  const unknown = addressed.filter(([name]) => !resources.has(name)).slice(0, MAX_LISTED);
  const shapeless = addressed.filter(([name, desired]) => resources.has(name) && !isJsonObject(desired));
  const secrets = findPlaintextSecrets(config.parameters, new Set(config.secrets), "/parameters", MAX_LISTED);

  const errors: PreviewIssue[] = repeatedKeys(config).map((key) => ({
    code: "DUPLICATE_RESOURCE",
    message: `${key} is named more than once; name it once, with all its actions.`,
    resource: key,
    path: "/resources",
  }));
  for (const [name] of unknown) {
    errors.push({
      code: "UNKNOWN_RESOURCE_KEY",
      message: "This parameter looks like a resource key, but the task names no such resource.",
      resource: shorten(name),
      path: shorten(`/parameters/${pointerToken(name)}`),
    });
  }
  for (const [name] of shapeless) {
    errors.push({
      code: "DESIRED_NOT_AN_OBJECT",
      message: `The desired attributes of ${name} must be an object.`,
      resource: name,
      path: `/parameters/${pointerToken(name)}`,
    });
  }
  for (const path of secrets) {
    errors.push({
      code: "PLAINTEXT_SECRET",
      message: "A value under a key that names a secret must be a reference that is listed in secrets.",
      path: shorten(path),
    });
  }
  if (!complete) {
    errors.push({
      code: "PREVIEW_TOO_LARGE",
      message: "The changes are too large to be reviewed: name the desired attributes per resource, or split the task.",
    });
  }
  return errors;
}

/**
 * What a reviewer should know: a delete of something with dependents (DELETE_WITH_DEPENDENTS), a write that changes
 * nothing (NO_EFFECTIVE_CHANGE), another APPROVED or APPLYING task on the same resource (RESOURCE_BUSY).
 *
 * @param ineffective keys of the resources whose write changes nothing.
 */
export function previewWarnings(
  resources: ReadonlyMap<string, ResourceRef>,
  ineffective: ReadonlySet<string>,
  relations: ResourceRelations,
): PreviewIssue[] {
  const warnings: PreviewIssue[] = [];
  for (const [resource, ref] of resources) {
    const dependents = (own(relations.dependents, resource) ?? []).filter((key) => key !== resource);
    if (ref.actions.includes("delete") && dependents.length > 0) {
      const message = `Still depended on by ${counted(dependents)}.`;
      warnings.push({ code: "DELETE_WITH_DEPENDENTS", message, resource });
    }
    if (ineffective.has(resource)) {
      const message = "The write leaves the resource as it is.";
      warnings.push({ code: "NO_EFFECTIVE_CHANGE", message, resource });
    }
    const active = own(relations.active, resource) ?? [];
    if (active.length > 0) {
      const message = `Approved or being applied on it as well: ${counted(active)}.`;
      warnings.push({ code: "RESOURCE_BUSY", message, resource });
    }
  }
  return warnings;
}

function repeatedKeys(config: TaskConfig): readonly string[] {
  const keys = config.resources.map(resourceKey);
  return [...new Set(keys.filter((key, index) => keys.indexOf(key) < index))];
}

function counted(names: readonly string[]): string {
  return `${names.length} (${shorten([...names].sort().join(", "))})`;
}

/** Long text without its middle. */
function shorten(text: string): string {
  if (text.length <= MAX_QUOTED) return text;
  const half = MAX_QUOTED / 2;
  return `${text.slice(0, half).toWellFormed()}…${text.slice(-half).toWellFormed()}`;
}
