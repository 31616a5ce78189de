/** Where a webhook stands: the last word on it, and how far it has followed the workspace's events. Pure; times in ms. */
import { fail, type Result } from "../actor/result.ts";
import type { WebhookRecord } from "./webhook.ts";

export interface Standing {
  readonly webhook: WebhookRecord;
  /** RFC 3339: it is told of what happened after this. */
  readonly since: string;
  /** seq of the last event that was looked at; null until it is known which one was the last before `since` */
  readonly reached: number | null;
  /** Where somebody said 410: nothing is sent there any more. */
  readonly gone?: string;
}

/** Longer than an attempt may take: then the process that made it has died. */
export const ATTEMPT_LOST_MS = 20_000;

/** After an admin's word on it. What happens while it is disabled is not told later on. */
export function configured(before: Standing | undefined, webhook: WebhookRecord): Standing {
  const goesOn = before?.webhook.enabled === true && webhook.enabled;
  const { since, reached } = goesOn ? before : { since: webhook.updated_at, reached: null };
  return { webhook, since, reached };
}

/** After its receiver's word that it is gone came to the configuration: disabled, unless an admin has changed it since. */
export function judged({ gone: _, ...standing }: Standing, isDisabled: boolean): Standing {
  return { ...standing, webhook: { ...standing.webhook, enabled: !isDisabled } };
}

export function sends(standing: Standing | undefined): boolean {
  return standing?.webhook.enabled === true && standing.gone === undefined;
}

/** When to look at the deliveries again, if the next one is due at `next`: what is due by `now` is under way. */
export function nextLookAt(next: number | undefined, now: number): number | undefined {
  return next !== undefined && next <= now ? now + ATTEMPT_LOST_MS : next;
}

export function disabled(): Result<never> {
  const state = "disabled";
  return fail("INVALID_STATE", "this webhook is disabled; nothing is sent", { state, allowed: ["enable"] });
}
