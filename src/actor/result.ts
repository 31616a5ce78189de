import type { ErrorCode } from "./error-codes.ts";

/** What a client is told when a command is refused. `details` is plain JSON. */
export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/**
 * The answer of every rule and every RPC method: expected outcomes are values, only bugs throw (01-architecture, "Errors
 * between actors"). `replayed` marks an answer that was stored under an Idempotency-Key earlier.
 */
export type Result<T> =
  | { readonly ok: true; readonly value: T; readonly replayed?: true }
  | { readonly ok: false; readonly error: Failure };

/** What was asked for. */
export function ok<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value };
}

/** Why it is refused, under the code by which clients tell one reason from another (error-codes.ts). */
export function fail(
  code: ErrorCode,
  message: string,
  details?: Record<string, unknown>,
): { readonly ok: false; readonly error: Failure } {
  return { ok: false, error: details === undefined ? { code, message } : { code, message, details } };
}

/** One thing that is wrong with a request: the field, what is wrong with it, and the value if it may be told. */
export interface Issue {
  readonly field: string;
  readonly issue: string;
  readonly value?: unknown;
}

/** `VALIDATION_ERROR` with all its issues; the first one stands in the message (02, "Errors"). Throws on none: that is a bug. */
export function invalid(...issues: readonly Issue[]): { readonly ok: false; readonly error: Failure } {
  const [first] = issues;
  if (first === undefined) throw new Error("an invalid request without an issue");
  return fail("VALIDATION_ERROR", `${first.field}: ${first.issue}`, { ...first, issues });
}
