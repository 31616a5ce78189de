/** zod issues as the API tells them (02, `VALIDATION_ERROR`), and the schemas that query strings share. */

import type { Issue } from "../actor/result.ts";
import { namesSecret } from "../tasks/secrets.ts";
import { z } from "../zod.ts";
import { MAX_FIELD } from "./body.ts";
import { refuseInvalid } from "./failure.ts";

/** Longer values are not echoed. */
const MAX_ECHO = 200;
/** A body of nothing but unknown fields is answered in fewer bytes than it has. */
const MAX_ISSUES = 100;

/** Parses or ends the request with a 400 that names every field. */
export function validate<T>(schema: z.ZodType<T>, input: unknown, where: "body" | "query" | "path"): T {
  const parsed = schema.safeParse(input, { reportInput: true });
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.flatMap((issue) => issuesOf(issue, where)).slice(0, MAX_ISSUES);
  return refuseInvalid(...issues);
}

function issuesOf(issue: z.core.$ZodIssue, where: string): Issue[] {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ field: pathOf([...issue.path, key], where), issue: "is not a known field" }));
  }
  const missing = issue.input === undefined && SAY_ABSENT.has(issue.code);
  const told = missing ? "is required" : issue.message;
  return [{ field: pathOf(issue.path, where), issue: told, ...echo(issue.input, issue.path) }];
}

/** How zod speaks of a field that is not there, by its kind of schema; a rule of our own has its own words. */
const SAY_ABSENT: ReadonlySet<string> = new Set(["invalid_type", "invalid_value", "invalid_union"]);

/** A query has no places within its parameters: `state=A,B` is one text. */
function pathOf(path: readonly PropertyKey[], where: string): string {
  if (path.length === 0) return where;
  const told = where === "query" ? path.slice(0, 1) : path;
  return told.map(String).join(".").slice(0, MAX_FIELD);
}

function echo(value: unknown, path: readonly PropertyKey[]): { value?: unknown } {
  if (path.some((key) => namesSecret(String(key)))) return {};
  if (typeof value === "string") return value.length <= MAX_ECHO ? { value } : {};
  return typeof value === "number" || typeof value === "boolean" || value === null ? { value } : {};
}

/** A whole number in a query string. */
export function queryInteger(min: number, max: number) {
  return z
    .string()
    .regex(/^-?[0-9]{1,15}$/, "must be a whole number")
    .transform(Number)
    .refine((n) => n >= min && n <= max, `must be from ${min} to ${max}`)
    .openapi({ type: "integer", minimum: min, maximum: max });
}

/** A repeatable filter: `state=A&state=B` or `state=A,B`. */
export function queryList<T extends z.ZodType<string, string>>(item: T) {
  return z
    .union([z.string(), z.array(z.string())])
    .transform((given) => (Array.isArray(given) ? given : [given]).flatMap((text) => text.split(",")))
    .pipe(z.array(item))
    .openapi({ type: "array", items: { type: "string" } });
}

/** Exactly `true` or `false`. */
export const queryBoolean = z
  .enum(["true", "false"])
  .transform((text) => text === "true")
  .openapi({ type: "boolean" });

/** Whether this is an RFC 3339 time, also in UTC: an offset may carry it out of the years that are told by four digits. */
export function isTime(text: string): boolean {
  return z.iso.datetime({ offset: true }).safeParse(text).success && /^\d{4}-/.test(new Date(text).toISOString());
}

/**
 * An RFC 3339 time in a query string, in UTC with six digits of fraction: compared as text with times of three digits or six
 * (the trail's), it falls on the right side of either.
 */
export const queryTime = z
  .string()
  .refine(isTime, "must be an RFC 3339 time of a year from 0000 to 9999")
  .transform((text) => {
    const micros = /\.(\d+)/.exec(text)?.[1]?.slice(3, 6).padEnd(3, "0") ?? "000";
    return new Date(text).toISOString().replace("Z", `${micros}Z`);
  })
  .openapi({ type: "string", format: "date-time" });

/** The query of every list. */
export const PageQuery = {
  page: queryInteger(1, 1_000_000).optional(),
  limit: queryInteger(1, 100).optional(),
  cursor: z.string().max(1024).optional(),
};

export const Pagination = z.lazy(() =>
  z
    .strictObject({
      page: z.number().int(),
      limit: z.number().int(),
      total: z.number().int(),
      has_more: z.boolean(),
      next_cursor: z.string().optional(),
    })
    .openapi("Pagination"),
);

/** The query of a URL: a parameter given once is a string, one given several times an array. */
export function queryOf(url: URL): Record<string, string | string[]> {
  const query: Record<string, string | string[]> = Object.create(null);
  for (const key of new Set(url.searchParams.keys())) {
    const values = url.searchParams.getAll(key);
    for (const text of [key, ...values]) {
      if (text.includes("\u0000") || !text.isWellFormed()) {
        refuseInvalid({ field: key.slice(0, MAX_FIELD), issue: "must not hold U+0000 or a lone surrogate" });
      }
    }
    query[key] = values.length === 1 ? (values[0] ?? "") : values;
  }
  return query;
}
