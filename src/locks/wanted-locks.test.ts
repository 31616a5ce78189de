import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { freshTaskAddress, hashedAddress, idOf } from "../actor/ids.ts";
import type { WantedLock } from "./contract.ts";
import { inCanonicalOrder, lockKey } from "./wanted-locks.ts";

const TASK = idOf(freshTaskAddress(1_000));

function wanted(resource_type: WantedLock["resource_type"], resource_id: string): WantedLock {
  return { resource_type, resource_id, mode: "exclusive" };
}

function keysOf(locks: readonly WantedLock[]): string[] {
  const ordered = inCanonicalOrder(locks);
  return ordered.ok ? ordered.value.map(({ key }) => key) : [];
}

describe("the key of a lock", () => {
  it("is made of any string, of a task's id in lower case", () => {
    expect(lockKey(wanted("resource", "a:b/c"))).toEqual({ ok: true, value: "resource:a:b/c" });
    expect(lockKey(wanted("agent", "task:x"))).toEqual({ ok: true, value: "agent:task:x" });
    expect(lockKey(wanted("task", TASK.toUpperCase()))).toEqual({ ok: true, value: `task:${TASK}` });
  });

  it("is none of what is no task: a 400 that names the field, or a 404", () => {
    expect(lockKey(wanted("task", "mine"), "locks.3.")).toMatchObject({
      ok: false,
      error: { code: "VALIDATION_ERROR", details: { field: "locks.3.resource_id", value: "mine" } },
    });
    for (const id of [idOf(hashedAddress("agent", "a")), `${TASK.slice(0, -1)}1`, crypto.randomUUID()]) {
      expect(lockKey(wanted("task", id))).toMatchObject({ error: { code: "TASK_NOT_FOUND" } });
    }
  });
});

describe("a task's lock", () => {
  it("is exclusive: shared is a 400 that names the mode, wherever it is asked for", () => {
    const shared = { ...wanted("task", TASK), mode: "shared" } as const;
    expect(lockKey(shared)).toMatchObject({ error: { code: "VALIDATION_ERROR", details: { field: "mode" } } });
    expect(inCanonicalOrder([wanted("resource", "a"), shared])).toMatchObject({
      error: { code: "VALIDATION_ERROR", details: { field: "locks.1.mode", value: "shared" } },
    });
    expect(lockKey({ resource_type: "task", resource_id: TASK })).toMatchObject({ ok: true });
  });
});

describe("the canonical order", () => {
  const lock = fc.record({
    resource_type: fc.constantFrom("agent" as const, "resource" as const),
    resource_id: fc.string({ minLength: 1, maxLength: 4 }),
    mode: fc.constantFrom("shared" as const, "exclusive" as const),
  });
  const locks = fc.uniqueArray(lock, { selector: (one) => `${one.resource_type}:${one.resource_id}`, maxLength: 20 });

  it("is that of an apply: permits, tasks, resources by key", () => {
    const all = [wanted("resource", "b"), wanted("resource", "a"), wanted("task", TASK), wanted("agent", "z")];
    expect(keysOf(all)).toEqual(["agent:z", `task:${TASK}`, "resource:a", "resource:b"]);
  });

  it("does not depend on the order of asking, and keeps every lock with its mode", () => {
    fc.assert(
      fc.property(locks, (all) => {
        const ordered = inCanonicalOrder(all);
        expect(inCanonicalOrder([...all].reverse())).toEqual(ordered);
        expect(ordered.ok && ordered.value.map(({ key: _, ...one }) => one)).toHaveLength(all.length);
        expect(ordered.ok && ordered.value.map(({ key: _, ...one }) => one)).toEqual(expect.arrayContaining(all));
      }),
    );
  });

  it("names every lock that was named before, whatever its mode", () => {
    fc.assert(
      fc.property(locks, fc.nat(19), (all, at) => {
        const again = all[at];
        fc.pre(again !== undefined);
        const twice = inCanonicalOrder([...all, { ...again, mode: "shared" }]);
        expect(twice).toMatchObject({
          ok: false,
          error: { code: "VALIDATION_ERROR", details: { issues: [{ field: `locks.${all.length}` }] } },
        });
      }),
    );
  });
});
