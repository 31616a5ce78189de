import { describe, expect, it } from "vitest";
import { ATTEMPT_LOST_MS, configured, judged, nextLookAt, type Standing, sends } from "./standing.ts";
import type { WebhookRecord } from "./webhook.ts";

const NOON = "2026-11-20T12:00:00.000Z";
const LATER = "2026-11-20T13:00:00.000Z";

function webhook(enabled: boolean, updated_at = NOON): WebhookRecord {
  return { id: "w", url: "https://a.example", enabled, updated_at } as WebhookRecord;
}

const following: Standing = { webhook: webhook(true), since: NOON, reached: 7 };

describe("a webhook that is changed", () => {
  it("goes on from where it was, if it was enabled and stays so", () => {
    const changed = webhook(true, LATER);
    expect(configured(following, changed)).toEqual({ webhook: changed, since: NOON, reached: 7 });
  });

  it("begins at the change that made or enabled it: what happened while it was disabled is not told", () => {
    const made = webhook(true, LATER);
    const fresh = { webhook: made, since: LATER, reached: null };
    expect(configured(undefined, made)).toEqual(fresh);
    expect(configured({ ...following, webhook: webhook(false) }, made)).toEqual(fresh);
    expect(configured(following, webhook(false, LATER))).toMatchObject({ since: LATER, reached: null });
  });

  it("is sent to again though its receiver was gone: an admin has looked at it", () => {
    expect(sends(configured({ ...following, gone: "https://a.example" }, webhook(true, LATER)))).toBe(true);
  });
});

describe("a webhook whose receiver is gone", () => {
  const gone: Standing = { ...following, gone: "https://a.example" };

  it("sends nothing, and is disabled, unless it was moved meanwhile", () => {
    expect([sends(following), sends(gone), sends(undefined)]).toEqual([true, false, false]);
    expect(judged(gone, true)).toEqual({ ...following, webhook: webhook(false) });
    expect(judged(gone, false)).toEqual(following);
  });
});

it("deliveries are looked at when the next one is due; what is due already is under way until it must be lost", () => {
  expect([nextLookAt(undefined, 100), nextLookAt(101, 100)]).toEqual([undefined, 101]);
  expect([nextLookAt(100, 100), nextLookAt(3, 100)]).toEqual(Array(2).fill(100 + ATTEMPT_LOST_MS));
});
