import { z } from "@hono/zod-openapi";
import { isUuidShaped } from "../actor/ids.ts";
import { actorAt, actorOf } from "../actor/remote.ts";
import { fail } from "../actor/result.ts";
import { endpoint, replayHeader, reply, unwrap } from "../http/endpoint.ts";
import type { App } from "../http/endpoint-spec.ts";
import { refuseInvalid } from "../http/failure.ts";
import { IdParams, lockId, taskId } from "../http/ids.ts";
import { beat } from "./beat.ts";
import { AcquireInput, HeartbeatInput, Lock, ReleaseInput } from "./contract.ts";
import type { LockApi } from "./lock-api.ts";

const tag = "Locks";
const access = { roles: ["system", "admin"], scope: "locks:write" } as const;
/** RFC 7240; more does not count. */
const MAX_HOLD_S = 60;

const BatchResult = z
  .strictObject({
    results: z.array(
      z.strictObject({
        lock_id: z.string(),
        ok: z.boolean(),
        expires_at: z.string().optional(),
        error: z.strictObject({ code: z.string(), message: z.string() }).optional(),
      }),
    ),
  })
  .openapi("LockHeartbeats");

export function lockRoutes(app: App): void {
  endpoint(
    app,
    {
      method: "post",
      path: "/locks/acquire",
      tag,
      summary: "Take a lock, queue for it, or try",
      access,
      body: AcquireInput,
      headers: { Prefer: "wait=N holds the request open until grant, deadlock or N seconds (at most 60)" },
      answers: { 201: Lock, 202: Lock },
      errors: ["RESOURCE_LOCKED", "DEADLOCK_DETECTED", "QUEUE_FULL", "TASK_NOT_FOUND", "AGENT_NOT_FOUND"],
    },
    async ({ env, caller, body, header }) => {
      const hold = holdSeconds(header("Prefer"));
      const key = keyOf(body.resource_type, body.resource_id);
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
      return { status: lock.status === "held" ? 201 : 202, body: lock, headers };
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
      answers: { 200: z.union([Lock, BatchResult]) },
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
      access: { ...access, survivesOutage: true },
      body: ReleaseInput,
      answers: { 204: null },
      errors: ["LOCK_NOT_FOUND", "LOCK_EXPIRED", "NOT_LOCK_HOLDER", "DEADLOCK_DETECTED"],
    },
    async ({ env, caller, principal, body }) => {
      if (body.force && !principal.who.roles.includes("admin")) {
        unwrap(fail("FORBIDDEN", "only an admin releases somebody else's lease"));
      }
      const { address, kind, member } = lockId(body.lock_id);
      const force = body.force ? { reason: body.reason ?? "" } : null;
      const result = await actorAt<LockApi>(env, caller.workspace, kind, address).release(caller, member, force);
      unwrap(result);
      return { status: 204, headers: replayHeader(result) };
    },
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

/** The actor's key of what a client wants to lock. A task has to be named by its id; the others by any string. */
function keyOf(type: "task" | "resource" | "agent", id: string): string {
  if (type !== "task") return `${type}:${id}`;
  if (!isUuidShaped(id)) {
    refuseInvalid({ field: "resource_id", issue: "must be the id of a task", value: id });
  }
  return `task:${taskId(id).id}`;
}

/** Seconds of `Prefer: wait=N`; 0 without. */
export function holdSeconds(prefer: string | undefined): number {
  const wait = /(?:^|[,;\s])wait=([0-9]{1,6})(?:$|[,;\s])/i.exec(prefer ?? "");
  return wait === null ? 0 : Math.min(MAX_HOLD_S, Number(wait[1]));
}
