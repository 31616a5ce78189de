import { describe, expect, it } from "vitest";
import { z } from "../zod.ts";
import { RequestFailure } from "./failure.ts";
import { PageQuery, queryBoolean, queryInteger, queryList, queryOf, queryTime, validate } from "./validation.ts";

function refusal(schema: z.ZodType, input: unknown, where: "body" | "query" | "path" = "body") {
  try {
    validate(schema, input, where);
  } catch (thrown) {
    if (thrown instanceof RequestFailure) return thrown.failure;
    throw thrown;
  }
  throw new Error("nothing was refused");
}

const Thing = z.strictObject({
  name: z.string().min(1).max(5),
  mode: z.enum(["on", "off"]),
  size: z.number().int().optional(),
  inner: z.strictObject({ items: z.array(z.string()) }).optional(),
  api_token: z.string().max(3).optional(),
});
const good = { name: "a", mode: "on" };

describe("VALIDATION_ERROR", () => {
  it("names the first field on top and every field in issues, each with what is wrong and its value", () => {
    const { code, message, details } = refusal(Thing, { name: "", mode: "up", size: 1.5 });
    expect(code).toBe("VALIDATION_ERROR");
    expect(message).toContain("name: ");
    expect(details).toMatchObject({
      field: "name",
      value: "",
      issues: [
        { field: "name", value: "" },
        { field: "mode", value: "up" },
        { field: "size", value: 1.5 },
      ],
    });
  });

  it("says of whatever is missing that it is required, enumerations too", () => {
    expect(refusal(Thing, {}).details?.issues).toEqual([
      { field: "name", issue: "is required" },
      { field: "mode", issue: "is required" },
    ]);
  });

  it("leaves a rule of our own its words, though the field is missing", () => {
    const either = z
      .strictObject({ a: z.string().optional() })
      .refine((body) => body.a !== undefined, { message: "give a", path: ["a"] });
    expect(refusal(either, {}).details?.issues).toEqual([{ field: "a", issue: "give a" }]);
  });

  it("names unknown fields by their path", () => {
    const { details } = refusal(Thing, { ...good, size_: 1, inner: { items: [], more: 2 } });
    expect(details?.issues).toEqual(
      expect.arrayContaining([
        { field: "size_", issue: "is not a known field" },
        { field: "inner.more", issue: "is not a known field" },
      ]),
    );
  });

  it.each(["constructor", "toString", "hasOwnProperty", "__proto__", "__defineGetter__", "valueOf"])(
    "knows that %s is no field, though every object has it",
    (key) => {
      const body: unknown = JSON.parse(`{"name":"a","mode":"on","${key}":{"x":1}}`);
      expect(refusal(Thing, body).details).toMatchObject({ field: key, issue: "is not a known field" });
      const query = queryOf(new URL(`http://api/?${key}=1`));
      expect(refusal(z.strictObject({}), query, "query").details).toMatchObject({ field: key });
    },
  );

  it("names body when the body as a whole is of the wrong kind", () => {
    for (const body of [null, [], "x", 1, true]) expect(refusal(Thing, body).details?.field).toBe("body");
  });

  it("names elements by their place", () => {
    expect(refusal(Thing, { ...good, inner: { items: ["a", 2] } }).details).toMatchObject({
      field: "inner.items.1",
      value: 2,
    });
  });

  it("never echoes what stands under the name of a secret, nor long or composed values", () => {
    expect(refusal(Thing, { ...good, api_token: "hunter2" }).details).not.toHaveProperty("value");
    expect(refusal(Thing, { ...good, name: "x".repeat(201) }).details).not.toHaveProperty("value");
    expect(refusal(Thing, { ...good, name: { password: "hunter2" } }).details).not.toHaveProperty("value");
  });

  it("stays small however many unknown fields there are and however long their names", () => {
    const many = Object.fromEntries(Array.from({ length: 20_000 }, (_, n) => [`field${n}`, 1]));
    expect(refusal(Thing, { ...good, ...many }).details?.issues).toHaveLength(100);
    const { message } = refusal(Thing, { ...good, ["k".repeat(100_000)]: 1 });
    expect(message.length).toBeLessThan(300);
  });
});

