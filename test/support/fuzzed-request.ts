/** Requests to any operation of a document: mostly as they should be, then damaged here and there. */
import fc from "fast-check";
import type { OpenApiDocument } from "./conformity.ts";
import { hostileText, hostileValue, withDamage } from "./hostile.ts";
import { type Operation, type Parameter, resolved, type Schema } from "./operations.ts";
import type { Sent } from "./wire.ts";

/** Ids that the server gave out. They grow while requests are made. */
export interface Pools {
  readonly tasks: string[];
  readonly approvals: string[];
  readonly locks: string[];
}

/** Values that mean something to the server, by the name of the field; everything else follows its schema. */
const KNOWN: Readonly<Record<string, readonly unknown[]>> = {
  author_id: ["alice", "alice", "root", "ada", "nobody"],
  author_name: ["Alice"],
  agent_id: ["migrator", "heir", "nobody"],
  manager_id: ["ada", "victim"],
  requested_reviewers: [[], ["bob"], ["alice"], ["nobody"]],
  required_reviewers: [[], ["carol"], ["nobody"]],
  resource_id: ["database:prod/orders", "database:prod/x", "migrator", "a:b:c//"],
  namespace: ["prod", "test"],
  timezone: ["Europe/Vienna", "UTC", "Mars/Base"],
  parameters: [{}, { a: 1 }, { "database:prod/x": { password: "x" } }, { "service:/": null }],
  wait_seconds: [0],
  wait: [0],
  force: [false, true],
  action: ["approve", "reject", "request_changes", "task.*", "**"],
  capabilities: [[], ["**"], ["*a*a*a*a*a*a*a*b"], ["database.*"]],
  cursor: ["AAAA", "eyJ2IjoxfQ", "aW5ib3g6MjA="],
};

export function fuzzedRequest(
  operations: readonly Operation[],
  document: OpenApiDocument,
  tokens: readonly string[],
  pools: Pools,
): fc.Arbitrary<Sent> {
  // More of what changes a task: there are many ways through its life.
  const often = operations.filter(({ template }) => /\/(?:tasks|approvals)\b/.test(template));
  // Once for each: making arbitraries of strings is what takes longest.
  const made = new Map<Operation, fc.Arbitrary<Sent>>();
  return fc.constantFrom(...operations, ...often).chain((operation) => {
    const requests = made.get(operation) ?? requestTo(operation, document, tokens, pools);
    made.set(operation, requests);
    return requests;
  });
}

function requestTo(
  { method, template, parameters, body }: Operation,
  document: OpenApiDocument,
  tokens: readonly string[],
  pools: Pools,
): fc.Arbitrary<Sent> {
  const path = fc
    .tuple(...template.split("/").map((part) => pathPart(part, template, pools)))
    .map((all) => all.join("/"));
  const query = queryOf(parameters, document, pools);
  const headers = headersOf(tokens, body !== undefined);
  const content = body === undefined ? sometimes(fc.constant("{}"), 20) : bodyOf(body, document, pools);
  return fc
    .record({
      method: mostly(
        fc.constant(method),
        fc.constantFrom("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"),
        30,
      ),
      path,
      query,
      headers,
      content,
    })
    .map(
      (made): Sent => ({
        method: made.method,
        path: made.path + made.query,
        headers: made.headers,
        ...(made.content !== undefined && { body: made.content }),
      }),
    );
}

/** One in `every` of the other kind. */
function mostly<A, B>(usual: fc.Arbitrary<A>, other: fc.Arbitrary<B>, every: number): fc.Arbitrary<A | B> {
  return fc.oneof({ arbitrary: usual, weight: every - 1 }, { arbitrary: other, weight: 1 });
}

function sometimes<A>(arbitrary: fc.Arbitrary<A>, every: number): fc.Arbitrary<A | undefined> {
  return mostly(fc.constant(undefined), arbitrary, every);
}

/** One of the newest ids, if there are any. */
function oneOf(pool: readonly string[]): fc.Arbitrary<string> {
  return fc
    .tuple(fc.nat(30), fc.uuid())
    .map(([back, stray]) => pool.at(-1 - (back % Math.max(1, pool.length))) ?? stray);
}

