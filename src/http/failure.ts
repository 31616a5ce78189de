/** The error envelope (02-http-and-auth, "Errors"): the only shape in which anything goes wrong for a client. */
import { STATUS_OF } from "../actor/error-codes.ts";
import { type Failure, fail, type Issue, invalid } from "../actor/result.ts";

/** Thrown by the HTTP layer to end a request with the envelope; actors and rules return failures instead. */
export class RequestFailure extends Error {
  readonly failure: Failure;
  readonly headers: Readonly<Record<string, string>>;

  constructor(failure: Failure, headers: Readonly<Record<string, string>> = {}) {
    super(failure.message);
    this.name = "RequestFailure";
    this.failure = failure;
    this.headers = headers;
  }
}

/** Ends the request. */
export function refuse(
  code: Failure["code"],
  message: string,
  details?: Record<string, unknown>,
  headers?: Record<string, string>,
): never {
  throw new RequestFailure(fail(code, message, details).error, headers);
}

/** Ends the request with a `VALIDATION_ERROR`. */
export function refuseInvalid(...issues: readonly Issue[]): never {
  throw new RequestFailure(invalid(...issues).error);
}

export function envelope(
  failure: Failure,
  requestId: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const { code, message, details } = failure;
  const body = {
    error: {
      code,
      message,
      ...(details !== undefined && { details }),
      request_id: requestId,
      timestamp: new Date().toISOString(),
    },
  };
  return Response.json(body, {
    status: STATUS_OF[code],
    headers: { ...retryAfter(failure), ...headers, "X-Request-Id": requestId },
  });
}

/** 423, 429 and 503 say when to come again. */
function retryAfter({ code, details }: Failure): Record<string, string> {
  const ms = details?.retry_after_ms;
  const given = typeof ms === "number" ? ms / 1000 : details?.retry_after_seconds;
  if (typeof given === "number") return { "Retry-After": String(Math.max(1, Math.ceil(given))) };
  return STATUS_OF[code] === 503 || code === "RATE_LIMITED" ? { "Retry-After": "1" } : {};
}
