import { describe, expect, it } from "vitest";
import { CountersignError } from "../../client/index.ts";
import { exitCodeOf } from "./exit-code.ts";
import { paintOf } from "./paint.ts";
import { failureLines, toldFailure, usage } from "./told-failure.ts";

const plain = paintOf(false);

describe("a failure", () => {
  it("says what, with code and request, and what to do next", () => {
    const told = toldFailure(
      new CountersignError("RESOURCE_LOCKED", {
        message: "it is held",
        request_id: "r-1",
        details: { holder: { agent_id: "robot", purpose: "migrate" } },
      }),
    );
    expect(told).toMatchObject({ code: "RESOURCE_LOCKED", exit_code: 6, request_id: "r-1" });
    expect(failureLines(told ?? expect.fail(), plain)).toBe(
      "error: it is held (RESOURCE_LOCKED, request r-1)\n  → robot holds it: migrate; wait longer with --wait SECONDS",
    );
  });

  it("names every field that is wrong", () => {
    const issues = [
      { field: "config.type", issue: "is missing" },
      { field: "config.priority", issue: "must be at most 100" },
    ];
    expect(toldFailure(new CountersignError("VALIDATION_ERROR", { message: "no", details: { issues } }))?.advice).toBe(
      "config.type: is missing; config.priority: must be at most 100",
    );
    const one = { message: "id: must be a UUID", details: { field: "id", issue: "must be a UUID" } };
    expect(toldFailure(new CountersignError("VALIDATION_ERROR", one))?.advice).toBe("see `--help` for what it takes");
  });

  it("obeys nothing that stands in a server's message", () => {
    const told = toldFailure(new CountersignError("FORBIDDEN", { message: "\x1b]0;x\x07" }));
    expect(failureLines(told ?? expect.fail(), plain)).toContain("␛]0;x␇");
  });

  it("has a stable exit code, also for codes that only a newer server knows", () => {
    expect(toldFailure(usage("no"))).toEqual({ code: "USAGE", message: "no", exit_code: 2 });
    expect(exitCodeOf("UNAUTHENTICATED")).toBe(3);
    expect(exitCodeOf("TASK_NOT_FOUND")).toBe(4);
    expect(exitCodeOf("INVALID_STATE")).toBe(5);
    expect(exitCodeOf("NETWORK_ERROR")).toBe(75);
    expect(exitCodeOf("SOMETHING_NEW" as never)).toBe(1);
  });

  it("that nobody expected is not told away: it is a bug", () => {
    expect(toldFailure(new TypeError("x"))).toBeUndefined();
  });
});
