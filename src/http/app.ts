/** The Hono app: request ids, logs, the error envelope, the public routes, and every capability's routes below /api/v1. */

import type { Context } from "hono";
import { isUuidShaped } from "../actor/ids.ts";
import { fail } from "../actor/result.ts";
import { causeOf, log, logSoon } from "../log.ts";
import { corsHeaders, preflightAnswer } from "./cors.ts";
import { App, type AppEnv } from "./endpoint-spec.ts";
import { envelope, RequestFailure } from "./failure.ts";
import { KnownPathRouter } from "./known-path-router.ts";
import { publicRoutes } from "./public-routes.ts";
import { unexpected } from "./unexpected.ts";

export const API = "/api/v1";

/** `capabilities` declare routes below /api/v1; `pages` declare what people look at, at the root, and describe it on `api`. */
export function createApp(
  capabilities: readonly ((app: App) => void)[],
  pages: readonly ((app: App, api: App) => void)[],
): App {
  const api = new App();
  for (const declare of capabilities) declare(api);

  const app = new App({ router: new KnownPathRouter() });
  app.use(async (c, next) => {
    const given = c.req.header("X-Request-Id");
    c.set("requestId", given !== undefined && isUuidShaped(given) ? given.toLowerCase() : crypto.randomUUID());
    const started = Date.now();
    await shared(c, next);
    // Endpoints and errors set it themselves: to set it twice would copy every response.
    if (!c.res.headers.has("X-Request-Id")) c.header("X-Request-Id", c.get("requestId"));
    logRequest(c, Date.now() - started);
  });
  app.onError((thrown, c) => {
    if (thrown instanceof RequestFailure) return envelope(thrown.failure, c.get("requestId"), thrown.headers);
    log("error", "request.failed", { request_id: c.get("requestId"), route: c.get("route"), cause: causeOf(thrown) });
    return envelope(unexpected(thrown), c.get("requestId"));
  });
  app.notFound((c) => notFound(c, app));

  publicRoutes(app, api, API);
  for (const declare of pages) declare(app, api);
  app.route(API, api);
  return app;
}

/** Below /api/v1, what pages of the origins in `CORS_ORIGINS` may read. */
async function shared(c: Context<AppEnv>, next: () => Promise<void>): Promise<void> {
  const headers = c.req.path.startsWith(`${API}/`) ? corsHeaders(c.env.CORS_ORIGINS, c.req.header("Origin")) : null;
  if (headers === null) return next();
  const preflight = preflightAnswer(c.req.raw, headers);
  if (preflight !== undefined) {
    c.res = preflight;
    return;
  }
  await next();
  // A socket is no answer that a page reads, and its headers cannot be changed.
  if (c.res.status === 101) return;
  const answer = new Response(c.res.body, c.res);
  for (const [name, value] of Object.entries(headers)) answer.headers.set(name, value);
  c.res = answer;
}

/** 404, or 405 when the path exists under other methods: as it is declared itself, else by the patterns that it fits. */
function notFound(c: Context<AppEnv>, app: App): Response {
  const path = c.req.path.split("/");
  const there = app.routes.filter((route) => route.method !== "ALL" && fits(route.path.split("/"), path));
  const itself = there.filter((route) => route.path === c.req.path);
  const methods = new Set((itself.length > 0 ? itself : there).map((route) => route.method.toUpperCase()));
  if (methods.size === 0) {
    return envelope(fail("NOT_FOUND", `there is nothing at ${c.req.path}`).error, c.get("requestId"));
  }
  const allow = [...methods].sort().join(", ");
  const failure = fail("METHOD_NOT_ALLOWED", `${c.req.method} is not allowed here, use ${allow}`, {
    allow: [...methods],
  });
  return envelope(failure.error, c.get("requestId"), { Allow: allow });
}

function fits(pattern: readonly string[], path: readonly string[]): boolean {
  if (pattern.length !== path.length) return false;
  return pattern.every((part, at) => (part.startsWith(":") ? path[at] !== "" : part === path[at]));
}

function logRequest(c: Context<AppEnv>, ms: number): void {
  const { status } = c.res;
  const fields = {
    request_id: c.get("requestId"),
    method: c.req.method,
    route: c.get("route") ?? c.req.path,
    status,
    ms,
    principal: c.get("principal")?.who.id,
  };
  const writing = logSoon(status >= 500 ? "error" : "info", "request", fields);
  if (writing !== undefined) c.executionCtx.waitUntil(writing);
}
