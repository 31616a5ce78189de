/** Work under several locks at once: all of them or none, so that nobody waits while holding (04, "acquire-all"). */
import type { LockKey } from "./acquire-lock.ts";
import type { ApiClient } from "./api-client.ts";
import { CountersignError, type ErrorCode, isCountersignError } from "./countersign-error.ts";
import { giveBack } from "./give-back.ts";
import { LeaseKeeper } from "./lease-keeper.ts";
import { pause } from "./pause.ts";
import { backoff } from "./retry-policy.ts";
import type { BodyOf, Schema } from "./routes.ts";
import { unlessAborted } from "./unless-aborted.ts";
import { anyOf, type LockOptions, TTL_S, WAIT_S } from "./with-lock.ts";

export type LocksOptions = Pick<LockOptions, "mode" | "ttl_seconds" | "max_wait_seconds" | "purpose" | "signal">;

/** A lock, exclusive unless the options or its own mode say otherwise. */
export type WantedLock = LockKey | BodyOf<"POST /locks/acquire-all">["locks"][number];

/** Locks that are held, all of them. */
export interface HeldLocks {
  readonly leases: Schema<"Leases">["leases"];
  readonly session_id: string;
  /** Aborted the moment that one of the leases may be lost, with a `LEASE_LOST` as its reason, or with the caller's own signal. */
  readonly signal: AbortSignal;
  /** What storage checks before it takes a write, of a lock by its resource id. */
  fencingToken(resourceId: string): number;
}

const ON_THE_WAY_MS = 10_000;
const RETRY = { base_ms: 50, cap_ms: 2_000 };

/**
 * Runs `use` while holding every one of 1 to 50 locks. Where one is taken none is held, and all are tried again after a pause:
 * so there is no deadlock among those who take their locks this way.
 *
 * @throws what `use` throws; a CountersignError `RESOURCE_LOCKED` after waiting in vain, `LEASE_LOST` if `use` ended well but
 * a lease may have ended before
 */
export async function withLocks<T>(
  client: ApiClient,
  keys: readonly WantedLock[],
  options: LocksOptions,
  use: (locks: HeldLocks) => Promise<T>,
): Promise<T> {
  const { mode = "exclusive", ttl_seconds = TTL_S, purpose, signal } = options;
  const session_id = crypto.randomUUID();
  const wanted = {
    locks: keys.map((key) => ({ mode, ...(typeof key === "string" ? named(key) : key) })),
    ttl_seconds,
    session_id,
    ...(purpose !== undefined && { purpose }),
  };
  const { leases, sentAt } = await acquireAll(client, wanted, (options.max_wait_seconds ?? WAIT_S) * 1000, signal);
  const lock_ids = idsOf(leases);
  const keeper = new LeaseKeeper({
    ttlMs: ttl_seconds * 1000,
    sentAt,
    beat: async (call) => {
      const beat = await client.locks.heartbeat({ lock_ids, ttl_extension_seconds: ttl_seconds }, call);
      const lost = "results" in beat ? beat.results.find(({ error }) => error !== undefined)?.error : undefined;
      if (lost !== undefined) throw refusalOf(lost);
    },
  });
  try {
    const result = await use({
      leases,
      session_id,
      signal: anyOf(keeper.signal, signal),
      fencingToken: (id) => {
        const lease = leases.find(({ resource_id }) => resource_id === id);
        if (lease === undefined) throw new RangeError(`no lease on ${id} is held`);
        return lease.fencing_token;
      },
    });
    keeper.signal.throwIfAborted();
    return result;
  } finally {
    await keeper.end();
    await giveBack(client, lock_ids);
  }
}

/** Tries until all are free at once. */
async function acquireAll(
  client: ApiClient,
  wanted: BodyOf<"POST /locks/acquire-all">,
  waitMs: number,
  signal: AbortSignal | undefined,
): Promise<{ readonly leases: HeldLocks["leases"]; readonly sentAt: number }> {
  const deadline = performance.now() + waitMs;
  for (let refusals = 1; ; refusals += 1) {
    signal?.throwIfAborted();
    const sentAt = performance.now();
    try {
      const asked = client.locks.acquireAll(wanted, { deadlineMs: ON_THE_WAY_MS });
      const { leases } = await unlessAborted(asked, signal, (late) => giveBack(client, idsOf(late.leases)));
      return { leases, sentAt };
    } catch (thrown) {
      const after = backoff(RETRY, refusals, Math.random());
      if (!isCountersignError(thrown, "RESOURCE_LOCKED") || performance.now() + after >= deadline) throw thrown;
      await pause(after, signal);
    }
  }
}

function idsOf(leases: HeldLocks["leases"]): string[] {
  return leases.map(({ lock_id }) => lock_id);
}

/** One lease of a batch that was not extended. */
function refusalOf({ code, message }: { readonly code: string; readonly message: string }): CountersignError {
  const retry = { retryable: code === "UNAVAILABLE", after_ms: 0 };
  return new CountersignError(code as ErrorCode, { message, retry });
}

function named(key: string) {
  return { resource_type: "resource", resource_id: key } as const;
}
