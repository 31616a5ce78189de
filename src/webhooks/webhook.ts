/** A webhook as it is kept, and as it is served (docs/design/webhooks.md). Pure. */
import { matches } from "../pattern.ts";
import type { Event } from "../realtime/contract.ts";
import type { Webhook, WebhookInput } from "./contract.ts";

/** Names from which secrets are derived (signature.ts); they are no secrets. */
export interface SecretNames {
  readonly current: string;
  /** The one before, which signs too until `until` (RFC 3339). */
  readonly old?: { readonly name: string; readonly until: string };
}

export interface WebhookRecord extends Omit<WebhookInput, "id"> {
  readonly id: string;
  readonly disabled_reason?: string | undefined;
  readonly secret: SecretNames;
  /** Scheme and host under which whoever configured it reached the API: where links lead. */
  readonly origin: string;
  readonly created_at: string;
  readonly updated_at: string;
}

/** A row of `webhooks` as D1 gives it. */
export interface StoredWebhook {
  readonly id: string;
  readonly body: string;
  readonly created_at: string;
  readonly updated_at: string;
}

export const WEBHOOK_COLUMNS = "id, body, created_at, updated_at";

export function webhookOf({ body, ...row }: StoredWebhook): WebhookRecord {
  return { ...(JSON.parse(body) as Omit<WebhookRecord, keyof StoredWebhook>), ...row };
}

export function webhookView({ secret, origin: _, ...webhook }: WebhookRecord): Webhook {
  return { ...webhook, ...(secret.old !== undefined && { old_secret_until: secret.old.until }) };
}

/** The names of the secrets that sign at `now` (ms), the current one first. */
export function signingNames({ current, old }: SecretNames, now: number): string[] {
  return old !== undefined && Date.parse(old.until) > now ? [current, old.name] : [current];
}

/** Whether the webhook is told of this event: never of what becomes of itself, which would tell of its own failures for ever. */
export function wants({ id, events }: WebhookRecord, { event, payload }: Event): boolean {
  if (payload.subject_type === "webhook" && payload.subject_id === id) return false;
  return events.some((pattern) => matches(pattern, event));
}
