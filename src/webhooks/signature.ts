/** Standard Webhooks (standardwebhooks.com): the headers that let a receiver know who sent a message, and that it is no replay. */
import { createHmac } from "node:crypto";
import { Webhook } from "standardwebhooks";

/**
 * The secret of a workspace's executors, `whsec_…`. Derived from the root token, so that it is stored nowhere: who rotates the
 * root token rotates it too.
 */
export function executorSecret(rootToken: string, workspace: string): string {
  return `whsec_${createHmac("sha256", rootToken).update(`executor:${workspace}`).digest("base64")}`;
}

/**
 * The secret of a webhook, `whsec_…`: derived as that of the executors is, so that neither D1 nor any journal holds it. Who draws
 * another `secretId` has another secret.
 */
export function webhookSecret(rootToken: string, workspace: string, id: string, secretId: string): string {
  const mac = createHmac("sha256", rootToken).update(`webhook:${workspace}:${id}:${secretId}`);
  return `whsec_${mac.digest("base64")}`;
}

/**
 * `webhook-id`, `webhook-timestamp` (s), `webhook-signature`; `now` in ms. The id stays the same over all attempts. Of several
 * secrets each signs, and a receiver needs to know one of them.
 */
export function signedHeaders(
  secrets: string | readonly string[],
  id: string,
  payload: string,
  now: number,
): Record<string, string> {
  const at = new Date(Math.floor(now / 1000) * 1000);
  return {
    "webhook-id": id,
    "webhook-timestamp": String(at.getTime() / 1000),
    "webhook-signature": [secrets]
      .flat()
      .map((secret) => new Webhook(secret).sign(id, at, payload))
      .join(" "),
  };
}
