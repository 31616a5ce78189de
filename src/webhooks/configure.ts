/** How webhooks change (docs/design/webhooks.md): pure plans for the configuration journal. */
import { fail, type Issue, invalid, ok, type Result } from "../actor/result.ts";
import type { Plan, Planner } from "../audit/plan.ts";
import type { WebhookInput, WebhookPatch } from "./contract.ts";
import { type StoredWebhook, WEBHOOK_COLUMNS, type WebhookRecord, webhookOf, webhookView } from "./webhook.ts";
import { webhookKey } from "./webhook-api.ts";

export type WebhookCommand =
  | {
      readonly do: "create";
      readonly id: string;
      readonly webhook: Omit<WebhookInput, "id">;
      readonly secret: string;
      readonly origin: string;
    }
  | { readonly do: "update"; readonly id: string; readonly set: WebhookPatch; readonly origin: string }
  /** `secret`: the name of the new one */
  | { readonly do: "rotate"; readonly id: string; readonly secret: string }
  /** By itself, because who is at `url` said so: nothing is changed if it has moved meanwhile. */
  | { readonly do: "disable"; readonly id: string; readonly url: string; readonly reason: string }
  | { readonly do: "delete"; readonly id: string };

export interface WebhookFacts {
  readonly stored?: WebhookRecord;
  /** how many the workspace has */
  readonly count: number;
  /** whether `links_for` names an active user */
  readonly reviewerExists: boolean;
}

/** What the webhook's actor is told. */
export type WebhookNotice =
  | { readonly do: "webhook.changed"; readonly webhook: WebhookRecord }
  | { readonly do: "webhook.removed" };

/** Each reads the whole trail as it grows. */
export const MAX_WEBHOOKS = 50;
/** For which the secret before signs too. */
const OLD_SECRET_MS = 24 * 60 * 60 * 1000;
/** The path of a route of its own. */
const RESERVED = "executor-secret";

export const webhookPlanner: Planner<WebhookCommand, WebhookFacts> = {
  async read(db, workspace, command) {
    const reviewer = linksFor(command) ?? null;
    const [stored, counted, users] = await db.batch([
      db
        .prepare(`SELECT ${WEBHOOK_COLUMNS} FROM webhooks WHERE workspace = ?1 AND id = ?2`)
        .bind(workspace, command.id),
      db.prepare("SELECT count(*) AS n FROM webhooks WHERE workspace = ?1").bind(workspace),
      db.prepare("SELECT 1 FROM users WHERE workspace = ?1 AND id = ?2 AND active = 1").bind(workspace, reviewer),
    ]);
    const [row] = (stored?.results ?? []) as StoredWebhook[];
    return {
      ...(row !== undefined && { stored: webhookOf(row) }),
      count: ((counted?.results ?? []) as { n: number }[])[0]?.n ?? 0,
      reviewerExists: (users?.results.length ?? 0) > 0,
    };
  },

  plan(command, facts, now) {
    if (command.do === "create") return create(command, facts, now);
    const { stored } = facts;
    if (stored === undefined) return fail("WEBHOOK_NOT_FOUND", `there is no webhook ${command.id}`);
    switch (command.do) {
      case "update":
        return update(stored, command, facts, now);
      case "rotate": {
        const until = new Date(Date.parse(now) + OLD_SECRET_MS).toISOString();
        const secret = { current: command.secret, old: { name: stored.secret.current, until } };
        return ok(kept({ ...stored, secret, updated_at: now }, { changed: ["secret"], old_secret_until: until }));
      }
      case "disable": {
        if (!stored.enabled || stored.url !== command.url) return unchanged(stored);
        const webhook = { ...stored, enabled: false, disabled_reason: command.reason, updated_at: now };
        // Its actor is who asks, and waits for the answer.
        const { news: _, ...plan } = kept(webhook, { changed: ["enabled"], disabled_reason: command.reason });
        return ok(plan);
      }
      case "delete":
        return ok(removal(stored));
    }
  },
};

