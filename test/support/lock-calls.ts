/** Calls on locks over HTTP, and their answers as a history records them. */
import type { Lease, Lock } from "../../src/locks/contract.ts";
import { type LockAnswer, type LockCall, sessionName, sightingOf } from "../../src/locks/history/lock-history.ts";
import type { LockMode, Session } from "../../src/locks/lock-types.ts";
import type { Fetched, Wired } from "./fetched.ts";

/** `{resource_type}:{resource_id}` */
export type LockKey = string;

interface ErrorBody {
  readonly error: {
    readonly code: string;
    readonly details?: {
      readonly resource_type?: string;
      readonly resource_id?: string;
      readonly retry_after_ms?: number;
      readonly holder?: Session & { readonly lock_id: string };
      readonly ahead?: Session & { readonly lock_id: string };
    };
  };
}

/** Makes the request; undefined: no answer came. */
export type SendWired = (request: Wired) => Promise<Fetched | undefined>;

export function lockName(key: LockKey): { readonly resource_type: string; readonly resource_id: string } {
  const colon = key.indexOf(":");
  return { resource_type: key.slice(0, colon), resource_id: key.slice(colon + 1) };
}

/** One call on one lock. Throws for an answer that a lock does not give. */
export async function callLock(send: SendWired, lock: LockKey, call: LockCall): Promise<LockAnswer | undefined> {
  const answer = await send(requestOf(lock, call));
  return answer && answerOf(answer.status, answer.body);
}

/**
 * Several locks or none. They are tried in canonical order: if one is not free, those before it were held for a moment, and
 * those behind it were not asked.
 */
export async function callLocks(
  send: SendWired,
  locks: ReadonlyMap<LockKey, LockMode>,
  by: Session,
  ttl_ms: number,
): Promise<ReadonlyMap<LockKey, LockAnswer> | undefined> {
  const wanted = [...locks].map(([key, mode]) => ({ ...lockName(key), mode }));
  const body = { locks: wanted, ttl_seconds: ttl_ms / 1000, session_id: by.session_id };
  const answer = await send({ method: "POST", path: "/locks/acquire-all", body });
  if (answer === undefined) return undefined;
  if (answer.status === 201) {
    const { leases } = answer.body as { leases: Lease[] };
    return new Map(leases.map((lease) => [`${lease.resource_type}:${lease.resource_id}`, leaseAnswer(lease)]));
  }
  const refused = answerOf(answer.status, answer.body);
  const { resource_type, resource_id } = (answer.body as ErrorBody).error.details ?? {};
  const tried = [...locks.keys()].sort(byKindThenId);
  const blocked = tried.indexOf(`${resource_type}:${resource_id}`);
  return new Map(tried.slice(0, blocked + 1).map((key, at) => [key, at === blocked ? refused : { kind: "undone" }]));
}

/** The order of 01-architecture, "Sagas": permits, then tasks, then resources. */
function byKindThenId(one: LockKey, other: LockKey): number {
  const rank = (key: LockKey) => ["agent", "task", "resource"].indexOf(lockName(key).resource_type);
  return rank(one) - rank(other) || (one < other ? -1 : 1);
}

function leaseAnswer({ lock_id, mode, fencing_token, expires_at }: Lease): LockAnswer {
  const lock = { id: lock_id, status: "held", mode, token: fencing_token, ends_at: Date.parse(expires_at) } as const;
  return { kind: "lock", lock };
}

function requestOf(lock: LockKey, call: LockCall): Wired {
  const post = (path: string, body: Readonly<Record<string, unknown>>): Wired => ({
    method: "POST",
    path: `/locks/${path}`,
    body,
  });
  switch (call.do) {
    case "acquire": {
      const { mode, ttl_ms, wait_ms, hold_ms, by } = call;
      const wait = { wait_for_available: wait_ms > 0, max_wait_seconds: wait_ms / 1000 };
      const body = { ...lockName(lock), mode, ttl_seconds: ttl_ms / 1000, ...wait, session_id: by.session_id };
      return { ...post("acquire", body), ...(hold_ms > 0 && { prefer: `wait=${hold_ms / 1000}` }) };
    }
    case "heartbeat":
      return post("heartbeat", { lock_id: call.id, ttl_extension_seconds: call.ttl_ms / 1000 });
    case "release":
    case "downgrade":
      return post(call.do, { lock_id: call.id });
    case "verify":
      return post("verify", { ...lockName(lock), fencing_token: call.token });
    case "read":
      return { method: "GET", path: `/locks/${call.id}` };
  }
}

function answerOf(status: number, body: unknown): LockAnswer {
  if (status === 204) return { kind: "released" };
  if (status < 300) {
    const verified = body as { current?: boolean; highest: number };
    if (verified.current !== undefined)
      return { kind: "verified", current: verified.current, highest: verified.highest };
    return { kind: "lock", lock: sightingOf(body as Lock) };
  }
  const { code, details } = (body as ErrorBody).error;
  switch (code) {
    case "RESOURCE_LOCKED": {
      const by = details?.ahead ?? details?.holder;
      return { kind: "refused", ...(by && { by: { id: by.lock_id, session: sessionName(by) } }) };
    }
    case "LOCK_EXPIRED":
    case "LOCK_NOT_FOUND":
    case "DEADLOCK_DETECTED":
      return { kind: "gone", code };
    case "NOT_LOCK_HOLDER":
      return { kind: "denied" };
    default:
      throw new Error(`${status} ${JSON.stringify(body)}`);
  }
}
