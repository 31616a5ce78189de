import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { freshTaskAddress, idOf } from "../actor/ids.ts";
import { addressOfKey } from "../actor/remote.ts";
import { Slug } from "../wire.ts";
import { type Channel, channelName, channelNamed, mayHave, parseChannel, publisherOf } from "./channels.ts";
import type { Holder } from "./holder.ts";

const TASK = idOf(freshTaskAddress(0, new Uint8Array(5)));
const KEY = "database:prod/orders";

const user = (id: string, ...roles: string[]): Holder => ({ kind: "user", id, roles, scopes: null });
const agent = (id: string, ...roles: string[]): Holder => ({ kind: "agent", id, roles, scopes: null });
const named = (name: string): Channel => {
  const channel = parseChannel(name);
  if (channel === undefined) throw new Error(`no channel: ${name}`);
  return channel;
};

describe("names", () => {
  const slug = fc.stringMatching(/^[a-z0-9._@-]{1,64}$/).filter((id) => Slug.safeParse(id).success);
  const channel: fc.Arbitrary<Channel> = fc.oneof(
    fc.record({ kind: fc.constantFrom("user" as const, "agent" as const), id: slug }),
    fc.constantFrom<Channel>({ kind: "task", id: TASK }, { kind: "resource", id: KEY }, { kind: "locks" }),
  );

  test("a name read is the channel that was written, and names an actor", () => {
    fc.assert(
      fc.property(channel, (one) => {
        expect(parseChannel(channelName(one))).toEqual(one);
        expect(() => addressOfKey(publisherOf(one))).not.toThrow();
      }),
    );
  });

  test("whatever can be locked has a channel: any text of 1 to 512 characters", () => {
    const text = fc.string({ minLength: 1, maxLength: 512, unit: fc.constantFrom("a", "/", ":", " ", "%", "é") });
    const locked = fc.oneof(text, fc.constantFrom("orders", "database:", "a/b:c", "😀".repeat(256)));
    fc.assert(
      fc.property(locked, (id) => {
        expect(parseChannel(`resource:${id}`)).toEqual({ kind: "resource", id });
      }),
    );
  });

  test("the id of a task is lowered", () => {
    expect(parseChannel(`task:${TASK.toUpperCase()}`)).toEqual({ kind: "task", id: TASK });
  });

  test.each([
    "",
    ":",
    "locks:",
    "system:1",
    "tasks",
    "task:",
    "task:not-an-id",
    "user:",
    "user:Alice",
    "user:a b",
    "agent:../x",
    "resource:",
    `resource:${"x".repeat(513)}`,
    "resource:database:a\u0000b",
    "resource:\ud800",
    "LOCKS",
    "__proto__",
    "inbox:alice",
    "config",
  ])("%j names no channel", (name) => {
    expect(parseChannel(name)).toBeUndefined();
    expect(channelNamed(name)).toMatchObject({ ok: false, error: { code: "VALIDATION_ERROR" } });
  });

  test.each([idOf(freshTaskAddress(0), 1), "00000000-0000-4000-8000-000000000000"])("task:%s is of no task", (id) => {
    expect(parseChannel(`task:${id}`)).toBeUndefined();
    expect(channelNamed(`task:${id}`)).toMatchObject({ ok: false, error: { code: "TASK_NOT_FOUND" } });
  });

  const prefix = fc.constantFrom("", "task:", "user:", "agent:", "resource:", "resource:service:", "locks", "system");

  test("whatever text comes in, reading it never throws", () => {
    fc.assert(
      fc.property(
        fc.tuple(prefix, fc.string()).map((parts) => parts.join("")),
        (name) => {
          const found = parseChannel(name);
          if (found !== undefined) expect(parseChannel(channelName(found))).toEqual(found);
        },
      ),
    );
  });
});

describe("each channel is published by the actor that owns what it is about", () => {
  test.each([
    [`task:${TASK}`, `task:${TASK}`],
    ["user:alice", "inbox:alice"],
    ["agent:robo", "agent:robo"],
    [`resource:${KEY}`, `resource:${KEY}`],
    ["locks", "config"],
    ["system", "config"],
  ])("%s by %s", (name, key) => {
    expect(publisherOf(named(name))).toBe(key);
  });
});

describe("who may have which", () => {
  test.each([
    [`task:${TASK}`, "any role", user("alice"), true],
    [`task:${TASK}`, "an agent", agent("robo", "system"), true],
    [`resource:${KEY}`, "anyone", user("alice", "author"), true],
    ["user:alice", "that user", user("alice", "author"), true],
    ["user:alice", "another user", user("bob", "reviewer"), false],
    ["user:alice", "an agent of that name", agent("alice", "system"), false],
    ["user:alice", "an admin", user("ada", "admin"), true],
    ["agent:robo", "that agent", agent("robo", "system"), true],
    ["agent:robo", "another agent", agent("other", "system"), false],
    ["agent:robo", "a user of that name", user("robo", "author"), false],
    ["agent:robo", "an admin", user("ada", "admin"), true],
    ["locks", "an agent", agent("robo", "system"), true],
    ["locks", "an admin", user("ada", "admin"), true],
    ["locks", "a reviewer", user("bob", "reviewer", "author"), false],
    ["system", "an admin", user("ada", "admin"), true],
    ["system", "an agent", agent("robo", "system"), false],
    ["system", "a reviewer", user("bob", "reviewer"), false],
  ] as const)("%s: %s", (name, _, holder, may) => {
    expect(mayHave(named(name), holder).ok).toBe(may);
  });

  test.each([
    [`task:${TASK}`, "tasks:read"],
    ["user:ada", "approvals:read"],
    ["agent:robo", "agents:read"],
    [`resource:${KEY}`, "locks:read"],
    ["locks", "locks:read"],
    ["system", "admin"],
  ])("a narrowed token needs for %s the scope %s", (name, scope) => {
    const ada = user("ada", "admin");
    expect(mayHave(named(name), { ...ada, scopes: [scope] }).ok).toBe(true);
    expect(mayHave(named(name), { ...ada, scopes: ["audit:read"] })).toMatchObject({
      ok: false,
      error: { code: "FORBIDDEN", details: { scope } },
    });
    expect(mayHave(named(name), { ...ada, scopes: [] }).ok).toBe(false);
  });
});
