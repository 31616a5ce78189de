/** One bad request of each kind for an operation, with what has to be said of it: `{status} {code}` or `{status} {field}`. */
import type { OpenApiDocument } from "./conformity.ts";
import { type Operation, resolved, type Schema } from "./operations.ts";
import type { Sent } from "./wire.ts";

export type BadRequest = Sent & { readonly expect: string };

const STRAY_ID = "7b0e1a52-95c4-4c7e-9d53-0f1b6f2f7c11";

export function badHeaders({ method, template }: Operation, token: string): BadRequest[] {
  const refused = { method, path: pathOf(template), expect: "401 UNAUTHENTICATED" };
  // The last character carries the checksum.
  const mistyped = `${token.slice(0, -1)}${token.endsWith("A") ? "B" : "A"}`;
  return ["", "Bearer", "Basic cm9vdDpyb290", "Bearer nonsense", `Bearer ${mistyped}`, `Bearer ${token} more`].map(
    (text) => ({ ...refused, headers: text === "" ? {} : { Authorization: text } }),
  );
}

export function badQueries({ method, template, parameters, body }: Operation, token: string): BadRequest[] {
  const headers = { Authorization: `Bearer ${token}` };
  const bad = (query: string, field: string): BadRequest => ({
    method,
    path: `${pathOf(template)}?${query}`,
    headers,
    // A body is looked at first.
    expect: body === undefined ? `400 ${field}` : "400 VALIDATION_ERROR",
  });
  return [bad("surprise=1", "surprise"), bad("__proto__=1", "__proto__"), bad("%00=1", "\u0000")].concat(
    parameters
      .filter((parameter) => parameter.in === "query")
      .flatMap(({ name, schema }) => [
        bad(`${name}=%00`, name),
        ...(schema.type === "array" ? [] : [bad(`${name}=a&${name}=b`, name)]),
        ...(schema.type === "integer" || schema.type === "boolean" || schema.enum !== undefined
          ? [bad(`${name}=`, name), bad(`${name}=1e3`, name)]
          : []),
      ]),
  );
}

export function badPaths({ method, template, parameters, body }: Operation, token: string): BadRequest[] {
  const headers = { Authorization: `Bearer ${token}` };
  const ids = parameters.filter((one) => one.in === "path" && one.schema.format === "uuid" && one.name === "id");
  // A route with a body names what is missing in it first, if there is anything.
  if (ids.length === 0 || (body?.required ?? []).length > 0) return [];
  // An admin has to say for which agent it applies.
  const json = JSON.stringify(body?.properties?.agent_id === undefined ? {} : { agent_id: "heir" });
  const content = body === undefined ? {} : { body: json, headers: { ...headers, "Content-Type": "application/json" } };
  const bad = (id: string, expect: string): BadRequest => ({
    method,
    path: pathOf(template, id),
    headers,
    ...content,
    expect,
  });
  const what = /\/(task|approval|lock)s\//.exec(template)?.[1]?.toUpperCase();
  const code = what === undefined ? "NOT_FOUND" : `${what}_NOT_FOUND`;
  return [
    bad("nonsense", "400 id"),
    bad("%00", "400 id"),
    bad("%ff", "400 id"),
    bad(`${STRAY_ID}0`, "400 id"),
    bad(STRAY_ID, `404 ${code}`),
    bad(STRAY_ID.toUpperCase(), `404 ${code}`),
  ];
}

export function badBodies(
  { method, template, body }: Operation,
  token: string,
  document: OpenApiDocument,
): BadRequest[] {
  if (body === undefined) return [];
  const authorization = { Authorization: `Bearer ${token}` };
  const bad = (text: string | Uint8Array, expect: string, type = "application/json"): BadRequest => ({
    method,
    path: pathOf(template),
    headers: { ...authorization, "Content-Type": type },
    body: text,
    expect,
  });
  const properties = Object.entries(body.properties ?? {});
  const tooLarge = bad(`{"x":"${"x".repeat(1024 * 1024)}"}`, "413 PAYLOAD_TOO_LARGE");
  return [
    bad("{", "400 MALFORMED_JSON"),
    bad('{"a":1,}', "400 MALFORMED_JSON"),
    bad(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d), "400 MALFORMED_JSON"),
    bad("{}", "415 UNSUPPORTED_MEDIA_TYPE", "text/plain"),
    // In chunks, so that it is read up to the limit: one refused by its length may be cut off before its answer is read.
    { ...tooLarge, headers: { ...tooLarge.headers, "Transfer-Encoding": "chunked" } },
    ...["[]", "null", "7", '"text"', "true"].map((text) => bad(text, "400 body")),
    bad('{"surprise":1}', "400 surprise"),
    bad('{"__proto__":{"admin":true}}', "400 __proto__"),
    bad('{"x":"\\u0000"}', "400 x"),
    bad('{"x":"\\ud800"}', "400 x"),
    bad('{"x":1e999}', "400 x"),
    bad(`${'{"x":'.repeat(100)}1${"}".repeat(100)}`, "400 VALIDATION_ERROR"),
    ...(body.required ?? []).map((name) => bad("{}", `400 ${name}`)),
    ...properties.flatMap(([name, schema]) =>
      wrongFor(resolved(schema, document)).map((value) => bad(JSON.stringify({ [name]: value }), `400 ${name}`)),
    ),
  ];
}

/** Values of every other type, and beyond the limits. */
function wrongFor(schema: Schema): unknown[] {
  const { type, anyOf, enum: values, maxLength, minimum, maximum, pattern, format, maxItems } = schema;
  if (type === undefined || anyOf !== undefined) return [];
  const samples: Readonly<Record<string, unknown>> = {
    string: "x y",
    number: 7.5,
    boolean: true,
    object: { a: 1 },
    array: [{}],
    null: null,
  };
  const own = [type].flat().map((one) => (one === "integer" ? "number" : one));
  return [
    ...Object.entries(samples).flatMap(([kind, value]) => (own.includes(kind) ? [] : [value])),
    ...(type === "integer" ? [1.5, 2 ** 60] : []),
    ...(values !== undefined || pattern !== undefined || format !== undefined ? ["no such value\n"] : []),
    ...(maxLength === undefined ? [] : ["x".repeat(maxLength + 1)]),
    ...(minimum === undefined ? [] : [minimum - 1]),
    ...(maximum === undefined ? [] : [maximum + 1]),
    ...(maxItems === undefined ? [] : [Array.from({ length: maxItems + 1 }, () => "x")]),
  ];
}

/** A path that names something which could be there: a known type, otherwise an id. */
function pathOf(template: string, id: string = STRAY_ID): string {
  return template.replace("{type}", "database").replaceAll(/\{\w+\}/g, id);
}
