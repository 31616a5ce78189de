/** What a webhook sent, and sending it again (docs/design/webhooks.md). */
import { hashedAddress, parseId } from "../actor/ids.ts";
import { ADMIN } from "../http/access.ts";
import { endpoint, reply, unwrap } from "../http/endpoint.ts";
import type { App } from "../http/endpoint-spec.ts";
import { refuse } from "../http/failure.ts";
import { numberedPage } from "../http/numbered-list.ts";
import { Id, Slug } from "../wire.ts";
import { z } from "../zod.ts";
import { Delivery, DeliveryList, DeliveryQuery } from "./contract.ts";
import { findWebhook } from "./stored-webhook.ts";
import { webhookAt, webhookKey } from "./webhook-api.ts";

const tag = "Webhooks";
const params = z.strictObject({ id: Slug });

export function deliveryRoutes(app: App): void {
  endpoint(
    app,
    {
      method: "post",
      path: "/webhooks/{id}/test",
      tag,
      summary: "Send a `webhook.test` now, and see how the first attempt goes",
      description: "What fails is tried again like any other.",
      access: ADMIN,
      params,
      body: z.strictObject({}),
      answers: { 200: Delivery },
      errors: ["WEBHOOK_NOT_FOUND", "INVALID_STATE"],
    },
    async ({ env, caller, params: { id } }) => {
      unwrap(await findWebhook(env.DB, caller.workspace, id));
      return reply(await webhookAt(env, caller.workspace, id).sendTest(caller, webhookKey(id)), 200);
    },
  );

  endpoint(
    app,
    {
      method: "get",
      path: "/webhooks/{id}/deliveries",
      tag,
      summary: "What waits, what was delivered (the last 1,000) and what was parked (the last 1,000), newest first",
      access: ADMIN,
      params,
      query: DeliveryQuery,
      answers: { 200: DeliveryList },
      errors: ["WEBHOOK_NOT_FOUND"],
    },
    async ({ env, caller, params: { id }, query }) => {
      unwrap(await findWebhook(env.DB, caller.workspace, id));
      const webhook = webhookAt(env, caller.workspace, id);
      const { status } = query;
      const { rows, pagination } = await numberedPage(query, (request) =>
        webhook.deliveries(webhookKey(id), { ...request, ...(status !== undefined && { status }) }),
      );
      return { status: 200, body: { deliveries: rows.map(({ delivery }) => delivery), pagination } };
    },
  );

  endpoint(
    app,
    {
      method: "post",
      path: "/webhooks/{id}/deliveries/{delivery_id}/redeliver",
      tag,
      summary: "Send one again from the beginning, under the same `webhook-id`",
      access: ADMIN,
      params: z.strictObject({ id: Slug, delivery_id: Id }),
      body: z.strictObject({}),
      answers: { 202: Delivery },
      errors: ["WEBHOOK_NOT_FOUND", "NOT_FOUND", "INVALID_STATE"],
    },
    async ({ env, caller, params: { id, delivery_id } }) => {
      unwrap(await findWebhook(env.DB, caller.workspace, id));
      const parsed = parseId(delivery_id);
      if (parsed === null || parsed.address !== hashedAddress("webhook", id) || parsed.member === 0) {
        return refuse("NOT_FOUND", "there is no such delivery");
      }
      return reply(await webhookAt(env, caller.workspace, id).redeliver(caller, webhookKey(id), parsed.member), 202);
    },
  );
}
