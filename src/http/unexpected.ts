import { fail } from "../actor/result.ts";

/**
 * What a throw that reached us is answered with. It is a bug (500), unless the platform says that it was only busy or moving, the
 * database does not answer, or the disk of a machine of one's own is full: then 503, for it passes.
 */
export function unexpected(thrown: unknown) {
  const platform = thrown as { retryable?: unknown; overloaded?: unknown } | null;
  if (platform?.retryable === true || platform?.overloaded === true) {
    return fail("UNAVAILABLE", "busy or restarting, try again", { retry_after_seconds: 1 }).error;
  }
  const message = thrown instanceof Error ? thrown.message : "";
  if (message.startsWith("D1_")) {
    return fail("UNAVAILABLE", "the database does not answer, try again", { retry_after_seconds: 2 }).error;
  }
  if (message.endsWith(": SQLITE_FULL")) {
    return fail("UNAVAILABLE", "the server's storage is full, try again", { retry_after_seconds: 10 }).error;
  }
  return fail("INTERNAL_ERROR", "this is our fault; the request id names it in our logs").error;
}
