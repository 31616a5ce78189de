import { describe, expect, it } from "vitest";
import { corsHeaders, preflightAnswer } from "./cors.ts";

const APP = "https://app.example";

describe("a page of another origin", () => {
  it("may read answers if its origin is named, to the letter", () => {
    const named = "https://other.example, https://app.example/";
    expect(corsHeaders(named, APP)).toMatchObject({ "Access-Control-Allow-Origin": APP, Vary: "Origin" });
    for (const origin of ["http://app.example", "https://app.example:444", "https://sub.app.example", "null"]) {
      expect(corsHeaders(named, origin)).toBeNull();
    }
  });

  it("may do so wherever it is from if all are, and nowhere by default", () => {
    expect(corsHeaders("*", APP)).toMatchObject({ "Access-Control-Allow-Origin": "*" });
    expect(["", "  "].map((allowed) => corsHeaders(allowed, APP))).toEqual([null, null]);
    expect(corsHeaders("*", undefined)).toBeNull();
  });

  it("is never given leave to send the browser's own credentials", () => {
    for (const allowed of ["*", APP]) {
      expect(corsHeaders(allowed, APP)).not.toHaveProperty("Access-Control-Allow-Credentials");
    }
  });

  it("is answered when it asks before it sends; an OPTIONS without a question is like any other method", () => {
    const asked = (headers: Record<string, string>, method = "OPTIONS") =>
      preflightAnswer(new Request(APP, { method, headers }), {});
    const question = { "Access-Control-Request-Method": "PATCH" };
    expect(asked(question)?.status).toBe(204);
    expect(asked(question)?.headers.get("Access-Control-Allow-Methods")).toContain("PATCH");
    expect(asked({})).toBeUndefined();
    expect(asked(question, "GET")).toBeUndefined();
  });
});
