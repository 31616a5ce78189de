/** What a webhook asks of its workspace's ledger: the channel `system`, and to be disabled. */
import { systemCaller } from "../actor/caller.ts";
import { actorOf } from "../actor/remote.ts";
import type { Result } from "../actor/result.ts";
import { ledgerOf } from "../audit/ledger-api.ts";
import type { Env } from "../env.ts";
import { causeOf, log } from "../log.ts";
import type { ChannelApi, EventsPage } from "../realtime/channel-api.ts";
import type { WebhookRecord } from "./webhook.ts";
import { webhookKey } from "./webhook-api.ts";

const LEDGER = "config";
const CHANNEL = "system";

interface Follower {
  readonly webhook: Pick<WebhookRecord, "id">;
  /** RFC 3339 */
  readonly since: string;
}

interface SystemChannel {
  readonly subscribe: () => Promise<unknown>;
  readonly read: (after: number, limit: number) => Promise<EventsPage>;
  readonly beginning: () => Promise<number | undefined>;
}

/** The channel as `Following` needs it. */
export function systemChannel(env: Env, workspace: string, follower: () => Follower): SystemChannel {
  // It never unsubscribes.
  const life = 0;
  const ledger = () => actorOf<ChannelApi>(env, workspace, LEDGER);
  return {
    subscribe: async () => had(await ledger().subscribe(LEDGER, CHANNEL, webhookKey(follower().webhook.id), life)),
    read: async (after, limit) => had(await ledger().events(LEDGER, { channel: CHANNEL, after, limit })),
    beginning: () => beginningOf(env.DB, workspace, follower()),
  };
}

function had<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

/** Id of the row that tells of the change since which it is told: the first of its own in the trail from then on. */
async function beginningOf(
  db: D1Database,
  workspace: string,
  { webhook, since }: Follower,
): Promise<number | undefined> {
  const row = await db
    .prepare(
      `SELECT min(id) AS id FROM audit_log WHERE workspace = ?1 AND subject_type = 'webhook' AND subject_id = ?2
       AND action IN ('webhook.created', 'webhook.updated') AND at >= ?3`,
    )
    // Without its Z it sorts before all times of the trail, whose fractions are longer, in that millisecond.
    .bind(workspace, webhook.id, since.replace("Z", ""))
    .first<{ id: number | null }>();
  return row?.id ?? undefined;
}

/**
 * Has the webhook disabled in the configuration because its address is gone. Whether it is disabled now: not if an admin changed
 * the address or deleted it meanwhile; undefined if that cannot be told now.
 */
export async function disabledAsGone(
  env: Env,
  workspace: string,
  webhook: WebhookRecord,
): Promise<boolean | undefined> {
  const caller = systemCaller(workspace, "webhook", crypto.randomUUID());
  const { id, url } = webhook;
  try {
    const result = await ledgerOf(env, workspace).configure(caller, {
      of: "webhook",
      command: { do: "disable", id, url, reason: "the receiver answered 410 Gone" },
    });
    if (result.ok) return !(result.value.webhook as { enabled: boolean }).enabled;
    return result.error.code === "WEBHOOK_NOT_FOUND" ? false : undefined;
  } catch (thrown) {
    log("warn", "webhook.not_disabled", { id, cause: causeOf(thrown) });
    return undefined;
  }
}
