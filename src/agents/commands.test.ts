import { describe, expect, it } from "vitest";
import { commanded, due, type Standing, understood } from "./commands.ts";

const apply = (session_id: string, task_id = "t"): Standing => ({
  session_id,
  command: { command: "task:apply", task_id, leases: [] },
});
const drain: Standing = { session_id: "s1", command: { command: "drain" } };
const never = () => false;

describe("a command", () => {
  it("stands, and is handed out again and again, until its session is over", () => {
    const standing = commanded([], apply("s1"), never);
    expect(due(standing, never)).toEqual([apply("s1").command]);
    expect(due(standing, never)).toEqual([apply("s1").command]);
    expect(due(standing, (session) => session === "s1")).toEqual([]);
  });

  it("that comes again replaces the one before, in its session only", () => {
    const standing = [apply("s1"), apply("s2")].reduce<readonly Standing[]>(
      (all, one) => commanded(all, one, never),
      [],
    );
    expect(commanded(standing, apply("s1", "t2"), never)).toEqual([apply("s2"), apply("s1", "t2")]);
  });

  it("to apply is understood by whoever works under its leases; what else they were told stands", () => {
    const standing = [apply("s1"), drain, apply("s2")];
    expect(understood(standing, "s1")).toEqual([drain, apply("s2")]);
    expect(understood(standing, "s3")).toEqual(standing);
  });

  it("of a session that is over is dropped when the next one comes", () => {
    expect(commanded([apply("s1")], apply("s2"), (session) => session === "s1")).toEqual([apply("s2")]);
  });
});
