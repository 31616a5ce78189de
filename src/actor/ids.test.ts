import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  actorName,
  freshTaskAddress,
  hashedAddress,
  idOf,
  isUuidShaped,
  parseId,
  placeOf,
  singletonAddress,
} from "./ids.ts";

describe("an id", () => {
  it("is a lower-case version 8 UUID whatever the time, the noise and the member", () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 2 ** 48 - 1 }),
        fc.uint8Array({ minLength: 5, maxLength: 5 }),
        fc.nat({ max: 2 ** 32 - 1 }),
        (now, noise, member) => {
          const id = idOf(freshTaskAddress(now, noise), member);
          expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        },
      ),
    );
  });

  it("carries kind, address and member, and gives them back", () => {
    fc.assert(
      fc.property(fc.string(), fc.nat({ max: 2 ** 32 - 1 }), (text, member) => {
        const at = hashedAddress("resource", text);
        const id = idOf(at, member);
        expect(parseId(id)).toEqual({ id, kind: "resource", address: at, member });
      }),
    );
  });

  it("of a task sorts by time", () => {
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 47 }), fc.nat({ max: 2 ** 20 }), (now, later) => {
        const earlier = freshTaskAddress(now, new Uint8Array(5).fill(255));
        expect(earlier < freshTaskAddress(now + 1 + later, new Uint8Array(5))).toBe(true);
      }),
    );
  });

  it("keeps all 86 bits of the hash: two resource keys never meet", () => {
    const seen = new Set(Array.from({ length: 5000 }, (_, n) => hashedAddress("resource", `database:prod/t${n}`)));
    expect(seen.size).toBe(5000);
  });

  it("hashes parts apart from each other", () => {
    expect(hashedAddress("task", "a", "bc")).not.toBe(hashedAddress("task", "ab", "c"));
    expect(hashedAddress("task", "a", "b")).toBe(hashedAddress("task", "a", "b"));
  });

  it("in upper case is lowered", () => {
    const id = idOf(freshTaskAddress(1_800_000_000_000));
    expect(parseId(id.toUpperCase())?.id).toBe(id);
  });

  it.each([
    ["another version", "00000000-0000-4000-8000-000000000000"],
    ["an unknown kind", "f0000000-0000-8000-8000-000000000000"],
    ["another variant", "10000000-0000-8000-c000-000000000000"],
    ["the nil UUID", "00000000-0000-0000-0000-000000000000"],
  ])("that is %s has the shape but names nothing", (_, id) => {
    expect(isUuidShaped(id)).toBe(true);
    expect(parseId(id)).toBeNull();
  });

  it.each(["", "x", "10000000-0000-8000-8000-00000000000", "{10000000-0000-8000-8000-000000000000}", "../../etc"])(
    "is not even shaped like one: %j",
    (text) => {
      expect(isUuidShaped(text)).toBe(false);
      expect(parseId(text)).toBeNull();
    },
  );
});

describe("an actor's name", () => {
  it("names workspace, kind and address, and is read back", () => {
    const at = singletonAddress("ledger");
    expect(placeOf(actorName("default", "ledger", at))).toEqual({ workspace: "default", kind: "ledger", address: at });
  });

  it.each(["", "a", "a/b", "default/nonsense/00", "a/task/1/2"])("is refused when it is %j", (name) => {
    expect(() => placeOf(name)).toThrow("not an actor name");
  });
});
