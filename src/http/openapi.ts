/** The OpenAPI 3.1 document, from the very schemas that validate (02, "OpenAPI"). */
import { OpenAPIRegistry, OpenApiGeneratorV31, type RouteConfig } from "@asteasolutions/zod-to-openapi";
import { type ErrorCode, STATUS_OF } from "../actor/error-codes.ts";
import { z } from "../zod.ts";
import type { AnySchema, App, EndpointSpec } from "./endpoint-spec.ts";

const EXAMPLE = {
  error: {
    code: "VALIDATION_ERROR",
    message: "name: is required",
    details: { field: "name", issue: "is required", issues: [{ field: "name", issue: "is required" }] },
    request_id: "7d444840-9dc0-4df1-8d1b-3e9b3b6c2f5a",
    timestamp: "2026-11-20T22:46:52.123Z",
  },
} as const;

export const ErrorEnvelope = z.lazy(() =>
  z
    .strictObject({
      error: z.strictObject({
        code: z.enum(Object.keys(STATUS_OF) as [ErrorCode, ...ErrorCode[]]),
        message: z.string(),
        details: z.record(z.string(), z.unknown()).optional(),
        request_id: z.uuid(),
        timestamp: z.string().openapi({ format: "date-time" }),
      }),
    })
    .openapi("Error", { example: EXAMPLE }),
);

/** What every authenticated route may answer. */
const COMMON: readonly ErrorCode[] = [
  "UNAUTHENTICATED",
  "FORBIDDEN",
  "VALIDATION_ERROR",
  "RATE_LIMITED",
  "UNAVAILABLE",
];
const WITH_BODY: readonly ErrorCode[] = ["MALFORMED_JSON", "PAYLOAD_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE"];
const IDEMPOTENT: readonly ErrorCode[] = ["IDEMPOTENCY_KEY_REUSED"];

/** Has the document of `app` tell of an endpoint. To describe them all took a fifth of a cold start. */
export function describeEndpoint<P extends AnySchema, Q extends AnySchema, B extends AnySchema>(
  app: App,
  spec: EndpointSpec<P, Q, B>,
): void {
  app.descriptions.push(() => routeOf(spec));
}

function routeOf(spec: EndpointSpec<AnySchema, AnySchema, AnySchema>): RouteConfig {
  const headers = {
    ...(spec.method === "post" && { "Idempotency-Key": "the same key and body give the same answer again, for 24 h" }),
    ...spec.headers,
  };
  return {
    method: spec.method,
    path: `/api/v1${spec.path}`,
    operationId: operationId(spec.method, spec.path),
    tags: [spec.tag],
    summary: spec.summary,
    ...(spec.description !== undefined && { description: spec.description }),
    security: [{ bearer: [] }, ...(spec.ticket === undefined ? [] : [{}])],
    request: {
      ...(spec.params !== undefined && { params: made(spec.params) }),
      ...(spec.query !== undefined && { query: made(spec.query) }),
      ...(spec.body !== undefined && {
        body: { content: { "application/json": { schema: spec.body } }, required: !spec.body.safeParse({}).success },
      }),
      ...(Object.keys(headers).length > 0 && {
        headers: z.object(
          Object.fromEntries(
            Object.entries(headers).map(([name, what]) => [name, z.string().optional().openapi({ description: what })]),
          ),
        ),
      }),
    },
    responses: { ...answers(spec.answers, spec.streams), ...errors(spec) },
  };
}

/** Parameters are told one by one. */
function made(schema: AnySchema): z.ZodObject {
  return schema instanceof z.ZodLazy ? schema.unwrap() : schema;
}

function operationId(method: string, path: string): string {
  return [method, ...path.split(/[/{}_-]+/).filter(Boolean)]
    .map((word, at) => (at === 0 ? word : word.charAt(0).toUpperCase() + word.slice(1)))
    .join("");
}

function answers(
  declared: Readonly<Record<number, z.ZodType | null>>,
  media: readonly string[] = ["application/json"],
) {
  return Object.fromEntries(
    Object.entries(declared).map(([status, schema]) => [
      status,
      {
        description: "done",
        ...(schema !== null && { content: Object.fromEntries(media.map((type) => [type, { schema }])) }),
      },
    ]),
  );
}

function errors(spec: { method: string; errors?: readonly ErrorCode[] }) {
  const codes = new Set([
    ...COMMON,
    ...(spec.method === "get" ? [] : WITH_BODY),
    ...(spec.method === "post" ? IDEMPOTENT : []),
    ...(spec.errors ?? []),
  ]);
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of codes) byStatus.set(STATUS_OF[code], [...(byStatus.get(STATUS_OF[code]) ?? []), code]);
  return Object.fromEntries(
    [...byStatus].map(([status, all]) => [
      status,
      { description: all.join(", "), content: { "application/json": { schema: ErrorEnvelope } } },
    ]),
  );
}

/** The whole document of what was declared on `app`. */
export function openApiDocument(app: App): ReturnType<OpenApiGeneratorV31["generateDocument"]> {
  const registry = new OpenAPIRegistry();
  registry.registerComponent("securitySchemes", "bearer", {
    type: "http",
    scheme: "bearer",
    description:
      "an API token (cs_…), or the bootstrap ROOT_TOKEN; a JWT of the identity provider, where one is set up",
  });
  for (const describe of app.descriptions) registry.registerPath(describe());
  return new OpenApiGeneratorV31(registry.definitions).generateDocument({
    openapi: "3.1.0",
    info: {
      title: "Countersign",
      version: "0.1.0",
      description: "An edge control plane that lets AI agents change real systems safely.",
    },
    servers: [{ url: "/" }],
  });
}