function anyId(pools: Pools): fc.Arbitrary<string> {
  return fc.oneof(oneOf(pools.tasks), oneOf(pools.approvals), oneOf(pools.locks), fc.uuid());
}

function pathPart(part: string, template: string, pools: Pools): fc.Arbitrary<string> {
  if (!part.startsWith("{")) return fc.constant(part);
  const named: readonly [RegExp, fc.Arbitrary<string>][] = [
    [/^\/api\/v1\/tasks\//, oneOf(pools.tasks)],
    [/^\/api\/v1\/approvals\//, oneOf(pools.approvals)],
    [/^\/api\/v1\/locks\//, oneOf(pools.locks)],
    [/^\/api\/v1\/channels\//, fc.constantFrom("user%3Abob", "agent:migrator", "resource:database:prod%2Fx", "system")],
    [/^\/api\/v1\/resources\/\{type\}$/, fc.constant("database")],
  ];
  const plain =
    part === "{type}" ? fc.constantFrom("database", "service") : fc.constantFrom("victim", "drone", "orders", "nobody");
  const usual = named.find(([pattern]) => pattern.test(template))?.[1] ?? plain;
  const strange = fc.oneof(
    anyId(pools),
    fc.constantFrom(
      "%00",
      "%",
      "%ff",
      "%ed%a0%80",
      "%2F",
      "__proto__",
      "constructor",
      "%F0%9F%94%92",
      "x".repeat(3_000),
    ),
    hostileText.map((text) => encodeURIComponent(text.toWellFormed()).slice(0, 4_000)),
  );
  return mostly(usual, strange, 10);
}

function queryOf(parameters: readonly Parameter[], document: OpenApiDocument, pools: Pools): fc.Arbitrary<string> {
  const given = parameters
    .filter((one) => one.in === "query")
    .map(({ name, schema }) => {
      const text = fitting(name, schema, document, pools).map(String);
      return sometimes(
        mostly(text, hostileText, 5).map(
          (value) => `${name}=${encodeURIComponent(value.toWellFormed()).slice(0, 4_000)}`,
        ),
        4,
      );
    });
  const strange = fc.constantFrom(
    "surprise=1",
    "__proto__=1",
    "%00",
    "=",
    "&&",
    "%ff=%",
    "page=1&page=2",
    "limit=99999999999999999999",
  );
  return fc.tuple(sometimes(strange, 25), ...given).map((parts) => {
    const all = parts.filter((part) => part !== undefined);
    return all.length === 0 ? "" : `?${all.join("&")}`;
  });
}

function headersOf(tokens: readonly string[], hasBody: boolean): fc.Arbitrary<Record<string, string>> {
  // The first may do most.
  const bearer = fc.constantFrom(...tokens, tokens[0] ?? "", tokens[0] ?? "").map((token) => `Bearer ${token}`);
  const latin = fc.string({
    unit: fc
      .integer({ min: 0x20, max: 0xff })
      .filter((c) => c < 0x7f || c > 0x9f)
      .map((c) => String.fromCharCode(c)),
    maxLength: 300,
  });
  const json = fc.constantFrom("application/json", "application/json; charset=utf-8", "application/merge-patch+json");
  const oddType = fc.constantFrom(
    "text/plain",
    "application/jsonx",
    "",
    ";",
    "multipart/form-data",
    "application/json, text/html",
  );
  return fc
    .record({
      Authorization: mostly(
        bearer,
        fc.oneof(fc.constantFrom(undefined, "Bearer", "Bearer x", "Basic eA=="), latin),
        20,
      ),
      "Content-Type": hasBody ? mostly(json, oddType, 30) : fc.constant(undefined),
      "Idempotency-Key": sometimes(fc.oneof(fc.constantFrom("k1", "k2", '"k3"', "x".repeat(300)), latin), 8),
      "If-Match": sometimes(fc.oneof(fc.constantFrom('"1"', '"2"', "*", 'W/"1"', '"1", "2"'), latin), 8),
      Prefer: sometimes(
        fc.constantFrom("wait=0", "wait=0", "wait=-1", "wait", "respond-async, wait=1", "wait=1e9"),
        10,
      ),
      "X-Request-Id": sometimes(fc.oneof(fc.uuid(), latin), 8),
      "X-Workspace": sometimes(fc.constantFrom("default", "", "No Such", "../x", "x".repeat(65)), 40),
      "Content-Encoding": sometimes(fc.constantFrom("gzip", "identity", "br"), 40),
    })
    .map((all) =>
      Object.fromEntries(Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))),
    );
}

function bodyOf(
  schema: Schema,
  document: OpenApiDocument,
  pools: Pools,
): fc.Arbitrary<string | Uint8Array | undefined> {
  const good = fitting("", schema, document, pools);
  const damaged = fc
    .tuple(good, fc.array(fc.tuple(fc.nat(), hostileValue), { minLength: 1, maxLength: 3 }))
    .map(withDamage);
  const raw = fc.oneof(
    fc.constantFrom(
      "",
      " ",
      "{",
      "[1e999]",
      '{"a":1e999}',
      '{"__proto__":1}',
      "null",
      "[]",
      '"x"',
      "{}{}",
      "\ufeff{}",
      "[".repeat(50_000),
    ),
    fc.uint8Array({ maxLength: 40 }),
    fc.json(),
  );
  return fc.oneof(
    { arbitrary: good.map(brief), weight: 10 },
    { arbitrary: damaged.map(brief), weight: 9 },
    { arbitrary: raw, weight: 1 },
    { arbitrary: fc.constant(undefined), weight: 1 },
  );
}

/** As JSON; no claim holds its request open for long. */
function brief(value: unknown): string {
  return JSON.stringify(value).replaceAll(/"wait_seconds":(?:[1-9]|1\d|20)(?=[,}])/g, '"wait_seconds":0');
}

/** A value that fits a schema, as far as a schema tells. */
function fitting(name: string, given: Schema, document: OpenApiDocument, pools: Pools): fc.Arbitrary<unknown> {
  const schema = resolved(given, document);
  const known = KNOWN[name];
  const choices = schema.enum ?? (schema.const === undefined ? undefined : [schema.const]);
  if (choices !== undefined) return fc.constantFrom(...choices);
  if (known !== undefined) return fc.constantFrom(...known);
  const options = schema.anyOf ?? schema.oneOf;
  if (options !== undefined) return fc.oneof(...options.map((option) => fitting(name, option, document, pools)));
  const inner = (one: Schema, own = "") => fitting(own, one, document, pools);
  switch ([schema.type].flat()[0]) {
    case "object": {
      const fields = Object.entries(schema.properties ?? {}).map(([field, one]) => [field, inner(one, field)] as const);
      if (fields.length === 0)
        return fc.dictionary(fc.string({ minLength: 1, maxLength: 8 }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 });
      return fc.record(Object.fromEntries(fields), { requiredKeys: [...(schema.required ?? [])] });
    }
    case "array":
      return fc.array(inner(schema.items ?? {}), {
        minLength: schema.minItems ?? 0,
        maxLength: Math.max(schema.minItems ?? 0, 2),
      });
    case "integer":
      return fc.integer({ min: schema.minimum ?? -100, max: schema.maximum ?? 1_000 });
    case "number":
      return fc.double({ min: schema.minimum ?? -100, max: schema.maximum ?? 1_000, noNaN: true });
    case "boolean":
      return fc.boolean();
    case "string":
      return textOf(schema, pools);
    default:
      return fc.jsonValue({ maxDepth: 2 });
  }
}

/** fast-check cannot look ahead: what a pattern refuses that way is made and left out. */
function textMatching(pattern: string): fc.Arbitrary<string> {
  const whole = new RegExp(pattern);
  return fc.stringMatching(new RegExp(pattern.replaceAll(/\(\?!.*?\)/g, ""))).filter((text) => whole.test(text));
}

function textOf({ format, pattern, minLength = 0, maxLength = 40 }: Schema, pools: Pools): fc.Arbitrary<string> {
  if (format === "uuid") return anyId(pools);
  if (format === "date-time")
    return fc
      .date({ noInvalidDate: true, min: new Date(0), max: new Date("9999-12-31") })
      .map((date) => date.toISOString());
  if (format === "email") return fc.constantFrom("a@example.org", "b@example.org");
  if (pattern !== undefined) return textMatching(pattern);
  return fc
    .string({ unit: "grapheme", minLength, maxLength: Math.max(minLength, Math.min(maxLength, 40)) })
    .filter((text) => text.length <= maxLength);
}
