/** The one error that the client throws; `code` tells them apart. */
import type { Schema } from "./routes.ts";

/** What goes wrong on this side of the wire. */
export type ClientCode =
  /** no answer came, or not the whole of one: it may or may not have happened */
  | "NETWORK_ERROR"
  /** as NETWORK_ERROR, after the time that was given */
  | "TIMEOUT"
  /** what answered is not Countersign */
  | "UNEXPECTED_ANSWER"
  /** the lease may have ended before the work did: what was done under it was not exclusive */
  | "LEASE_LOST"
  /** the approval was for another call */
  | "APPROVAL_MISMATCH"
  /** the approval was spent already */
  | "APPROVAL_USED";

/** A code of the API (02, "Errors") or of the client itself. */
export type ErrorCode = Schema<"Error">["error"]["code"] | ClientCode;

export interface RetryAdvice {
  /** Whether the same call may succeed later, unchanged. */
  readonly retryable: boolean;
  /** How long to wait first, as the server says; 0: it did not say. */
  readonly after_ms: number;
}

interface Told {
  readonly message: string;
  /** HTTP status; undefined when there was no answer. */
  readonly status?: number | undefined;
  readonly details?: Readonly<Record<string, unknown>> | undefined;
  readonly request_id?: string | undefined;
  readonly retry?: RetryAdvice;
  readonly cause?: unknown;
}

/**
 * @example
 * ```ts
 * catch (error) {
 *   if (isCountersignError(error, "RESOURCE_LOCKED")) console.log(error.details?.holder);
 *   else throw error;
 * }
 * ```
 */
export class CountersignError extends Error {
  override readonly name = "CountersignError";
  readonly code: ErrorCode;
  readonly status: number | undefined;
  readonly details: Readonly<Record<string, unknown>> | undefined;
  /** Names the request in the server's logs and in the audit trail. */
  readonly request_id: string | undefined;
  readonly retry: RetryAdvice;

  constructor(code: ErrorCode, told: Told) {
    super(told.message, told.cause === undefined ? undefined : { cause: told.cause });
    this.code = code;
    this.status = told.status;
    this.details = told.details;
    this.request_id = told.request_id;
    this.retry = told.retry ?? { retryable: false, after_ms: 0 };
  }
}

/** Whether something thrown is an error of Countersign, with one of these codes if any are given. */
export function isCountersignError(thrown: unknown, ...codes: readonly ErrorCode[]): thrown is CountersignError {
  return thrown instanceof CountersignError && (codes.length === 0 || codes.includes(thrown.code));
}
