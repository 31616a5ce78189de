import { describe, expect, it } from "vitest";
import { EXIT } from "../terminal/exit-code.ts";
import { namesActor } from "./approval.ts";
import { draftOf, resourceOf } from "./task-draft.ts";
import { outcomeOf } from "./task-watch.ts";

const alice = { id: "alice" };

describe("a draft", () => {
  it("is made of flags, of a file, or of both: flags go first", () => {
    const file = { type: "a", description: "b", resources: [], parameters: { x: 1, y: 2 } };
    expect(draftOf({ type: "c", param: ["x=[3]", "z=text"] }, file, alice)).toEqual({
      config: { ...file, type: "c", parameters: { x: [3], y: 2, z: "text" } },
      metadata: { author_id: "alice", author_name: "alice" },
    });
    expect(
      draftOf({ ticket: "T-1" }, { config: file, metadata: { author_id: "bob", author_name: "Bob" } }, alice).metadata,
    ).toEqual({
      author_id: "bob",
      author_name: "Bob",
      ticket_ref: "T-1",
    });
  });

  it("hands on what it does not know, for the server to name it", () => {
    expect(draftOf({}, { config: { type: "a", spaceship: 1 }, extra: 2 }, alice)).toMatchObject({
      config: { spaceship: 1 },
      extra: 2,
    });
  });

  it("is refused before it is sent if it is none", () => {
    for (const file of [[], "text", 3, { config: [] }, { config: { type: "a" }, metadata: 1 }, {}])
      expect(() => draftOf({}, file, alice), JSON.stringify(file)).toThrow();
    expect(() => draftOf({ type: "a", param: ["=x"] }, undefined, alice)).toThrow("is no parameter");
  });

  it("names resources as their keys do", () => {
    expect(resourceOf("database:prod/orders=read,delete")).toEqual({
      type: "database",
      namespace: "prod",
      id: "orders",
      actions: ["read", "delete"],
    });
    expect(resourceOf("service:shop")).toEqual({ type: "service", id: "shop", actions: ["write"] });
    expect(resourceOf("storage:/a/b")).toMatchObject({ id: "/a/b" });
    for (const text of ["shop", ":shop", "service:", "service:x="])
      expect(() => resourceOf(text), text).toThrow("is no resource");
  });
});

describe("how a task that is watched ended", () => {
  const task = (state: string, more: object = {}) => ({ state, revision: 1, approvals: [], ...more }) as never;
  it("is an exit code, by what one waits for", () => {
    expect(outcomeOf(task("REVIEWING"), "decided")).toBeUndefined();
    expect(outcomeOf(task("APPROVED"), "decided")).toBe(EXIT.ok);
    expect(outcomeOf(task("APPROVED"), "ended")).toBeUndefined();
    expect(outcomeOf(task("REJECTED"), "ended")).toBe(EXIT.declined);
    expect(outcomeOf(task("COMPLETED", { execution: { result: "success" } }), "ended")).toBe(EXIT.ok);
    expect(outcomeOf(task("COMPLETED", { execution: { result: "failure" } }), "ended")).toBe(EXIT.failed);
    expect(outcomeOf(task("DRAFT"), "decided")).toBeUndefined();
    expect(outcomeOf(task("DRAFT", { approvals: [{ action: "request_changes", revision: 1 }] }), "decided")).toBe(7);
  });
});

describe("an id", () => {
  it("is a task's as such, or of something within it, by its last four bytes", () => {
    expect(namesActor("10f1a2b3-c4d5-8e6f-9a7b-8c9d00000000")).toBe(true);
    expect(namesActor("10f1a2b3-c4d5-8e6f-9a7b-8c9d00000002")).toBe(false);
  });
});
