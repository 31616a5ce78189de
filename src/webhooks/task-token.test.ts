import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readTaskToken, type TaskToken, taskToken } from "./task-token.ts";

const ROOT = "a-root-token-of-at-least-32-characters";
const some: TaskToken = { workspace: "default", task_id: "101a1fb5-9921-8d41-8a35-bac600000000", attempt: 2 };

describe("a task's token", () => {
  it("is read back by who made it", () => {
    expect(readTaskToken(ROOT, taskToken(ROOT, some))).toEqual(some);
  });

  it("of another root is nothing", () => {
    expect(readTaskToken(`${ROOT}!`, taskToken(ROOT, some))).toBeNull();
  });

  it("with any character changed is nothing", () => {
    const token = taskToken(ROOT, some);
    fc.assert(
      fc.property(fc.nat({ max: token.length - 1 }), fc.constantFrom("0", "a", "f", ".", "-", "z"), (at, char) => {
        const changed = token.slice(0, at) + char + token.slice(at + 1);
        const read = readTaskToken(ROOT, changed);
        expect(changed === token ? some : null).toEqual(read);
      }),
    );
  });

  it.each(["", "cst_", "cst_default", "cs_abc", `cst_default.${some.task_id}.2.${"0".repeat(64)}`])(
    "is not %j",
    (text) => {
      expect(readTaskToken(ROOT, text)).toBeNull();
    },
  );
});
