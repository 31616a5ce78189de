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

/** `webhook-id`, `webhook-timestamp` (s), `webhook-signature`; `now` in ms. The id stays the same over all attempts. */
export function signedHeaders(secret: string, id: string, payload: string, now: number): Record<string, string> {
  const at = new Date(Math.floor(now / 1000) * 1000);
  return {
    "webhook-id": id,
    "webhook-timestamp": String(at.getTime() / 1000),
    "webhook-signature": new Webhook(secret).sign(id, at, payload),
  };
}
