import { describe, expect, it } from "vitest";
import { freshTaskAddress, hashedAddress, idOf, singletonAddress } from "./ids.ts";
import { addressOfKey } from "./remote.ts";

const task = freshTaskAddress(1_800_000_000_000);

describe("the key of an actor", () => {
  it("leads a task to the address in its id", () => {
    expect(addressOfKey(`task:${idOf(task)}`)).toEqual({ kind: "task", address: task });
  });

  it.each(["resource", "agent", "inbox"] as const)(
    "leads to the %s that its name hashes to, colons and all",
    (kind) => {
      expect(addressOfKey(`${kind}:type:prod/a:b`)).toEqual({ kind, address: hashedAddress(kind, "type:prod/a:b") });
    },
  );

  it.each(["dispatch", "coordinator"] as const)("leads to the one %s of the workspace", (kind) => {
    expect(addressOfKey(kind)).toEqual({ kind, address: singletonAddress(kind) });
  });

  it("config is the ledger: it keeps the configuration journal", () => {
    expect(addressOfKey("config")).toEqual({ kind: "ledger", address: singletonAddress("ledger") });
  });

  it.each([
    ["an approval's id instead of its task's", `task:${idOf(task, 3)}`],
    ["a resource's id as a task", `task:${idOf(hashedAddress("resource", "type:a"))}`],
    ["no id", "task:"],
    ["a kind that is none", "robot:r2"],
    ["the ledger by its kind", "ledger"],
    ["nothing", ""],
  ])("is refused when it names %s", (_, key) => {
    expect(() => addressOfKey(key)).toThrow("key");
  });
});
