/** Locks over HTTP (04-locks-and-deadlocks, "Routes"). */
import { actorAt, actorOf } from "../actor/remote.ts";
import { ADMIN, mayCall } from "../http/access.ts";
import { endpoint, replayHeader, reply, unwrap } from "../http/endpoint.ts";
import type { App } from "../http/endpoint-spec.ts";
import { IdParams, lockId } from "../http/ids.ts";
import { authenticate } from "../http/principal.ts";
import { z } from "../zod.ts";
import { acquireAll } from "./acquire-all.ts";
import { beat } from "./beat.ts";
import {
  AcquireAllInput,
  AcquireInput,
  DowngradeInput,
  HeartbeatInput,
  Leases,
  Lock,
  LockHeartbeats,
  Locks,
  ReleaseInput,
  Verification,
  VerifyInput,
} from "./contract.ts";
import { ListLocks, listLocks } from "./list-locks.ts";
import type { LockApi } from "./lock-api.ts";
import { isPending } from "./lock-view.ts";
import { lockKey } from "./wanted-locks.ts";

const tag = "Locks";
const access = { roles: ["system", "admin"], scope: "locks:write" } as const;
/** Only waits have use for one, and these never wait. */
const DEFAULT_PRIORITY = 50;
/** RFC 7240; more does not count. */
const MAX_HOLD_S = 60;