function create(
  { id, webhook, secret, origin }: Extract<WebhookCommand, { do: "create" }>,
  facts: WebhookFacts,
  now: string,
): Result<Plan> {
  if (id === RESERVED || facts.stored !== undefined) {
    return fail("ALREADY_EXISTS", `the id ${id} is taken`, { id });
  }
  const issues = issuesOf(webhook, facts);
  if (issues.length > 0) return invalid(...issues);
  if (facts.count >= MAX_WEBHOOKS) {
    const state = `${MAX_WEBHOOKS} webhooks`;
    return fail("INVALID_STATE", `there are ${state}, and no workspace has more`, { state, allowed: ["delete"] });
  }
  const record = { ...webhook, id, origin, secret: { current: secret }, created_at: now, updated_at: now };
  return ok(put("webhook.created", record, told(record)));
}

function update(
  stored: WebhookRecord,
  { set, origin }: Extract<WebhookCommand, { do: "update" }>,
  facts: WebhookFacts,
  now: string,
): Result<Plan> {
  const given = Object.entries(set).filter(([, value]) => value !== undefined);
  const changed = given.filter(([field, value]) => !same(stored[field as keyof WebhookRecord], value)).map(([f]) => f);
  if (changed.length === 0) return unchanged(stored);
  const merged = Object.fromEntries(
    Object.entries({ ...stored, ...Object.fromEntries(given) }).filter(([, value]) => value !== null),
  ) as unknown as WebhookRecord;
  const issues = issuesOf(merged, { ...facts, reviewerExists: facts.reviewerExists || set.links_for == null });
  if (issues.length > 0) return invalid(...issues);
  const { disabled_reason, ...webhook } = merged;
  const why = webhook.enabled ? {} : { disabled_reason };
  const record = { ...webhook, ...why, origin, updated_at: now };
  return ok(kept(record, { changed, ...told(record) }));
}

function issuesOf(webhook: Omit<WebhookInput, "id">, { reviewerExists }: WebhookFacts): Issue[] {
  if (webhook.links_for === undefined) return [];
  const value = webhook.links_for;
  return [
    ...(webhook.format === "slack" ? [] : [{ field: "links_for", issue: "is for webhooks of format slack", value }]),
    ...(reviewerExists ? [] : [{ field: "links_for", issue: "names no active user", value }]),
  ];
}

function linksFor(command: WebhookCommand): string | null | undefined {
  if (command.do === "create") return command.webhook.links_for;
  return command.do === "update" ? command.set.links_for : undefined;
}

function same(stored: unknown, given: unknown): boolean {
  return JSON.stringify(stored ?? null) === JSON.stringify(given);
}

function unchanged(stored: WebhookRecord): Result<Plan> {
  return ok({ changes: [], happenings: [], answer: { webhook: webhookView(stored) } });
}

/** What the trail has of it. Everybody may read the trail, and the path of a Slack address is its password. */
function told({ name, url, events, format, enabled, links_for }: WebhookRecord): Record<string, unknown> {
  return { name, host: new URL(url).host, events, format, enabled, ...(links_for !== undefined && { links_for }) };
}

function kept(webhook: WebhookRecord, details: Record<string, unknown>): Plan {
  return put("webhook.updated", webhook, details);
}

function put(action: string, webhook: WebhookRecord, details: Record<string, unknown>): Plan {
  const { id, created_at, updated_at, ...body } = webhook;
  return {
    changes: [{ put: "webhooks", row: { id, body, created_at, updated_at } }],
    happenings: [{ action, subject_type: "webhook", subject_id: id, details }],
    answer: { webhook: webhookView(webhook) },
    // It looks into D1 for where the trail stood then.
    news: [notice(id, { do: "webhook.changed", webhook })],
  };
}

function removal({ id, name }: WebhookRecord): Plan {
  return {
    changes: [{ remove: "webhooks", id }],
    happenings: [{ action: "webhook.deleted", subject_type: "webhook", subject_id: id, details: { name } }],
    answer: {},
    news: [notice(id, { do: "webhook.removed" })],
  };
}

function notice(id: string, body: WebhookNotice) {
  return { target: webhookKey(id), body };
}
