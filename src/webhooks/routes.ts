import { z } from "@hono/zod-openapi";
import { fail } from "../actor/result.ts";
import { ADMIN } from "../http/access.ts";
import { endpoint, unwrap } from "../http/endpoint.ts";
import type { App } from "../http/endpoint-spec.ts";
import { executorSecret } from "./signature.ts";

export function webhookRoutes(app: App): void {
  endpoint(
    app,
    {
      method: "get",
      path: "/webhooks/executor-secret",
      tag: "Webhooks",
      summary: "The secret with which calls to this workspace's executors are signed (Standard Webhooks)",
      access: ADMIN,
      answers: { 200: z.strictObject({ secret: z.string() }).openapi("ExecutorSecret") },
    },
    async ({ env, caller }) => {
      if (env.ROOT_TOKEN === undefined) return unwrap(fail("UNAVAILABLE", "set the secret ROOT_TOKEN"));
      return { status: 200, body: { secret: executorSecret(env.ROOT_TOKEN, caller.workspace) } };
    },
  );
}
