/** Waits for a lock: a place in its queue first, then one held-open request after the other until it is granted. */
import type { ApiClient } from "./api-client.ts";
import { giveBack } from "./give-back.ts";
import type { BodyOf, Schema } from "./routes.ts";
import { unlessAborted } from "./unless-aborted.ts";

type Lock = Schema<"Lock">;

/** A resource key (`database:prod/orders`), or any of the three kinds of lock by its type and id. */
export type LockKey = string | Pick<Lock, "resource_type" | "resource_id">;

export type Wanted = Omit<
  BodyOf<"POST /locks/acquire">,
  "resource_type" | "resource_id" | "wait_for_available" | "max_wait_seconds"
> & { readonly session_id: string; readonly ttl_seconds: number };

/** Longer than this is not held open: what stands between client and server may cut it off (s). */
const HOLD_S = 25;
/** For an answer on its way back (ms). */
const ON_THE_WAY_MS = 10_000;
/** What brought the lease was sent longer ago than this part of its time: a heartbeat says anew how long it lasts. */
const STALE_PART = 1 / 3;

/**
 * @param deadline monotonic ms
 * @returns the lease, when the request was sent from which its time counts (monotonic ms), and whether the session held it before
 * @throws CountersignError `RESOURCE_LOCKED` after the deadline, `DEADLOCK_DETECTED` as the victim of one
 */
export async function acquireLock(
  client: ApiClient,
  key: LockKey,
  wanted: Wanted,
  deadline: number,
  signal: AbortSignal | undefined,
): Promise<{ readonly lock: Lock; readonly sentAt: number; readonly borrowed: boolean }> {
  signal?.throwIfAborted();
  const named = typeof key === "string" ? ({ resource_type: "resource", resource_id: key } as const) : key;
  const left = () => Math.max(0, Math.ceil((deadline - performance.now()) / 1000));
  let sentAt = performance.now();
  const asked = client.locks.acquire(
    { ...named, ...wanted, max_wait_seconds: left(), wait_for_available: left() > 0 },
    { deadlineMs: ON_THE_WAY_MS },
  );
  let lock = await unlessAborted(asked, signal, async (late) => {
    if (!isBorrowed(late)) await giveBack(client, [late.id]);
  });
  const borrowed = isBorrowed(lock);
  try {
    while (isPending(lock)) {
      sentAt = performance.now();
      const wait = Math.min(HOLD_S, left() + 1);
      lock = await client.locks.acquire(
        { ...named, ...wanted, max_wait_seconds: left() },
        { signal, headers: { Prefer: `wait=${wait}` }, timeoutMs: wait * 1000 + ON_THE_WAY_MS },
      );
    }
    const ttlMs = wanted.ttl_seconds * 1000;
    if (performance.now() - sentAt < ttlMs * STALE_PART) return { lock, sentAt, borrowed };
    sentAt = performance.now();
    await client.locks.heartbeat({ lock_id: lock.id, ttl_extension_seconds: wanted.ttl_seconds }, { signal });
    return { lock, sentAt, borrowed };
  } catch (thrown) {
    if (!borrowed) await giveBack(client, [lock.id]);
    throw thrown;
  }
}

/** Whether more is to come: a queued claim, or a lease that waits to become exclusive. */
function isPending({ status, upgrade_pending }: Lock): boolean {
  return status === "queued" || upgrade_pending === true;
}

/** Held by the session before: not this call's to give back. */
function isBorrowed({ reentrant, upgrade_pending }: Lock): boolean {
  return reentrant === true || upgrade_pending === true;
}
