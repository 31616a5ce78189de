import { describe, expect, it } from "vitest";
import type { Plan } from "../audit/plan.ts";
import { MAX_WEBHOOKS, type WebhookCommand, type WebhookFacts, webhookPlanner } from "./configure.ts";
import { signingNames, type WebhookRecord, wants, webhookView } from "./webhook.ts";

const NOW = "2026-11-20T00:00:00.000Z";
const LATER = "2026-11-21T00:00:00.000Z";
const stored: WebhookRecord = {
  id: "ops",
  name: "Operations",
  url: "https://hooks.example.com/services/pAsSwOrD",
  events: ["task:*"],
  format: "slack",
  enabled: true,
  secret: { current: "one" },
  origin: "https://countersign.example.com",
  created_at: NOW,
  updated_at: NOW,
};
const facts: WebhookFacts = { stored, count: 1, reviewerExists: false };

function planned(command: WebhookCommand, given = facts, now = LATER): Plan {
  const result = webhookPlanner.plan(command, given, now);
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

/** The webhook as a plan leaves it. */
function kept({ changes: [change] }: Plan): WebhookRecord {
  if (change === undefined || !("put" in change) || change.put !== "webhooks") throw new Error("nothing is kept");
  const { body, ...row } = change.row;
  return { ...(body as unknown as WebhookRecord), ...row };
}

function update(set: Extract<WebhookCommand, { do: "update" }>["set"]): WebhookCommand {
  return { do: "update", id: "ops", set, origin: stored.origin };
}

describe("a change of a webhook", () => {
  it("is told to its actor once D1 has it, and to the trail without address and secrets", () => {
    const plan = planned(update({ enabled: false }));
    expect(plan.news).toEqual([{ target: "webhook:ops", body: { do: "webhook.changed", webhook: kept(plan) } }]);
    expect(plan.effects).toBeUndefined();
    expect(plan.happenings).toMatchObject([{ action: "webhook.updated", details: { changed: ["enabled"] } }]);
    expect(JSON.stringify(plan.happenings)).not.toMatch(/pAsSwOrD|"one"/);
  });

  it("that changes nothing leaves no trace", () => {
    expect(planned(update({ name: "Operations", events: ["task:*"] }))).toMatchObject({ changes: [], happenings: [] });
  });

  it("takes away what is null", () => {
    const before = { ...facts, stored: { ...stored, links_for: "bob", description: "x" } };
    const plan = planned(update({ links_for: null, description: null }), before);
    expect(kept(plan)).not.toHaveProperty("links_for");
    expect(kept(plan)).not.toHaveProperty("description");
  });

  it("keeps a link to a reviewer who left, but takes none to one who is not there", () => {
    const before = { ...facts, stored: { ...stored, links_for: "gone" } };
    expect(kept(planned(update({ name: "other" }), before)).links_for).toBe("gone");
    expect(webhookPlanner.plan(update({ links_for: "nobody" }), facts, LATER).ok).toBe(false);
  });

  it("may not turn a channel with links into plain JSON", () => {
    const before = { ...facts, stored: { ...stored, links_for: "bob" } };
    expect(webhookPlanner.plan(update({ format: "json" }), before, LATER).ok).toBe(false);
  });
});

describe("a new secret", () => {
  it("signs first, and for a day the old one too", () => {
    const { secret } = kept(planned({ do: "rotate", id: "ops", secret: "two" }));
    expect(signingNames(secret, Date.parse(LATER))).toEqual(["two", "one"]);
    expect(signingNames(secret, Date.parse(LATER) + 86_400_000)).toEqual(["two"]);
  });

  it("drawn twice within a day leaves the first one out", () => {
    const once = kept(planned({ do: "rotate", id: "ops", secret: "two" }));
    const twice = kept(planned({ do: "rotate", id: "ops", secret: "three" }, { ...facts, stored: once }));
    expect(signingNames(twice.secret, Date.parse(LATER))).toEqual(["three", "two"]);
  });

  it("shows itself in no view", () => {
    expect(JSON.stringify(webhookView(stored))).not.toContain('"one"');
  });
});

describe("a webhook whose receiver is gone", () => {
  const disable = { do: "disable", id: "ops", url: stored.url, reason: "410" } as const;

  it("is disabled, and enabled by an admin without the reason", () => {
    const plan = planned(disable);
    expect(kept(plan)).toMatchObject({ enabled: false, disabled_reason: "410" });
    expect(plan.news).toBeUndefined();
    const back = kept(planned(update({ enabled: true }), { ...facts, stored: kept(plan) }));
    expect(back.enabled).toBe(true);
    expect(back.disabled_reason).toBeUndefined();
  });

  it("stays as it is if it has moved meanwhile", () => {
    expect(planned({ ...disable, url: "https://other.example.com/" })).toMatchObject({ changes: [], happenings: [] });
  });
});

describe("a workspace", () => {
  it(`has at most ${MAX_WEBHOOKS} webhooks`, () => {
    const { id, secret: _, origin, created_at: _c, updated_at: _u, ...webhook } = stored;
    const command = { do: "create", id, webhook, secret: "one", origin } as const;
    const full = webhookPlanner.plan(command, { count: MAX_WEBHOOKS, reviewerExists: false }, NOW);
    expect(full.ok ? undefined : full.error.code).toBe("INVALID_STATE");
    expect(planned(command, { count: MAX_WEBHOOKS - 1, reviewerExists: false }).answer).toMatchObject({
      webhook: { id: "ops" },
    });
  });
});

describe("a webhook is told", () => {
  const event = (name: string, payload = {}) => ({
    event: name,
    timestamp: NOW,
    channel: "system",
    seq: 2,
    prev: 1,
    payload,
  });
  it.each([
    ["task:*", "task:state_changed", true],
    ["*", "task:state_changed", false],
    ["**", "task:state_changed", true],
    ["policy.*", "policy.created", true],
    ["task:approved", "task:updated", false],
  ])("by %s of %s: %s", (pattern, name, expected) => {
    expect(wants({ ...stored, events: [pattern] }, event(name))).toBe(expected);
  });

  it("of what becomes of other webhooks, not of itself", () => {
    const all = { ...stored, events: ["**"] };
    expect(wants(all, event("webhook.parked", { subject_type: "webhook", subject_id: "other" }))).toBe(true);
    expect(wants(all, event("webhook.parked", { subject_type: "webhook", subject_id: "ops" }))).toBe(false);
  });
});
