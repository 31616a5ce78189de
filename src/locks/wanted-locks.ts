/** Locks as clients name them: which actor each one is, and the one order in which several are taken. Pure. */
import { isUuidShaped, parseId } from "../actor/ids.ts";
import { fail, type Issue, invalid, ok, type Result } from "../actor/result.ts";
import type { WantedLock } from "./contract.ts";
import type { LockName } from "./lock-table.ts";

export interface KeyedLock extends WantedLock {
  /** of the lock's actor */
  readonly key: string;
}

/** As apply sagas take them: permits, then tasks, then resources. */
const ORDER = { agent: 0, task: 1, resource: 2 } as const;

/**
 * The key of the lock's actor. A task has to be named by its id, agents and resources by any string; a task's lock is exclusive.
 * `path`: of the lock in its request, with the dot.
 */
export function lockKey(
  { resource_type, resource_id, mode }: LockName & { readonly mode?: WantedLock["mode"] },
  path = "",
): Result<string> {
  if (resource_type !== "task") return ok(`${resource_type}:${resource_id}`);
  if (!isUuidShaped(resource_id)) {
    return invalid({ field: `${path}resource_id`, issue: "must be the id of a task", value: resource_id });
  }
  if (mode === "shared") {
    return invalid({ field: `${path}mode`, issue: "must be exclusive: nobody shares a task", value: mode });
  }
  const parsed = parseId(resource_id);
  const isTask = parsed?.kind === "task" && parsed.member === 0;
  return isTask ? ok(`task:${parsed.id}`) : fail("TASK_NOT_FOUND", "there is no such task");
}

/**
 * The locks of one request in canonical order, in which crossing requests meet at the first lock that both want. Fails with
 * `VALIDATION_ERROR` for a lock that is named twice and for what cannot be locked.
 */
export function inCanonicalOrder(wanted: readonly WantedLock[]): Result<readonly KeyedLock[]> {
  const locks: KeyedLock[] = [];
  const issues: Issue[] = [];
  const named = new Set<string>();
  for (const [at, lock] of wanted.entries()) {
    const key = lockKey(lock, `locks.${at}.`);
    if (!key.ok) return key;
    if (named.has(key.value)) issues.push({ field: `locks.${at}`, issue: "is named twice" });
    named.add(key.value);
    locks.push({ ...lock, key: key.value });
  }
  return issues.length > 0 ? invalid(...issues) : ok(locks.sort(byKindThenKey));
}

function byKindThenKey(one: KeyedLock, other: KeyedLock): number {
  return ORDER[one.resource_type] - ORDER[other.resource_type] || (one.key < other.key ? -1 : 1);
}
