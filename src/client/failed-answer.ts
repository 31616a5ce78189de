/** What an answer that is no success says, as a CountersignError. */
import { CountersignError, type ErrorCode } from "./countersign-error.ts";

/** Statuses that are not about this request but about this moment (02, "Errors"; 502 and 504 come from what stands between). */
const PASSING: ReadonlySet<number> = new Set([408, 423, 425, 429, 500, 502, 503, 504]);

/**
 * @param text the body; the error envelope, unless something between client and server answered
 * @param retryAfter the `Retry-After` header: seconds, or an HTTP date
 * @param now ms since the epoch
 */
export function failedAnswer(status: number, text: string, retryAfter: string | null, now: number): CountersignError {
  const { code, message, details, request_id } = envelopeOf(text) ?? {
    code: "UNEXPECTED_ANSWER",
    message: `HTTP ${status} without an error of Countersign: ${text.slice(0, 200)}`,
  };
  const retryable = PASSING.has(status) || code === "BATCH_IN_PROGRESS";
  const after_ms = millisecondsOf(details) ?? secondsOf(retryAfter, now);
  return new CountersignError(code, { message, status, details, request_id, retry: { retryable, after_ms } });
}

interface Envelope {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly request_id?: string;
}

function envelopeOf(text: string): Envelope | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  const error = typeof parsed === "object" && parsed !== null && "error" in parsed ? parsed.error : undefined;
  if (typeof error !== "object" || error === null) return undefined;
  if (!("code" in error && typeof error.code === "string")) return undefined;
  if (!("message" in error && typeof error.message === "string")) return undefined;
  // A newer server may know codes that this client does not; they are text all the same.
  return error as Envelope;
}

function millisecondsOf(details: Envelope["details"]): number | undefined {
  const ms = details?.retry_after_ms;
  return typeof ms === "number" && ms >= 0 ? ms : undefined;
}

function secondsOf(retryAfter: string | null, now: number): number {
  if (retryAfter === null) return 0;
  const ms = /^\d{1,6}$/.test(retryAfter) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - now;
  return Number.isFinite(ms) ? Math.max(0, ms) : 0;
}
