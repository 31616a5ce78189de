/** Wire schemas of /webhooks (docs/design/webhooks.md). */
import { PageQuery, Pagination } from "../http/validation.ts";
import { Slug, Timestamp } from "../wire.ts";
import { z } from "../zod.ts";

const name = z.string().min(1).max(200);
const url = z.string().min(1).max(2048).openapi({ example: "https://example.com/countersign" });
const events = z
  .array(z.string().min(1).max(128))
  .min(1)
  .max(50)
  .openapi({
    description:
      "names of events of the channel `system`; `*` stands for anything up to the next `:` or `/`, `**` for all",
    example: ["approval:*", "task:state_changed"],
  });
const format = z.enum(["json", "slack"]);
const description = z.string().max(500);
const linksFor = Slug.openapi({
  description:
    "`slack` only: whose channel this is. Requests addressed to this reviewer come with a link that decides as them; give it only " +
    "for a channel that nobody else reads.",
});

export const WebhookInput = z.lazy(() =>
  z
    .strictObject({
      id: Slug.optional(),
      name,
      url,
      events,
      format: format.default("json"),
      enabled: z.boolean().default(true),
      description: description.optional(),
      links_for: linksFor.optional(),
    })
    .openapi("WebhookInput", {
      example: { name: "On call", url: "https://example.com/countersign", events: ["approval:*"] },
    }),
);
export type WebhookInput = z.infer<typeof WebhookInput>;

export const WebhookPatch = z.lazy(() =>
  z
    .strictObject({
      name: name.optional(),
      url: url.optional(),
      events: events.optional(),
      format: format.optional(),
      enabled: z.boolean().optional(),
      description: description.nullable().optional(),
      links_for: Slug.nullable().optional(),
    })
    .openapi("WebhookPatch", { example: { enabled: false } }),
);
export type WebhookPatch = z.infer<typeof WebhookPatch>;

export const Webhook = z.lazy(() =>
  z
    .strictObject({
      ...WebhookInput.unwrap().shape,
      id: Slug,
      format,
      enabled: z.boolean(),
      disabled_reason: z.string().optional().openapi({ description: "why it was disabled, if not by an admin" }),
      old_secret_until: Timestamp.optional().openapi({ description: "until then the secret before signs, too" }),
      created_at: Timestamp,
      updated_at: Timestamp,
    })
    .openapi("Webhook"),
);
export type Webhook = z.infer<typeof Webhook>;

export const WebhookSecret = z.lazy(() =>
  z
    .strictObject({
      webhook: Webhook,
      secret: z.string().optional().openapi({ description: "signs every message: shown now and never again" }),
      secret_shown: z.literal(true).optional().openapi({ description: "in place of the secret, in a replayed answer" }),
    })
    .openapi("WebhookSecret"),
);

export const WebhookList = z.lazy(() =>
  z.strictObject({ webhooks: z.array(Webhook), pagination: Pagination }).openapi("Webhooks"),
);

export const DeliveryStatus = z.enum(["waiting", "delivered", "parked"]);

export const Delivery = z.lazy(() =>
  z
    .strictObject({
      id: z.uuid().openapi({ description: "the `webhook-id` of every attempt" }),
      event: z.string(),
      seq: z.number().int().openapi({ description: "of the event on `system`; 0 for a test" }),
      status: DeliveryStatus,
      attempts: z.number().int(),
      next_at: Timestamp.optional(),
      last_status: z.number().int().optional(),
      last_error: z.string().optional(),
      created_at: Timestamp,
      ended_at: Timestamp.optional(),
    })
    .openapi("WebhookDelivery"),
);
export type Delivery = z.infer<typeof Delivery>;

export const DeliveryList = z.lazy(() =>
  z.strictObject({ deliveries: z.array(Delivery), pagination: Pagination }).openapi("WebhookDeliveries"),
);

export const DeliveryQuery = z.lazy(() => z.strictObject({ ...PageQuery, status: DeliveryStatus.optional() }));
