/** Waits for a lock: a place in its queue first, then one held-open request after the other until it is granted. */
import type { Countersign } from "./countersign.ts";
import { giveBack } from "./give-back.ts";
import type { BodyOf, Schema } from "./routes.ts";

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
 * @returns the lease, and when the request was sent from which its time counts (monotonic ms)
 * @throws CountersignError `RESOURCE_LOCKED` after the deadline, `DEADLOCK_DETECTED` as the victim of one
 */
export async function acquireLock(
  client: Countersign,
  key: LockKey,
  wanted: Wanted,
  deadline: number,
  signal: AbortSignal | undefined,
): Promise<{ readonly lock: Lock; readonly sentAt: number }> {
  signal?.throwIfAborted();
  const named = typeof key === "string" ? ({ resource_type: "resource", resource_id: key } as const) : key;
  const left = () => Math.max(0, Math.ceil((deadline - performance.now()) / 1000));
  let sentAt = performance.now();
  const asked = client.locks.acquire(
    { ...named, ...wanted, max_wait_seconds: left(), wait_for_available: left() > 0 },
    { deadlineMs: ON_THE_WAY_MS },
  );
  let lock = await orWithdraw(client, asked, signal);
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
    if (performance.now() - sentAt < ttlMs * STALE_PART) return { lock, sentAt };
    sentAt = performance.now();
    await client.locks.heartbeat({ lock_id: lock.id, ttl_extension_seconds: wanted.ttl_seconds }, { signal });
    return { lock, sentAt };
  } catch (thrown) {
    await withdraw(client, lock);
    throw thrown;
  }
}

/** Whether more is to come: a queued claim, or a lease that waits to become exclusive. */
function isPending({ status, upgrade_pending }: Lock): boolean {
  return status === "queued" || upgrade_pending === true;
}

/** The lock; should the caller lose interest first, whatever comes of the request is given back. */
function orWithdraw(client: Countersign, asked: Promise<Lock>, signal: AbortSignal | undefined): Promise<Lock> {
  return new Promise((resolve, reject) => {
    const leave = () => {
      reject(signal?.reason);
      // Nothing came of it: nothing to give back.
      asked.then((lock) => withdraw(client, lock)).catch(() => undefined);
    };
    signal?.addEventListener("abort", leave, { once: true });
    asked.then(resolve, reject).finally(() => signal?.removeEventListener("abort", leave));
  });
}

/** What the session held before is not this call's to give back. */
async function withdraw(client: Countersign, { id, reentrant, upgrade_pending }: Lock): Promise<void> {
  if (reentrant !== true && upgrade_pending !== true) await giveBack(client, [id]);
}
