/** What others may ask of an actor that carries a lock: a task, a resource or an agent. */
import type { ActorApi } from "../actor/actor-api.ts";
import type { Caller } from "../actor/caller.ts";
import { actorOf, type Remote } from "../actor/remote.ts";
import type { Result } from "../actor/result.ts";
import type { Env } from "../env.ts";
import type { JsonObject } from "../wire.ts";
import type { Lease, Lock, LockInfo, Verification } from "./contract.ts";

export interface AcquireCommand {
  readonly agent_id: string;
  readonly session_id: string;
  readonly mode: "shared" | "exclusive";
  readonly ttl_ms: number;
  /** 0: a try, never queued */
  readonly wait_ms: number;
  readonly purpose?: string | undefined;
  readonly priority: number;
  /** How long to hold the call open for the grant (`Prefer: wait`), ms. */
  readonly hold_ms: number;
}

/** How a lease or claim is given up; the reason stands in the trail and in the event. */
export interface ReleaseCommand {
  /** Whether somebody else's, too. */
  readonly force: boolean;
  readonly reason?: string | undefined;
}

/** A try, never queued and never held open. */
export type AttemptCommand = Omit<AcquireCommand, "wait_ms" | "hold_ms">;

/** What a try got: a lease of its own, a lease that was the session's already made exclusive, or only that very lease. */
export interface Attempt {
  readonly lease: Lease;
  readonly took: "lease" | "upgrade" | "nothing";
}

export interface LockApi extends ActorApi {
  /** `key` is the actor's full key. The value's `status` says held or queued. */
  acquire(caller: Caller, key: string, command: AcquireCommand): Promise<Result<Lock>>;
  /** `member` is the lease's number within the actor, as its id carries it. */
  heartbeat(caller: Caller, member: number, extensionMs: number): Promise<Result<Lock>>;
  release(caller: Caller, member: number, command: ReleaseCommand): Promise<Result<null>>;
  /** Makes an exclusive lease shared; a claim asks for shared from then on. */
  downgrade(caller: Caller, member: number): Promise<Result<Lock>>;
  /** One of several locks that are wanted together. The caller's Idempotency-Key is not looked at: see `recall`. */
  attempt(caller: Caller, key: string, command: AttemptCommand): Promise<Result<Attempt>>;
  /** What was kept under the caller's Idempotency-Key for a request that several locks served; null: nothing. */
  recall(caller: Caller, key: string): Promise<Result<readonly Lease[]> | null>;
  keep(caller: Caller, key: string, answer: readonly Lease[]): Promise<void>;
  /** Whether a lease held now has this fencing token, and the highest handed out. Creates nothing. */
  verify(key: string, token: number): Promise<Result<Verification>>;
  /** Those of these leases that are held now, each with at most `most` of the lock's holders and of its queue. */
  infos(members: readonly number[], most: number): Promise<LockInfo[]>;
  /** An agent reads its own leases and claims only, an admin any. */
  readLock(caller: Caller, member: number): Promise<Result<Lock>>;
}

/** A resource as its actor knows it. */
export interface ResourceState {
  readonly attributes: JsonObject;
  /** 0 = never applied */
  readonly revision: number;
}

export interface ResourceApi extends LockApi {
  state(key: string): Promise<ResourceState & { readonly lock?: Lock }>;
  /** As `acquire`; with the lock comes what the resource is like now. */
  take(
    caller: Caller,
    key: string,
    command: AcquireCommand,
  ): Promise<Result<{ readonly lock: Lock; readonly state: ResourceState }>>;
}

export function resourceOf(env: Env, workspace: string, resourceKey: string): Remote<ResourceApi> {
  return actorOf<ResourceApi>(env, workspace, `resource:${resourceKey}`);
}
