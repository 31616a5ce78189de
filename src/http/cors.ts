/**
 * Which pages of other origins may call the API (Fetch standard, "HTTP-CORS protocol"). Credentials are never sent along by
 * the browser itself: a page has to hold a token. Pure.
 */
type HeaderFields = Readonly<Record<string, string>>;

/** What a client of the API sends and reads beyond what every page may. */
const SENT = "Authorization, Content-Type, Idempotency-Key, If-Match, Last-Event-ID, Prefer, X-Request-Id, X-Workspace";
const READ =
  "Audit-Rows, Content-Disposition, Idempotency-Replayed, Preference-Applied, RateLimit-Policy, Retry-After, X-Request-Id";
const METHODS = "GET, POST, PUT, PATCH, DELETE";
/** Browsers ask again after so long; Chromium caps it there (2 h). */
const REMEMBERED_SECONDS = 7_200;

/** The headers by which `origin` may read an answer; null if it may not. @param allowed origins with commas between, or `*` */
export function corsHeaders(allowed: string, origin: string | undefined): HeaderFields | null {
  if (origin === undefined || allowed.trim() === "") return null;
  const origins = allowed.split(",").map((one) => one.trim().replace(/\/$/, ""));
  if (origins.includes("*")) return { "Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": READ };
  return origins.includes(origin)
    ? { "Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": READ, Vary: "Origin" }
    : null;
}

/** The answer to a browser that asks whether it may send a request; undefined if this is none of its questions, or the answer is no. */
export function preflightAnswer(request: Request, headers: HeaderFields): Response | undefined {
  if (request.method !== "OPTIONS" || !request.headers.has("Access-Control-Request-Method")) return undefined;
  return new Response(null, {
    status: 204,
    headers: {
      ...headers,
      "Access-Control-Allow-Methods": METHODS,
      "Access-Control-Allow-Headers": SENT,
      "Access-Control-Max-Age": String(REMEMBERED_SECONDS),
    },
  });
}
