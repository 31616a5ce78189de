/** What is sent for one event: rendered and signed anew at each attempt, under the same id. */
import type { ActorPlace } from "../actor/ids.ts";
import type { Env } from "../env.ts";
import type { Event } from "../realtime/contract.ts";
import type { Delivery } from "./contract.ts";
import { jsonMessage } from "./delivery-view.ts";
import type { Message } from "./post.ts";
import { signedHeaders, webhookSecret } from "./signature.ts";
import { slackMessage } from "./slack.ts";
import { slackContext } from "./slack-context.ts";
import { signingNames, type WebhookRecord } from "./webhook.ts";

/** Throws without a root token, from which the secrets come. */
export async function messageFor(
  env: Env,
  { workspace }: Pick<ActorPlace, "workspace">,
  webhook: WebhookRecord,
  delivery: Delivery,
  event: Event,
): Promise<Message> {
  const root = env.ROOT_TOKEN;
  if (root === undefined) throw new Error("set the secret ROOT_TOKEN");
  const body =
    webhook.format === "slack"
      ? JSON.stringify(slackMessage(event, await slackContext(env, workspace, webhook, delivery, event)))
      : jsonMessage(workspace, event);
  const now = Date.now();
  const secrets = signingNames(webhook.secret, now).map((name) => webhookSecret(root, workspace, webhook.id, name));
  return { url: webhook.url, headers: signedHeaders(secrets, delivery.id, body, now), body };
}
