/** Work under a lock: acquired, kept alive, given back, and called off the moment that it may be somebody else's. */

import { acquireLock, type LockKey, type Wanted } from "./acquire-lock.ts";
import type { ApiClient } from "./api-client.ts";
import { isCountersignError } from "./countersign-error.ts";
import { giveBack } from "./give-back.ts";
import { LeaseKeeper } from "./lease-keeper.ts";
import { pause } from "./pause.ts";
import type { Schema } from "./routes.ts";

export interface LockOptions {
  /** shared or exclusive (the default) */
  readonly mode?: "shared" | "exclusive";
  /** How long the lease lasts without a heartbeat; 5 to 300, default 30. */
  readonly ttl_seconds?: number;
  /** How long to wait for it, all retries included; 0 to 300, default 60. 0: now or not at all. */
  readonly max_wait_seconds?: number;
  readonly purpose?: string;
  readonly priority?: number;
  /** The session that holds it; default: a new one. Whoever takes a lock under a session of its own handles deadlocks itself. */
  readonly session_id?: string;
  /** How often to begin again as the victim of a deadlock; default 10. */
  readonly deadlockRetries?: number;
  readonly signal?: AbortSignal | undefined;
}

/** A lock that is held. */
export interface HeldLock {
  readonly id: string;
  readonly session_id: string;
  /** Hand it to the storage that is written to: it rises with every grant (04, rule 4). */
  readonly fencing_token: number;
  /** Aborted the moment that the lease may be lost, with a `LEASE_LOST` as its reason, or with the caller's own signal. */
  readonly signal: AbortSignal;
  /** Another lock for the same session: only so are deadlocks seen. As their victim all is lost, and the outermost `withLock` begins again. */
  withLock<T>(key: LockKey, options: NestedLockOptions, use: (lock: HeldLock) => Promise<T>): Promise<T>;
}

export type NestedLockOptions = Omit<LockOptions, "session_id" | "deadlockRetries">;

export const TTL_S = 30;
export const WAIT_S = 60;
const DEADLOCK_RETRIES = 10;

/**
 * Runs `use` while holding a lock, and answers what it answers.
 *
 * If `use` takes further locks through `lock.withLock` and is chosen as the victim of a deadlock, everything is released and
 * it runs again from the start after the pause that the server asks for, as a transaction would.
 *
 * @throws what `use` throws; a CountersignError `RESOURCE_LOCKED` after waiting in vain, `LEASE_LOST` if `use` ended well but
 * its lease may have ended before
 */
export async function withLock<T>(
  client: ApiClient,
  key: LockKey,
  options: LockOptions,
  use: (lock: HeldLock) => Promise<T>,
): Promise<T> {
  const { session_id = crypto.randomUUID(), signal } = options;
  const retries = options.session_id === undefined ? (options.deadlockRetries ?? DEADLOCK_RETRIES) : 0;
  const deadline = performance.now() + (options.max_wait_seconds ?? WAIT_S) * 1000;
  for (let deadlocks = 0; ; deadlocks += 1) {
    try {
      return await heldFor(client, key, { ...options, session_id }, deadline, [], use);
    } catch (thrown) {
      if (deadlocks >= retries || !isVictim(thrown, session_id)) throw thrown;
      await pause(thrown.retry.after_ms, signal);
    }
  }
}

/** Whether this session was aborted to end a deadlock. */
function isVictim(
  thrown: unknown,
  session: string,
): thrown is Error & { readonly retry: { readonly after_ms: number } } {
  if (!isCountersignError(thrown, "DEADLOCK_DETECTED")) return false;
  const { resolution } = (thrown.details ?? {}) as Partial<Schema<"DeadlockInfo">>;
  return resolution === undefined || resolution.victim_session_id === session;
}

type SessionOptions = LockOptions & { readonly session_id: string };

/** @param outer ids of leases that the session holds already */
async function heldFor<T>(
  client: ApiClient,
  key: LockKey,
  options: SessionOptions,
  deadline: number,
  outer: readonly string[],
  use: (lock: HeldLock) => Promise<T>,
): Promise<T> {
  const { session_id, signal } = options;
  const ttl = options.ttl_seconds ?? TTL_S;
  const { lock, sentAt, borrowed } = await acquireLock(client, key, wantedBy(options, ttl), deadline, signal);
  const keeper = new LeaseKeeper({
    ttlMs: ttl * 1000,
    sentAt,
    beat: async (call) => {
      await client.locks.heartbeat({ lock_id: lock.id, ttl_extension_seconds: ttl }, call);
    },
  });
  const both = anyOf(keeper.signal, signal);
  const ids = [...outer, lock.id];
  try {
    const result = await use({
      id: lock.id,
      session_id,
      fencing_token: lock.fencing_token ?? 0,
      signal: both,
      withLock: async (inner, wanted, work) => {
        const until = performance.now() + (wanted.max_wait_seconds ?? WAIT_S) * 1000;
        const under = { ...wanted, session_id, signal: anyOf(both, wanted.signal) };
        try {
          return await heldFor(client, inner, under, until, ids, work);
        } catch (thrown) {
          // The victim of a deadlock loses all that its session holds, this lease too.
          if (isVictim(thrown, session_id)) keeper.lose(thrown);
          throw thrown;
        }
      },
    });
    keeper.signal.throwIfAborted();
    return result;
  } finally {
    await keeper.end();
    // An upgrade granted at once is the outer lease, too.
    if (!borrowed && !outer.includes(lock.id)) await giveBack(client, [lock.id]);
  }
}

function wantedBy(
  { signal: _, deadlockRetries: __, max_wait_seconds: ___, ...wanted }: SessionOptions,
  ttl: number,
): Wanted {
  return { ...wanted, ttl_seconds: ttl };
}

/** Aborted with the first of both. */
export function anyOf(signal: AbortSignal, other: AbortSignal | undefined): AbortSignal {
  return other === undefined ? signal : AbortSignal.any([signal, other]);
}