describe("a query", () => {
  const url = (search: string) => queryOf(new URL(`http://api/?${search}`));
  const state = queryList(z.enum(["A", "B", "C"]));
  const Query = z.strictObject({
    state: state.optional(),
    flag: queryBoolean.optional(),
    since: queryTime.optional(),
    ...PageQuery,
  });

  it("takes a repeatable filter repeated, with commas, or both", () => {
    for (const search of ["state=A&state=B", "state=A,B", "state=A%2CB"]) {
      expect(validate(Query, url(search), "query").state).toEqual(["A", "B"]);
    }
    expect(validate(Query, url("state=A,C&state=B"), "query").state).toEqual(["A", "C", "B"]);
  });

  it("refuses an unknown value of a filter, an empty one too", () => {
    for (const search of ["state=D", "state=", "state=A,", "state=a", "state=A&state=__proto__"]) {
      expect(refusal(Query, url(search), "query").details?.field).toBe("state");
    }
    const { details } = refusal(Query, url("state=A,D"), "query");
    expect(details).toMatchObject({ issue: expect.stringContaining("expected one of"), value: "D" });
  });

  it("has booleans that are exactly true or false", () => {
    expect(validate(Query, url("flag=false"), "query").flag).toBe(false);
    expect(validate(Query, url("flag=true"), "query").flag).toBe(true);
    for (const text of ["True", "1", "0", "", "yes", "false "]) {
      expect(refusal(Query, url(`flag=${encodeURIComponent(text)}`), "query").details?.field).toBe("flag");
    }
  });

  it("has page from 1 and limit from 1 to 100, in plain digits", () => {
    expect(validate(Query, url("page=2&limit=100"), "query")).toMatchObject({ page: 2, limit: 100 });
    for (const search of [
      "page=0",
      "page=-1",
      "limit=0",
      "limit=101",
      "limit=1e1",
      "limit=0x10",
      "limit=",
      "limit=1.0",
      "limit=%201",
      "limit=9999999999999999",
    ]) {
      expect(["page", "limit"], search).toContain(refusal(Query, url(search), "query").details?.field);
    }
  });

  it("may give a parameter twice only where a list is meant", () => {
    expect(refusal(Query, url("limit=1&limit=2"), "query").details?.field).toBe("limit");
    expect(refusal(Query, url("flag=true&flag=true"), "query").details?.field).toBe("flag");
  });

  it("has unknown parameters named", () => {
    expect(refusal(Query, url("limit=1&offset=3"), "query").details).toMatchObject({
      field: "offset",
      issue: "is not a known field",
    });
  });

  it("refuses U+0000 in names and values", () => {
    for (const search of ["state=%00", "%00=1", "a=1&a=%00"]) {
      expect(() => url(search), search).toThrow(RequestFailure);
    }
  });

  it("has times in RFC 3339, brought to UTC and to microseconds", () => {
    const read = (text: string) => validate(Query, url(`since=${encodeURIComponent(text)}`), "query").since;
    expect(read("2026-11-20T22:46:52Z")).toBe("2026-11-20T22:46:52.000000Z");
    expect(read("2026-11-20T22:46:52.5Z")).toBe("2026-11-20T22:46:52.500000Z");
    expect(read("2026-11-20T22:46:52.123007Z")).toBe("2026-11-20T22:46:52.123007Z");
    expect(read("2026-11-21T00:16:52.123+01:30")).toBe("2026-11-20T22:46:52.123000Z");
    expect(read("2026-11-20T22:46:52.123456789Z")).toBe("2026-11-20T22:46:52.123456Z");
  });

  it("has times that include a row of that very time, and of no earlier one, when compared as text", () => {
    const from = validate(Query, url("since=2026-11-20T22:46:52.123007Z"), "query").since ?? "";
    expect("2026-11-20T22:46:52.123007Z" >= from).toBe(true);
    expect("2026-11-20T22:46:52.123006Z" >= from).toBe(false);
    const millis = validate(Query, url("since=2026-11-20T22:46:52.123Z"), "query").since ?? "";
    expect("2026-11-20T22:46:52.123Z" >= millis).toBe(true);
    expect("2026-11-20T22:46:52.122Z" >= millis).toBe(false);
  });

  it("refuses what is no time", () => {
    for (const text of [
      "yesterday",
      "2026-11-20",
      "2026-02-30T00:00:00Z",
      "2026-11-20T22:46:52",
      "2026-11-20T25:00:00Z",
      "9999-12-31T23:59:59-23:59",
      "0000-01-01T00:00:00+23:59",
      "0",
      "",
    ]) {
      expect(refusal(Query, url(`since=${encodeURIComponent(text)}`), "query").details?.field, text).toBe("since");
    }
  });

  it("keeps whole numbers within their bounds, negative ones too", () => {
    const n = z.strictObject({ n: queryInteger(-5, 5) });
    expect(validate(n, { n: "-5" }, "query").n).toBe(-5);
    expect(refusal(n, { n: "-6" }, "query").message).toContain("must be from -5 to 5");
  });
});
