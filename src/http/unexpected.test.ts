import { expect, test } from "vitest";
import { unexpected } from "./unexpected.ts";

test("what passes by itself, or when somebody makes room, is 503 and says when to come back", () => {
  const passing = [
    Object.assign(new Error("reset"), { retryable: true }),
    Object.assign(new Error("busy"), { overloaded: true }),
    new Error("D1_ERROR: no answer"),
    new Error("database or disk is full: SQLITE_FULL"),
  ];
  for (const thrown of passing)
    expect(unexpected(thrown)).toMatchObject({
      code: "UNAVAILABLE",
      details: { retry_after_seconds: expect.any(Number) },
    });
});

test("anything else is a bug, and tells nothing of itself", () => {
  for (const thrown of [
    new Error("secret: SQLITE_CONSTRAINT"),
    new TypeError("x is undefined"),
    "secret",
    null,
    undefined,
  ])
    expect(unexpected(thrown)).toEqual({ code: "INTERNAL_ERROR", message: expect.stringContaining("our fault") });
});
