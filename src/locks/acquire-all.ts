/** POST /locks/acquire-all: several locks or none of them, without waiting (04, "Routes"). */
import { type Caller, withoutKey } from "../actor/caller.ts";
import { actorOf } from "../actor/remote.ts";
import { ok, type Result } from "../actor/result.ts";
import type { Env } from "../env.ts";
import { causeOf, log } from "../log.ts";
import type { Lease, WantedLock } from "./contract.ts";
import type { Attempt, AttemptCommand, LockApi } from "./lock-api.ts";
import { memberOf } from "./lock-id.ts";
import { inCanonicalOrder, type KeyedLock } from "./wanted-locks.ts";

interface Taken extends Attempt {
  readonly key: string;
}

/**
 * Tries the locks one after the other in canonical order. At the first that is not free (or does not answer) it gives back
 * what this call took: its new leases, and shared leases that it made exclusive become shared again. What the session held
 * before stays. Should the worker die in between, what it took ends by its TTL.
 *
 * The answer is kept under the caller's Idempotency-Key in the first lock's actor, once it is complete: whatever failed is
 * tried anew. The leases come in the order in which they were asked for.
 */
export async function acquireAll(
  env: Env,
  caller: Caller,
  wanted: readonly WantedLock[],
  command: Omit<AttemptCommand, "mode">,
): Promise<Result<readonly Lease[]>> {
  const ordered = inCanonicalOrder(wanted);
  if (!ordered.ok) return ordered;
  const lockAt = (key: string) => actorOf<LockApi>(env, caller.workspace, key);
  const { key: first = "" } = ordered.value[0] ?? {};
  const keeps = caller.idempotency !== undefined;
  const known = keeps ? await lockAt(first).recall(caller, first) : null;
  if (known !== null) return known;

  const taken = await allOrNone(ordered.value, {
    attempt: ({ key, mode }) => lockAt(key).attempt(caller, key, { ...command, mode }),
    undo: ({ key, took, lease }) => undone(lockAt(key), caller, took, memberOf(lease.lock_id)),
  });
  if (!taken.ok) return taken;
  const leases = wanted.flatMap((lock) =>
    taken.value.filter(({ lease }) => isOf(lease, lock)).map(({ lease }) => lease),
  );
  if (keeps) await lockAt(first).keep(caller, first, leases);
  return ok(leases);
}

interface Deeds {
  readonly attempt: (lock: KeyedLock) => Promise<Result<Attempt>>;
  readonly undo: (taken: Taken) => Promise<unknown>;
}

async function allOrNone(locks: readonly KeyedLock[], { attempt, undo }: Deeds): Promise<Result<readonly Taken[]>> {
  const taken: Taken[] = [];
  let isComplete = false;
  try {
    for (const lock of locks) {
      const got = await attempt(lock);
      if (!got.ok) return got;
      taken.push({ ...got.value, key: lock.key });
    }
    isComplete = true;
    return ok(taken);
  } finally {
    if (!isComplete) await rolledBack(taken, undo);
  }
}

async function rolledBack(taken: readonly Taken[], undo: Deeds["undo"]): Promise<void> {
  const undoing = await Promise.allSettled(taken.map(undo));
  for (const [at, outcome] of undoing.entries()) {
    // Its TTL ends it.
    if (outcome.status === "rejected") {
      log("error", "lease.not_rolled_back", { lock: taken[at]?.key, cause: causeOf(outcome.reason) });
    }
  }
}

async function undone(
  lock: Pick<LockApi, "release" | "downgrade">,
  caller: Caller,
  took: Attempt["took"],
  member: number,
): Promise<void> {
  if (took === "lease") await lock.release(withoutKey(caller), member, { force: false });
  if (took === "upgrade") await lock.downgrade(withoutKey(caller), member);
}

function isOf(lease: Lease, { resource_type, resource_id }: WantedLock): boolean {
  const id = resource_type === "task" ? resource_id.toLowerCase() : resource_id;
  return lease.resource_type === resource_type && lease.resource_id === id;
}
