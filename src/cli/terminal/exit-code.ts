/** What a process of `countersign` ends with: stable, for scripts (docs/cli.md). */
import type { ErrorCode } from "../../client/index.ts";

export const EXIT = {
  ok: 0,
  /** It did not work out, and none of the others says why: a proof failed, a task failed. */
  failed: 1,
  /** The command line or its input is wrong. */
  usage: 2,
  denied: 3,
  missing: 4,
  /** What is asked does not fit the state that it is in. */
  conflict: 5,
  /** The lock is held by somebody else, or there was a deadlock. */
  locked: 6,
  /** People said no, not like this, or nothing in time. */
  declined: 7,
  timeout: 8,
  /** The server cannot be reached or is busy: later, unchanged (EX_TEMPFAIL of sysexits.h is 75). */
  unavailable: 75,
  /** `lock run`: the lease was lost while the command ran. */
  leaseLost: 124,
  /** `lock run`: the command was not started. */
  notStarted: 125,
  notExecutable: 126,
  notFound: 127,
  /** 128 + SIGINT */
  interrupted: 130,
} as const;

const BY_CODE: Readonly<Record<ErrorCode, number>> = {
  VALIDATION_ERROR: EXIT.usage,
  MALFORMED_JSON: EXIT.usage,
  PAYLOAD_TOO_LARGE: EXIT.usage,
  UNSUPPORTED_MEDIA_TYPE: EXIT.usage,
  PREVIEW_INVALID: EXIT.usage,
  UNAUTHENTICATED: EXIT.denied,
  FORBIDDEN: EXIT.denied,
  SELF_APPROVAL: EXIT.denied,
  NOT_LOCK_HOLDER: EXIT.denied,
  SECOND_APPROVER_REQUIRED: EXIT.denied,
  AUTHOR_MISMATCH: EXIT.denied,
  NOT_FOUND: EXIT.missing,
  TASK_NOT_FOUND: EXIT.missing,
  APPROVAL_NOT_FOUND: EXIT.missing,
  LOCK_NOT_FOUND: EXIT.missing,
  LOCK_EXPIRED: EXIT.missing,
  USER_NOT_FOUND: EXIT.missing,
  AGENT_NOT_FOUND: EXIT.missing,
  POLICY_NOT_FOUND: EXIT.missing,
  TOKEN_NOT_FOUND: EXIT.missing,
  METHOD_NOT_ALLOWED: EXIT.failed,
  INVALID_STATE: EXIT.conflict,
  APPROVAL_ALREADY_RESOLVED: EXIT.conflict,
  REVISION_CONFLICT: EXIT.conflict,
  NOT_ENOUGH_REVIEWERS: EXIT.conflict,
  QUORUM_IMPOSSIBLE: EXIT.conflict,
  BATCH_FAILED: EXIT.conflict,
  BATCH_IN_PROGRESS: EXIT.conflict,
  DRIFTED: EXIT.conflict,
  TASK_LEASE_LOST: EXIT.conflict,
  ALREADY_EXISTS: EXIT.conflict,
  PRECONDITION_FAILED: EXIT.conflict,
  REVIEWER_NOT_ELIGIBLE: EXIT.conflict,
  IDEMPOTENCY_KEY_REUSED: EXIT.conflict,
  APPROVAL_MISMATCH: EXIT.conflict,
  APPROVAL_USED: EXIT.conflict,
  RESOURCE_LOCKED: EXIT.locked,
  DEADLOCK_DETECTED: EXIT.locked,
  RATE_LIMITED: EXIT.unavailable,
  INTERNAL_ERROR: EXIT.unavailable,
  QUEUE_FULL: EXIT.unavailable,
  UNAVAILABLE: EXIT.unavailable,
  NETWORK_ERROR: EXIT.unavailable,
  TIMEOUT: EXIT.unavailable,
  UNEXPECTED_ANSWER: EXIT.unavailable,
  LEASE_LOST: EXIT.leaseLost,
};

/** A server newer than this command may know codes that this one does not: those are a failure. */
export function exitCodeOf(code: ErrorCode): number {
  return BY_CODE[code] ?? EXIT.failed;
}
