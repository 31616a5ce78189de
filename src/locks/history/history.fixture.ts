/** Histories of one lock in few words, and what the check says of them. */
import { expect } from "vitest";
import type { LockMode, Session } from "../lock-types.ts";
import { checkLockHistory, explained, type LockHistoryOptions } from "./check-lock-history.ts";
import type { LockAnswer, LockCall, RecordedCall, Sighting } from "./lock-history.ts";

export const TTL = 1_000;
export const ada: Session = { agent_id: "ada", session_id: "ada" };
export const bob: Session = { agent_id: "bob", session_id: "bob" };
export const eve: Session = { agent_id: "eve", session_id: "eve" };

export type Asking = { mode?: LockMode; wait_ms?: number; hold_ms?: number; until?: number; together?: true };

/** A call made at `at` and answered 1 ms later, unless told otherwise. */
export function call(at: number, what: LockCall, answer?: LockAnswer, until = at + 1): RecordedCall {
  if (answer === undefined) return { call: what, invoked: at, answered: Number.POSITIVE_INFINITY };
  return { call: what, invoked: at, answered: until, answer };
}

export function acquire(at: number, by: Session, answer?: LockAnswer, asking: Asking = {}): RecordedCall {
  const { until, ...asked } = asking;
  const what = { do: "acquire", by, mode: "exclusive", ttl_ms: TTL, wait_ms: 0, hold_ms: 0, ...asked } as const;
  return call(at, what, answer, until);
}

export function lock(id: string, sighting: Partial<Sighting>): LockAnswer {
  return { kind: "lock", lock: { id, status: "held", mode: "exclusive", ...sighting } };
}

export function took(at: number, by: Session, id: string, token: number, asking: Asking = {}): RecordedCall {
  return acquire(at, by, lock(id, { token, mode: asking.mode ?? "exclusive" }), asking);
}

export function queued(at: number, by: Session, id: string, asking: Asking = {}): RecordedCall {
  const mode = asking.mode ?? "exclusive";
  return acquire(at, by, lock(id, { status: "queued", mode }), { wait_ms: 5_000, ...asking });
}

export function refused(at: number, by: Session, blocker: Session, id: string, asking: Asking = {}): RecordedCall {
  return acquire(at, by, { kind: "refused", by: { id, session: `${blocker.agent_id}/${blocker.session_id}` } }, asking);
}

export function beat(at: number, by: Session, id: string, answer?: LockAnswer): RecordedCall {
  return call(at, { do: "heartbeat", by, id, ttl_ms: TTL }, answer);
}

export function release(
  at: number,
  by: Session,
  id: string,
  answer: LockAnswer | null = { kind: "released" },
): RecordedCall {
  return call(at, { do: "release", by, id }, answer ?? undefined);
}

export const expired: LockAnswer = { kind: "gone", code: "LOCK_EXPIRED" };
export const unknown: LockAnswer = { kind: "gone", code: "LOCK_NOT_FOUND" };
export const denied: LockAnswer = { kind: "denied" };
export const shared = { mode: "shared" } as const;

export function accept(history: RecordedCall[], options?: LockHistoryOptions): void {
  const verdict = checkLockHistory(history, options);
  expect(verdict.linearizable, explained(verdict)).toBe(true);
}

/** Rejected because of its last call: without that one it is accepted. */
export function reject(history: RecordedCall[], options?: LockHistoryOptions): void {
  accept(history.slice(0, -1), options);
  expect(checkLockHistory(history, options).linearizable).toBe(false);
}