export function lockRoutes(app: App): void {
  endpoint(
    app,
    {
      method: "post",
      path: "/locks/acquire",
      tag,
      summary: "Take a lock, queue for it, or try",
      description:
        "201: granted as asked. 202: queued; so is the upgrade of a shared lease, which is `held` and shared until its `upgrade_pending` " +
        "is gone.",
      access,
      body: AcquireInput,
      headers: { Prefer: "wait=N holds the request open until grant, deadlock or N seconds (at most 60)" },
      answers: { 201: Lock, 202: Lock },
      // A request that is held open tells how its claim ended, whatever ended it.
      errors: [
        "RESOURCE_LOCKED",
        "DEADLOCK_DETECTED",
        "QUEUE_FULL",
        "LOCK_NOT_FOUND",
        "LOCK_EXPIRED",
        "TASK_NOT_FOUND",
        "AGENT_NOT_FOUND",
      ],
    },
    async ({ env, caller, body, header }) => {
      const hold = holdSeconds(header("Prefer"));
      const key = unwrap(lockKey(body));
      const result = await actorOf<LockApi>(env, caller.workspace, key).acquire(caller, key, {
        agent_id: caller.who.id,
        session_id: body.session_id ?? caller.who.id,
        mode: body.mode,
        ttl_ms: body.ttl_seconds * 1000,
        wait_ms: body.wait_for_available ? body.max_wait_seconds * 1000 : 0,
        purpose: body.purpose,
        priority: body.priority,
        hold_ms: hold * 1000,
      });
      const lock = unwrap(result);
      const applied = hold > 0 ? { "Preference-Applied": `wait=${hold}` } : {};
      const headers = { ...replayHeader(result), ...applied };
      // Whoever asked for what it has got it, though it waits for more.
      return { status: lock.reentrant || !isPending(lock) ? 201 : 202, body: lock, headers };
    },
  );

  endpoint(
    app,
    {
      method: "post",
      path: "/locks/acquire-all",
      tag,
      summary: "Take several locks or none of them, without waiting",
      access,
      body: AcquireAllInput,
      answers: { 201: Leases },
      errors: ["RESOURCE_LOCKED", "TASK_NOT_FOUND", "AGENT_NOT_FOUND"],
    },
    async ({ env, caller, body }) => {
      const result = await acquireAll(env, caller, body.locks, {
        agent_id: caller.who.id,
        session_id: body.session_id ?? caller.who.id,
        ttl_ms: body.ttl_seconds * 1000,
        purpose: body.purpose,
        priority: DEFAULT_PRIORITY,
      });
      return reply(result, 201, (leases) => ({ leases }));
    },
  );

  endpoint(
    app,
    {
      method: "post",
      path: "/locks/heartbeat",
      tag,
      summary: "Keep one lease alive, or up to 100",
      access: { ...access, survivesOutage: true },
      unlimited: true,
      body: HeartbeatInput,
      answers: { 200: z.union([Lock, LockHeartbeats]) },
      errors: ["LOCK_NOT_FOUND", "LOCK_EXPIRED", "NOT_LOCK_HOLDER", "DEADLOCK_DETECTED"],
    },
    async ({ env, caller, body }) => {
      const ms = body.ttl_extension_seconds * 1000;
      if (body.lock_id !== undefined) return reply(await beat(env, caller, body.lock_id, ms), 200);
      const results = await Promise.all(
        (body.lock_ids ?? []).map(async (id) => {
          const result = await beat(env, caller, id, ms);
          if (!result.ok) {
            const { code, message } = result.error;
            return { lock_id: id, ok: false, error: { code, message } };
          }
          const { expires_at } = result.value;
          return { lock_id: id, ok: true, ...(expires_at !== undefined && { expires_at }) };
        }),
      );
      return { status: 200, body: { results } };
    },
  );

  endpoint(
    app,
    {
      method: "post",
      path: "/locks/release",
      tag,
      summary: "Free a lease or withdraw a claim; an admin frees somebody else's by force",
      description: "With `force` a token narrowed by scopes needs `admin`, without it `locks:write`.",
      access: { ...access, scope: ["locks:write", "admin"], survivesOutage: true },
      body: ReleaseInput,
      answers: { 204: null },
      errors: ["LOCK_NOT_FOUND", "LOCK_EXPIRED", "NOT_LOCK_HOLDER", "DEADLOCK_DETECTED"],
    },
    async ({ env, caller, principal, request, after, body }) => {
      // That it decides over somebody else's lease is known only here: who they are is asked anew.
      if (body.force) unwrap(mayCall(await authenticate(request, env, ADMIN, after), ADMIN));
      else unwrap(mayCall(principal, access));
      const { address, kind, member } = lockId(body.lock_id);
      const { force, reason } = body;
      const result = await actorAt<LockApi>(env, caller.workspace, kind, address).release(caller, member, {
        force,
        reason,
      });
      unwrap(result);
      return { status: 204, headers: replayHeader(result) };
    },
  );

  endpoint(
    app,
    {
      method: "post",
      path: "/locks/downgrade",
      tag,
      summary: "Make an exclusive lease shared; the readers at the head of the queue are let in",
      access,
      body: DowngradeInput,
      answers: { 200: Lock },
      errors: ["LOCK_NOT_FOUND", "LOCK_EXPIRED", "NOT_LOCK_HOLDER", "DEADLOCK_DETECTED"],
    },
    async ({ env, caller, body }) => {
      const { address, kind, member } = lockId(body.lock_id);
      return reply(await actorAt<LockApi>(env, caller.workspace, kind, address).downgrade(caller, member), 200);
    },
  );

  endpoint(
    app,
    {
      method: "post",
      path: "/locks/verify",
      tag,
      summary: "Whether a lease held now has this fencing token: what a storage system asks before it accepts a write",
      access: { roles: "any", scope: "locks:read" },
      body: VerifyInput,
      answers: { 200: Verification },
      errors: ["TASK_NOT_FOUND", "AGENT_NOT_FOUND"],
    },
    async ({ env, caller, body, missed }) => {
      const key = unwrap(lockKey(body));
      const verified = unwrap(await actorOf<LockApi>(env, caller.workspace, key).verify(key, body.fencing_token));
      // Somebody who guesses costs an object on disk for each lock that never was.
      if (verified.highest === 0) await missed();
      return { status: 200, body: verified };
    },
  );

  endpoint(
    app,
    {
      method: "get",
      path: "/locks",
      tag,
      summary: "Held leases with their queues, the newest first: all for an admin, an agent's own",
      access: { roles: ["system", "admin"], scope: "locks:read" },
      query: ListLocks,
      answers: { 200: Locks },
    },
    async ({ env, caller, query }) => ({ status: 200, body: await listLocks(env, caller, query) }),
  );

  endpoint(
    app,
    {
      method: "get",
      path: "/locks/{id}",
      tag,
      summary: "One lease or claim, as it is now",
      access: { roles: ["system", "admin"], scope: "locks:read" },
      params: IdParams,
      answers: { 200: Lock },
      errors: ["LOCK_NOT_FOUND", "LOCK_EXPIRED", "NOT_LOCK_HOLDER", "DEADLOCK_DETECTED"],
    },
    async ({ env, caller, params }) => {
      const { address, kind, member } = lockId(params.id);
      return reply(await actorAt<LockApi>(env, caller.workspace, kind, address).readLock(caller, member), 200);
    },
  );
}

/** Seconds of `Prefer: wait=N`; 0 without. */
function holdSeconds(prefer: string | undefined): number {
  const wait = /(?:^|[,;\s])wait=([0-9]{1,6})(?:$|[,;\s])/i.exec(prefer ?? "");
  return wait === null ? 0 : Math.min(MAX_HOLD_S, Number(wait[1]));
}
