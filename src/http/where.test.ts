import { describe, expect, test } from "vitest";
import { whereOf } from "./where.ts";

const from = (headers: Record<string, string>) => whereOf(new Request("https://countersign.test", { headers }), "api");

describe("where a request comes from", () => {
  test("is told by the edge, and by the client of itself", () => {
    const headers = { "CF-Connecting-IP": "2001:db8::1", "User-Agent": "curl/8" };
    expect(from(headers)).toEqual({ service: "api", ip: "2001:db8::1", user_agent: "curl/8" });
  });

  test("has an address and an agent even where nobody tells them", () => {
    expect(from({})).toEqual({ service: "api", ip: "unknown", user_agent: "unknown" });
  });

  test("takes no more of a header than such a thing can be long", () => {
    const where = from({ "CF-Connecting-IP": "1".repeat(1_000), "User-Agent": "x".repeat(1_000) });
    expect([where.ip?.length, where.user_agent?.length]).toEqual([45, 256]);
  });
});
