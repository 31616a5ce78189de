import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { matches } from "../pattern.ts";
import { z } from "../zod.ts";
import { chain, storedRow } from "./chain.fixture.ts";
import { AuditFilters, AuditRow, VerifyQuery } from "./contract.ts";
import { actionCondition, auditConditions, auditRowOf, entryOf } from "./query.ts";

const Filters = z.strictObject(AuditFilters);

describe("a row of the trail", () => {
  it("is served as it was journalled, absent fields left out", () => {
    const bare = { from_state: undefined, to_state: undefined, why: undefined, details: undefined };
    for (const given of [{}, bare]) {
      const [link] = chain("acme", "task:t", [7], () => given);
      if (link === undefined) throw new Error("a chain of one");
      const row = auditRowOf(storedRow(link));
      expect(row).toEqual({ ...link.entry, id: 1007, prev_hash: link.prev_hash, hash: link.hash });
      expect(Object.values(row)).not.toContain(null);
      expect(AuditRow.safeParse(row).success).toBe(true);
      expect(entryOf(storedRow(link))).toEqual(link.entry);
    }
  });
});

describe("the filters of the trail", () => {
  it("always begin with the workspace", () => {
    expect(auditConditions("acme", {})).toEqual([{ text: "workspace = ?", binds: ["acme"] }]);
    expect(auditConditions("acme", { who: "ann" })[0]?.binds).toEqual(["acme"]);
  });

  it("never put a client's text into SQL", () => {
    const evil = "x' OR 1=1 --";
    const conditions = auditConditions("acme", { subject_type: evil, subject_id: evil, who: evil, request_id: evil });
    expect(conditions.map(({ text }) => text).join()).not.toContain("OR");
    expect(conditions.flatMap(({ binds }) => binds)).toEqual(["acme", evil, evil, evil, evil]);
  });

  it.each([
    ["2026-11-20T22:46:52Z", "2026-11-20T22:46:52.000000Z"],
    ["2026-11-20T22:46:52.1Z", "2026-11-20T22:46:52.100000Z"],
    ["2026-11-20T22:46:52.123456Z", "2026-11-20T22:46:52.123456Z"],
    ["2026-11-20T23:46:52.000001+01:00", "2026-11-20T22:46:52.000001Z"],
  ])("read %s to the microsecond, as rows have it", (given, read) => {
    expect(Filters.parse({ from: given }).from).toBe(read);
  });

  it.each(["yesterday", "2026-11-20", "2026-11-20T22:46:52.1234567Z", "9999-12-31T23:59:59-01:00", ""])(
    "refuse %j as a time",
    (to) => {
      expect(Filters.safeParse({ to }).success).toBe(false);
    },
  );

  it("compare times as text in the order of time", () => {
    const time = fc.date({ min: new Date("0001-01-02"), max: new Date("9999-12-30"), noInvalidDate: true });
    const offset = fc.constantFrom("Z", "+00:00", "-05:30", "+14:00");
    const read = (date: Date, zone: string) =>
      Filters.parse({ from: date.toISOString().replace("Z", zone) }).from ?? "";
    fc.assert(
      fc.property(time, time, offset, (a, b, zone) => {
        expect(Math.sign(a.getTime() - b.getTime())).toBe(
          read(a, zone) < read(b, zone) ? -1 : Number(read(a, zone) > read(b, zone)),
        );
      }),
    );
  });

  it.each(["task/[a-z]", "task.?", "Task.*", "", "a".repeat(51), "task:*", "%"])("refuse %j as an action", (action) => {
    expect(Filters.safeParse({ action }).success).toBe(false);
  });
});

describe("a pattern of actions", () => {
  /** What the condition's range lets through, before GLOB looks at it. */
  function inRange(pattern: string, action: string): boolean {
    const { binds } = actionCondition(pattern);
    const [from, to] = binds.length === 3 ? binds.map(String) : ["", "\u{10FFFF}"];
    return from !== undefined && to !== undefined && action >= from && action < to;
  }

  it("is narrowed to a range that leaves out no action that it matches", () => {
    const word = fc.stringMatching(/^[a-z_.]{0,8}$/);
    fc.assert(
      fc.property(fc.array(word, { minLength: 2, maxLength: 4 }), word, word, (literals, filler, other) => {
        const pattern = literals.join("*");
        for (const action of [literals.join(filler), other, literals[0] + other]) {
          if (matches(pattern, action)) expect(inRange(pattern, action)).toBe(true);
        }
      }),
    );
  });

  it("without a star is the action itself", () => {
    expect(actionCondition("task.created")).toEqual({ text: "action = ?", binds: ["task.created"] });
  });

  it("takes many stars for one", () => {
    expect(actionCondition("task.***")).toEqual(actionCondition("task.*"));
    expect(actionCondition("**")).toEqual({ text: "action GLOB ?", binds: ["*"] });
  });
});

describe("what can be verified", () => {
  it.each([
    "config",
    "task:0198a1b2-c3d4-8e5f-9a6b-7c8d9e0f1a2b",
    "task:6F2B1F6E-6A34-4C56-9A53-D3C1B0F3F2A1",
    "resource:database:prod/orders",
    "resource:storage:/a/b",
    "resource:database:a:b/c",
    "resource:a nightly job",
    "agent:deployer-1",
  ])("is %s", (subject) => {
    expect(VerifyQuery.safeParse({ subject }).success).toBe(true);
  });

  it.each([
    "task:1",
    "task",
    "resource",
    "resource:",
    `resource:${"x".repeat(513)}`,
    "agent:",
    "agent:A b",
    "inbox:ann",
    "coordinator",
    "config:",
    "",
  ])("is not %j", (subject) => {
    expect(VerifyQuery.safeParse({ subject }).success).toBe(false);
  });

  it("is one chain as a whole or a page of all", () => {
    expect(VerifyQuery.safeParse({ subject: "config", limit: "5" }).success).toBe(false);
    expect(VerifyQuery.safeParse({ subject: "config", cursor: "x" }).success).toBe(false);
    expect(VerifyQuery.safeParse({ limit: "5", cursor: "x" }).success).toBe(true);
  });
});
