/** What clients asked of one lock, what they were told, and when: the material of a linearizability check. For tests only. */
import type { Lock } from "../contract.ts";
import type { LockMode, Session } from "../lock-types.ts";

/**
 * All spans in ms. `hold_ms` is how long the call is held open for the grant (`Prefer: wait`), 0 = not at all. `together`:
 * one of several that are taken or none of them, by a session that asks for nothing else.
 */
export type LockCall = { readonly by: Session } & (
  | {
      readonly do: "acquire";
      readonly mode: LockMode;
      readonly ttl_ms: number;
      readonly wait_ms: number;
      readonly hold_ms: number;
      readonly together?: boolean;
    }
  | { readonly do: "heartbeat"; readonly id: string; readonly ttl_ms: number }
  /** `force`: by an admin, whoever holds it */
  | { readonly do: "release"; readonly id: string; readonly force?: boolean }
  | { readonly do: "downgrade" | "read"; readonly id: string }
  | { readonly do: "verify"; readonly token: number }
);

/** A holder as an answer shows it, times in ms of the lock's own clock. */
export interface SeenHolder {
  readonly id: string;
  readonly session: string;
  readonly acquired_at: number;
  readonly ends_at: number;
}

/** A lease or claim as an answer shows it, with everybody who held the lock at that moment if the answer says so. */
export interface Sighting {
  readonly id: string;
  readonly status: "held" | "queued";
  readonly mode: LockMode;
  readonly token?: number | undefined;
  readonly ends_at?: number | undefined;
  readonly reentrant?: boolean;
  readonly upgrading?: boolean;
  readonly holders?: readonly SeenHolder[];
}

export type LockAnswer =
  | { readonly kind: "lock"; readonly lock: Sighting }
  | { readonly kind: "released" }
  /** `by` is the lease or claim in the way */
  | { readonly kind: "refused"; readonly by?: { readonly id: string; readonly session: string } }
  | { readonly kind: "gone"; readonly code: "LOCK_EXPIRED" | "LOCK_NOT_FOUND" | "DEADLOCK_DETECTED" }
  /** To an acquire that was one of several: it was granted, and taken back before the answer as another was not free. */
  | { readonly kind: "undone" }
  | { readonly kind: "denied" }
  | { readonly kind: "queue_full" }
  | { readonly kind: "verified"; readonly current: boolean; readonly highest: number };

/** A call and its answer, ms of the client's monotonic clock. Without an answer it may or may not have been carried out. */
export interface RecordedCall {
  readonly call: LockCall;
  readonly invoked: number;
  /** Infinity without an answer */
  readonly answered: number;
  readonly answer?: LockAnswer;
}

/** One name per (principal, session_id). Agent ids hold no `/`. */
export function sessionName({ agent_id, session_id }: Session): string {
  return `${agent_id}/${session_id}`;
}

export function agentOf(session: string): string {
  return session.slice(0, session.indexOf("/"));
}

/** What the API's Lock tells about the lock. */
export function sightingOf(lock: Lock): Sighting {
  return {
    id: lock.id,
    status: lock.status,
    mode: lock.mode,
    token: lock.fencing_token,
    ends_at: lock.expires_at === undefined ? undefined : Date.parse(lock.expires_at),
    reentrant: lock.reentrant ?? false,
    upgrading: lock.upgrade_pending ?? false,
    holders: lock.holders.map(seenHolder),
  };
}

function seenHolder({ lock_id, acquired_at, expires_at, ...session }: Lock["holders"][number]): SeenHolder {
  return {
    id: lock_id,
    session: sessionName(session),
    acquired_at: Date.parse(acquired_at),
    ends_at: Date.parse(expires_at),
  };
}

/** Records calls of many clients on many locks, a history for each lock. */
export class LockHistories {
  readonly #clock: () => number;
  readonly #byLock = new Map<string, RecordedCall[]>();

  /** `clock`: ms since the epoch that never go back. */
  constructor(clock = () => performance.timeOrigin + performance.now()) {
    this.#clock = clock;
  }

  /**
   * Makes one call that asks for several locks together, and notes for each what came of it there; undefined from `make`
   * says that the answer was lost. A lock without an answer of its own was not asked.
   */
  async recordAll(
    calls: ReadonlyMap<string, Extract<LockCall, { do: "acquire" }>>,
    make: () => Promise<ReadonlyMap<string, LockAnswer> | undefined>,
  ): Promise<ReadonlyMap<string, LockAnswer> | undefined> {
    const invoked = this.#clock();
    const answers = await make();
    for (const [lock, call] of calls) {
      const isAsked = answers?.has(lock) ?? true;
      if (isAsked) this.#note(lock, { ...call, together: true }, invoked, answers?.get(lock));
    }
    return answers;
  }

  /** Makes the call and notes what came of it; undefined from `make` says that the answer was lost. */
  async record(
    lock: string,
    call: LockCall,
    make: () => Promise<LockAnswer | undefined>,
  ): Promise<LockAnswer | undefined> {
    const invoked = this.#clock();
    const answer = await make();
    this.#note(lock, call, invoked, answer);
    return answer;
  }

  get locks(): string[] {
    return [...this.#byLock.keys()];
  }

  of(lock: string): RecordedCall[] {
    const history = this.#byLock.get(lock) ?? [];
    this.#byLock.set(lock, history);
    return history;
  }

  #note(lock: string, call: LockCall, invoked: number, answer: LockAnswer | undefined): void {
    const recorded: RecordedCall =
      answer === undefined
        ? { call, invoked, answered: Number.POSITIVE_INFINITY }
        : { call, invoked, answered: this.#clock(), answer };
    this.of(lock).push(recorded);
  }
}
