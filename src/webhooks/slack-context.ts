/** What a Slack message shows of the change behind a request, and the link of the channel's own reviewer. */
import { createHash } from "node:crypto";
import type { Caller } from "../actor/caller.ts";
import { parseId } from "../actor/ids.ts";
import { linkToken } from "../approvals/link-token.ts";
import type { Env } from "../env.ts";
import { causeOf, log } from "../log.ts";
import type { Event } from "../realtime/contract.ts";
import { taskAt } from "../tasks/task-api.ts";
import { findUser } from "../users/stored-user.ts";
import type { Delivery } from "./contract.ts";
import type { SlackContext } from "./slack.ts";
import type { WebhookRecord } from "./webhook.ts";

const LINK_MS = 24 * 60 * 60 * 1000;
const ABOUT_REQUESTS: ReadonlySet<string> = new Set(["approval:requested", "approval:escalated"]);

/** Nothing if it cannot be read now: a message that says less is better than none. */
export async function slackContext(
  env: Env,
  workspace: string,
  webhook: WebhookRecord,
  delivery: Delivery,
  { event, payload }: Event,
): Promise<SlackContext> {
  const approval = ABOUT_REQUESTS.has(event) ? parseId(String(payload.approval_id)) : null;
  if (approval?.kind !== "task") return {};
  try {
    const task = await taskAt(env, workspace, approval.address).get();
    const asked = payload.reviewer_id ?? payload.to;
    const isOwn = webhook.links_for !== undefined && webhook.links_for === asked;
    const review = isOwn ? await linkOf(env, workspace, webhook, delivery, approval.id) : undefined;
    return { ...(task.ok && { task: task.value }), ...(review !== undefined && { review }) };
  } catch (thrown) {
    log("warn", "webhook.context_unreadable", { webhook: webhook.id, cause: causeOf(thrown) });
    return {};
  }
}

/**
 * The link of the reviewer to whom the channel belongs, if they may answer this request. The same at every attempt: made of the
 * delivery, and noted in the trail once.
 */
async function linkOf(
  env: Env,
  workspace: string,
  { id: webhookId, links_for, origin }: WebhookRecord,
  delivery: Delivery,
  approval_id: string,
): Promise<string | undefined> {
  const reviewer = links_for === undefined ? null : await findUser(env.DB, workspace, links_for);
  const approval = parseId(approval_id);
  if (env.ROOT_TOKEN === undefined || reviewer === null || !reviewer.active || approval === null) return undefined;
  const expires_at = Math.floor((Date.parse(delivery.created_at) + LINK_MS) / 1000);
  const link = { workspace, approval_id, reviewer_id: reviewer.id, expires_at, token_id: delivery.id };
  const scope = createHash("sha256").update(`webhook:${webhookId}\n${delivery.id}`).digest("hex");
  const caller: Caller = {
    workspace,
    who: { id: reviewer.id, kind: "user", roles: reviewer.roles },
    name: reviewer.name,
    where: { service: `webhook:${webhookId}` },
    request_id: crypto.randomUUID(),
    idempotency: { key: delivery.id, scope, hash: scope },
  };
  const noted = await taskAt(env, workspace, approval.address).offerLink(caller, approval.member, link);
  return noted.ok ? `${origin}/links/${linkToken(env.ROOT_TOKEN, link)}` : undefined;
}
