/**
 * One way to declare a route: what it takes and answers as zod schemas, which validate, type the handler and become the
 * OpenAPI document; who may call it; and a handler that gets only what was checked.
 */
import type { Context } from "hono";
import type { Caller } from "../actor/caller.ts";
import { STATUS_OF } from "../actor/error-codes.ts";
import type { Failure, Result } from "../actor/result.ts";
import type { Env } from "../env.ts";
import { z } from "../zod.ts";
import { mayCall, type Principal } from "./access.ts";
import { readBody } from "./body.ts";
import type { AnySchema, App, AppEnv, EndpointSpec } from "./endpoint-spec.ts";
import { RequestFailure, refuseInvalid } from "./failure.ts";
import { idempotencyOf } from "./idempotency.ts";
import { describeEndpoint } from "./openapi.ts";
import { authenticate } from "./principal.ts";
import { limitAddress, limitPrincipal } from "./rate-limit.ts";
import { queryOf, validate } from "./validation.ts";
import { whereOf } from "./where.ts";

export interface Call<P, Q, B> {
  readonly caller: Caller;
  readonly principal: Principal;
  readonly env: Env;
  /** For what no schema describes. */
  readonly request: Request;
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  /** Scheme and host that the caller used. */
  readonly origin: () => string;
  readonly header: (name: string) => string | undefined;
  readonly after: (work: Promise<unknown>) => void;
  /** Counts ids that named nothing (default one) against the client's address; 429 once there were too many (02, "Rate limits"). */
  readonly missed: (count?: number) => Promise<void>;
}

export interface Reply {
  readonly status: number;
  /** Any JSON value, or a stream of bytes, whose `Content-Type` stands in `headers`. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A route of the API. The order of checks: token, rate, rights, body, query and path, then the handler. */
export function endpoint<
  P extends AnySchema = z.ZodObject<Record<never, never>>,
  Q extends AnySchema = z.ZodObject<Record<never, never>>,
  B extends AnySchema = z.ZodObject<Record<never, never>>,
>(
  app: App,
  spec: EndpointSpec<P, Q, B>,
  handle: (call: Call<z.infer<P>, z.infer<Q>, z.infer<B>>) => Promise<Reply | Response>,
): void {
  describeEndpoint(app, spec);
  const path = spec.path.replaceAll(/\{(\w+)\}/g, ":$1");
  app.on(spec.method.toUpperCase(), path, async (c) => {
    c.set("route", spec.path);
    const principal = await admit(c, spec, spec.method !== "get", spec.unlimited ?? false);
    // What is sent to a route without fields is not passed over either.
    const { text, value } = spec.method === "get" ? { text: "", value: {} } : await readBody(c.req.raw);
    const body = validate(spec.body ?? emptyObject, value, "body");
    const query = readQuery(c.req.url, spec.query);
    const params = spec.params === undefined ? {} : readPath(c, spec.params);
    const caller = callerOf(c, principal, spec, text);
    const call = {
      caller,
      principal,
      env: c.env,
      request: c.req.raw,
      params: params as z.infer<P>,
      query: query as z.infer<Q>,
      body: body as z.infer<B>,
      origin: () => new URL(c.req.url).origin,
      header: (name: string) => c.req.header(name),
      after: (work: Promise<unknown>) => c.executionCtx.waitUntil(work),
      missed: async (count = 1) => {
        for (let n = 0; n < count; n += 1) await limitAddress(c.env, c.req.raw);
      },
    };
    try {
      const reply = await handle(call);
      return reply instanceof Response ? reply : respond(c, reply);
    } catch (thrown) {
      if (thrown instanceof RequestFailure && namesNothing(thrown.failure)) await call.missed(1);
      throw thrown;
    }
  });
}

/** A lease that has ended was there: whoever lost a hundred of them at once did not guess. */
function namesNothing({ code, details }: Failure): boolean {
  return STATUS_OF[code] === 404 && details?.ended_reason === undefined;
}

const emptyObject = z.strictObject({});

/** A path that is no percent-encoded UTF-8 names nothing: read as it stands, `%ff` would be taken for the id that `%25ff` names. */
function readPath(c: Context<AppEnv>, schema: AnySchema): unknown {
  const params = validate(schema, c.req.param(), "path");
  if (isPercentEncoded(c.req.url)) return params;
  return refuseInvalid({ field: "path", issue: "is not percent-encoded UTF-8" });
}

function isPercentEncoded(url: string): boolean {
  if (!url.includes("%")) return true;
  try {
    decodeURIComponent(url.split("?", 1)[0] ?? "");
    return true;
  } catch {
    return false;
  }
}

/** Most requests have no query, and most routes take none. */
function readQuery(url: string, schema: AnySchema | undefined): unknown {
  if (schema === undefined && !url.includes("?")) return {};
  return validate(schema ?? emptyObject, queryOf(new URL(url)), "query");
}

type Admission = Pick<EndpointSpec<AnySchema, AnySchema, AnySchema>, "access" | "ticket">;

async function admit(c: Context<AppEnv>, spec: Admission, writes: boolean, unlimited: boolean): Promise<Principal> {
  const { access } = spec;
  const takesTicket = spec.ticket !== undefined;
  // Who has a token needs no ticket.
  const ticket = takesTicket && c.req.header("Authorization") === undefined ? c.req.query("ticket") : undefined;
  let principal: Principal;
  try {
    principal =
      takesTicket && ticket !== undefined
        ? await spec.ticket(c.env, ticket)
        : await authenticate(c.req.raw, c.env, access, (work) => c.executionCtx.waitUntil(work));
  } catch (thrown) {
    if (thrown instanceof RequestFailure && thrown.failure.code === "UNAUTHENTICATED")
      await limitAddress(c.env, c.req.raw);
    throw thrown;
  }
  c.set("principal", principal);
  if (!unlimited) await limitPrincipal(c.env, principal, writes);
  unwrap(mayCall(principal, access));
  return principal;
}

function callerOf(
  c: Context<AppEnv>,
  principal: Principal,
  spec: { method: string; path: string },
  bodyText: string,
): Caller {
  const idempotency =
    spec.method === "post"
      ? idempotencyOf(c.req.header("Idempotency-Key"), principal, c.req.path, bodyText)
      : undefined;
  return {
    workspace: principal.workspace,
    who: principal.who,
    name: principal.name,
    where: whereOf(c.req.raw, "api"),
    request_id: c.get("requestId"),
    ...(idempotency !== undefined && { idempotency }),
  };
}

function respond(c: Context<AppEnv>, { status, body, headers }: Reply): Response {
  const all = { ...headers, "X-Request-Id": c.get("requestId") };
  return body === undefined || body instanceof ReadableStream
    ? new Response(body ?? null, { status, headers: all })
    : Response.json(body, { status, headers: all });
}

/** The value of a result, or the end of the request with its failure. */
export function unwrap<T>(result: Result<T>): T {
  if (!result.ok) throw new RequestFailure(result.error);
  return result.value;
}

/** The usual reply to an actor's result: its value, marked when it was replayed. */
export function reply<T>(result: Result<T>, status: number, body: (value: T) => unknown = (value) => value): Reply {
  const value = unwrap(result);
  return { status, body: body(value), headers: replayHeader(result) };
}

export function replayHeader(result: Result<unknown>): Record<string, string> {
  return result.ok && result.replayed ? { "Idempotency-Replayed": "true" } : {};
}
