/** What anybody may ask without a token (02, "Authentication"): at the root, and below the base path, where generic clients look. */

import type { RouteConfig } from "@asteasolutions/zod-to-openapi";
import { Scalar } from "@scalar/hono-api-reference";
import { fail } from "../actor/result.ts";
import { Timestamp } from "../wire.ts";
import { z } from "../zod.ts";
import type { App } from "./endpoint-spec.ts";
import { envelope } from "./failure.ts";
import { readiness } from "./health.ts";
import { ErrorEnvelope, openApiDocument } from "./openapi.ts";

/** Served by `app`, described on `api`, whose document is shown. */
export function publicRoutes(app: App, api: App, base: string): void {
  // Made when it is asked for, once: an isolate may live without ever showing it.
  let document: ReturnType<typeof openApiDocument> | undefined;
  for (const prefix of ["", base]) {
    app.get(`${prefix}/healthz`, (c) => c.json({ status: "ok", timestamp: new Date().toISOString() }));
    app.get(`${prefix}/readyz`, async (c) => {
      const { ready, checks } = await readiness(c.env);
      if (ready) return c.json({ status: "ready", checks });
      const failing = Object.keys(checks).filter((part) => checks[part] !== "ok");
      return envelope(fail("UNAVAILABLE", `not ready: ${failing.join(", ")}`, { checks }).error, c.get("requestId"));
    });
    app.get(`${prefix}/openapi.json`, (c) => {
      document ??= openApiDocument(api);
      return c.json(document);
    });
    app.get(`${prefix}/docs`, Scalar({ url: "/openapi.json", pageTitle: "Countersign API" }));
  }
  api.descriptions.push(
    () => described("/healthz", "getHealthz", "Whether the process answers", { 200: json(Health()) }),
    () => described("/readyz", "getReadyz", "Whether D1 and the coordinator answer", readinessAnswers()),
    () => described("/openapi.json", "getOpenapi", "This document", { 200: json(z.record(z.string(), z.unknown())) }),
    () => described("/docs", "getDocs", "This document as a page", { 200: html() }),
  );
}

function described(
  path: string,
  operationId: string,
  summary: string,
  responses: RouteConfig["responses"],
): RouteConfig {
  return { method: "get", path, operationId, summary, tags: ["Public"], security: [], responses };
}

const json = (schema: z.ZodType, description = "done") => ({
  description,
  content: { "application/json": { schema } },
});
const html = () => ({ description: "done", content: { "text/html": { schema: z.string() } } });

const Health = () => z.strictObject({ status: z.literal("ok"), timestamp: Timestamp }).openapi("Health");

function readinessAnswers() {
  const checks = z.strictObject({ database: z.literal("ok"), coordinator: z.literal("ok") });
  const ready = z.strictObject({ status: z.literal("ready"), checks }).openapi("Readiness");
  return { 200: json(ready), 503: json(ErrorEnvelope, "UNAVAILABLE: which one does not answer") };
}
