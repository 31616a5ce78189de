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

export function ok<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value };
}

export function fail(
  code: ErrorCode,
  message: string,
  details?: Record<string, unknown>,
): { readonly ok: false; readonly error: Failure } {
  return { ok: false, error: details === undefined ? { code, message } : { code, message, details } };
}
