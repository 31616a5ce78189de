import { fail, ok, type Result } from "../actor/result.ts";
import { type StoredWebhook, WEBHOOK_COLUMNS, type WebhookRecord, webhookOf } from "./webhook.ts";

/** The webhook as D1 has it. */
export async function findWebhook(db: D1Database, workspace: string, id: string): Promise<Result<WebhookRecord>> {
  const row = await db
    .prepare(`SELECT ${WEBHOOK_COLUMNS} FROM webhooks WHERE workspace = ?1 AND id = ?2`)
    .bind(workspace, id)
    .first<StoredWebhook>();
  return row === null ? fail("WEBHOOK_NOT_FOUND", `there is no webhook ${id}`) : ok(webhookOf(row));
}
