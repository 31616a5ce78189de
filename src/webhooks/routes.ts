/** Where events are sent: /webhooks (docs/design/webhooks.md). */
import type { Caller } from "../actor/caller.ts";
import { fail, type Result } from "../actor/result.ts";
import { ledgerOf } from "../audit/ledger-api.ts";
import type { Env } from "../env.ts";
import { ADMIN } from "../http/access.ts";
import { endpoint, reply, unwrap } from "../http/endpoint.ts";
import type { App } from "../http/endpoint-spec.ts";
import { refuseInvalid } from "../http/failure.ts";
import { condition, paged } from "../http/pagination.ts";
import { PageQuery } from "../http/validation.ts";
import { Slug } from "../wire.ts";
import { z } from "../zod.ts";
import { webhookAddress } from "./address.ts";
import type { WebhookCommand } from "./configure.ts";
import { Webhook, WebhookInput, WebhookList, WebhookPatch, WebhookSecret } from "./contract.ts";
import { deliveryRoutes } from "./delivery-routes.ts";
import { executorSecret, webhookSecret } from "./signature.ts";
import { findWebhook } from "./stored-webhook.ts";
import { type StoredWebhook, WEBHOOK_COLUMNS, webhookOf, webhookView } from "./webhook.ts";

const tag = "Webhooks";
const params = z.strictObject({ id: Slug });

export function webhookRoutes(app: App): void {
  // Before the routes of `/webhooks/{id}`, or their parameter would swallow it.
  endpoint(
    app,
    {
      method: "get",
      path: "/webhooks/executor-secret",
      tag,
      summary: "The secret with which calls to this workspace's executors are signed (Standard Webhooks)",
      access: ADMIN,
      answers: { 200: z.strictObject({ secret: z.string() }).openapi("ExecutorSecret") },
    },
    async ({ env, caller }) => ({
      status: 200,
      body: { secret: executorSecret(rootToken(env), caller.workspace) },
    }),
  );

  endpoint(
    app,
    {
      method: "get",
      path: "/webhooks",
      tag,
      summary: "List the webhooks",
      description: "Ordered by id, disabled ones too.",
      access: ADMIN,
      query: z.strictObject(PageQuery),
      answers: { 200: WebhookList },
    },
    async ({ env, caller, query }) => {
      const { rows, pagination } = await paged<StoredWebhook>(
        env.DB,
        {
          select: WEBHOOK_COLUMNS,
          from: "webhooks",
          where: [condition("workspace = ?", caller.workspace)],
          order: { column: "id", direction: "asc" },
        },
        query,
      );
      return { status: 200, body: { webhooks: rows.map(webhookOf).map(webhookView), pagination } };
    },
  );

  endpoint(
    app,
    {
      method: "post",
      path: "/webhooks",
      tag,
      summary: "Have events sent to an address",
      description:
        "Signed by Standard Webhooks with a secret that is shown once. It is told of what happens from now on, each event at least " +
        "once, under a `webhook-id` that stays the same over all attempts. Without an id it is given one.",
      access: ADMIN,
      body: WebhookInput,
      answers: { 201: WebhookSecret },
      errors: ["ALREADY_EXISTS", "INVALID_STATE"],
    },
    async ({ env, caller, body: { id = freshWebhookId(), ...webhook }, origin }) => {
      const root = rootToken(env);
      assertAddress(webhook.url, env);
      const secret = crypto.randomUUID();
      const result = await configure(env, caller, { do: "create", id, webhook, secret, origin: origin() });
      return reply(result, 201, (kept) => ({
        ...kept,
        ...shownOnce(result, webhookSecret(root, caller.workspace, id, secret)),
      }));
    },
  );

  endpoint(
    app,
    {
      method: "get",
      path: "/webhooks/{id}",
      tag,
      summary: "Read a webhook",
      access: ADMIN,
      params,
      answers: { 200: Webhook },
      errors: ["WEBHOOK_NOT_FOUND"],
    },
    async ({ env, caller, params: { id } }) => ({
      status: 200,
      body: webhookView(unwrap(await findWebhook(env.DB, caller.workspace, id))),
    }),
  );

  endpoint(
    app,
    {
      method: "patch",
      path: "/webhooks/{id}",
      tag,
      summary: "Change a webhook",
      description:
        "`null` takes away what may be left out. While it is disabled nothing is sent, and what happens meanwhile is not told later; " +
        "what waited goes on when it is enabled.",
      access: ADMIN,
      params,
      body: WebhookPatch,
      answers: { 200: Webhook },
      errors: ["WEBHOOK_NOT_FOUND"],
    },
    async ({ env, caller, params: { id }, body: set, origin }) => {
      if (set.url !== undefined) assertAddress(set.url, env);
      const result = await configure(env, caller, { do: "update", id, set, origin: origin() });
      return reply(result, 200, ({ webhook }) => webhook);
    },
  );

  endpoint(
    app,
    {
      method: "delete",
      path: "/webhooks/{id}",
      tag,
      summary: "Delete a webhook, its log and what waits to be sent",
      access: ADMIN,
      params,
      answers: { 204: null },
      errors: ["WEBHOOK_NOT_FOUND"],
    },
    async ({ env, caller, params: { id } }) =>
      reply(await configure(env, caller, { do: "delete", id }), 204, () => undefined),
  );

  endpoint(
    app,
    {
      method: "post",
      path: "/webhooks/{id}/rotate-secret",
      tag,
      summary: "Draw another secret; the old one signs too for 24 h",
      access: ADMIN,
      params,
      body: z.strictObject({}),
      answers: { 200: WebhookSecret },
      errors: ["WEBHOOK_NOT_FOUND"],
    },
    async ({ env, caller, params: { id } }) => {
      const root = rootToken(env);
      const secret = crypto.randomUUID();
      const result = await configure(env, caller, { do: "rotate", id, secret });
      return reply(result, 200, (kept) => ({
        ...kept,
        ...shownOnce(result, webhookSecret(root, caller.workspace, id, secret)),
      }));
    },
  );

  deliveryRoutes(app);
}

function configure(env: Env, caller: Caller, command: WebhookCommand): Promise<Result<Record<string, unknown>>> {
  return ledgerOf(env, caller.workspace).configure(caller, { of: "webhook", command });
}

function rootToken(env: Env): string {
  return env.ROOT_TOKEN ?? unwrap(fail("UNAVAILABLE", "set the secret ROOT_TOKEN"));
}

function assertAddress(url: string, env: Env): void {
  const address = webhookAddress(url, env.WEBHOOK_ALLOW_PRIVATE === "1");
  if (!address.ok) refuseInvalid({ field: "url", issue: String(address.error.details?.issue) });
}

/** Derived, and yet not shown again: who replays a request may be somebody else (02, "Idempotency"). */
function shownOnce(result: Result<unknown>, secret: string): { secret: string } | { secret_shown: true } {
  return result.ok && result.replayed ? { secret_shown: true } : { secret };
}

function freshWebhookId(): string {
  return `webhook-${crypto.randomUUID().slice(-12)}`;
}
