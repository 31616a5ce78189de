import { Webhook } from "standardwebhooks";
import { describe, expect, it } from "vitest";
import { executorSecret, signedHeaders } from "./signature.ts";

const ROOT = "a-root-token-of-at-least-32-characters";

describe("a signed message", () => {
  it("is believed by any receiver that holds the secret, and by no other", () => {
    const secret = executorSecret(ROOT, "default");
    const payload = JSON.stringify({ type: "task.apply", data: { ü: "€" } });
    const headers = signedHeaders(secret, "msg_1", payload, Date.now());
    expect(new Webhook(secret).verify(payload, headers)).toEqual(JSON.parse(payload));
    expect(() => new Webhook(secret).verify(`${payload} `, headers)).toThrow();
    expect(() => new Webhook(executorSecret(ROOT, "other")).verify(payload, headers)).toThrow();
    expect(() => new Webhook(executorSecret(`${ROOT}2`, "default")).verify(payload, headers)).toThrow();
  });

  it("is too old after a while", () => {
    const secret = executorSecret(ROOT, "default");
    const headers = signedHeaders(secret, "msg_1", "{}", Date.now() - 3_600_000);
    expect(() => new Webhook(secret).verify("{}", headers)).toThrow();
  });

  it("names the same id at every attempt, and the second at which it was sent", () => {
    const headers = signedHeaders(executorSecret(ROOT, "default"), "msg_1", "{}", 1_800_000_000_999);
    expect(headers).toMatchObject({ "webhook-id": "msg_1", "webhook-timestamp": "1800000000" });
  });
});
