/** What a deadlock's victim is told (04-locks-and-deadlocks, "Resolution" 5). */
import type { DeadlockInfo } from "./contract.ts";
import { type DoomedCase, deadlockInfo } from "./resolution.ts";
import { BACKOFF_BASE_MS } from "./victim.ts";

/** `case_id`: of the case in which it gave way; `retry_after_ms`: how long it should stay away. */
export interface DeadlockNotice {
  readonly case_id: string;
  readonly deadlock: DeadlockInfo;
  readonly retry_after_ms: number;
}

/** The effect by which the locks of a victim learn how the case ended. */
export interface ToldEffect {
  readonly do: "deadlock.told";
  readonly notice: DeadlockNotice;
  /** id of the claim that the victim gave up */
  readonly claim: string;
}

/** A ring of 10,000 sessions is 2 MB of JSON, more than a row holds; the history keeps all of it. */
const SESSIONS_TOLD = 1_000;

/** What is known when the victim's wait is ended: nothing else of it is released yet. */
export function firstNotice(doomed: DoomedCase): DeadlockNotice {
  return noticeOf(doomed, deadlockInfo(doomed, [doomed.victim.claim]), BACKOFF_BASE_MS);
}

/** Of a longer cycle only the first 1,000 sessions are told. */
export function noticeOf({ id }: DoomedCase, deadlock: DeadlockInfo, retry_after_ms: number): DeadlockNotice {
  return { case_id: id, deadlock: { ...deadlock, cycle: deadlock.cycle.slice(0, SESSIONS_TOLD) }, retry_after_ms };
}
