/** What a route declares of itself; `endpoint` serves it, `openapi` describes it. */
import type { RouteConfig } from "@asteasolutions/zod-to-openapi";
import { Hono } from "hono";
import type { ErrorCode } from "../actor/error-codes.ts";
import type { Env } from "../env.ts";
import type { z } from "../zod.ts";
import type { Access, Principal } from "./access.ts";

export interface AppEnv {
  Bindings: Env;
  Variables: { requestId: string; principal?: Principal; route?: string };
}

/** What routes are declared on. */
export class App extends Hono<AppEnv> {
  /** One per route, for the document; called when it is asked for, since most isolates never are (openapi.ts). */
  readonly descriptions: (() => RouteConfig)[] = [];
}

/** Lazy, it is made by the first request that it validates. */
export type AnySchema = z.ZodObject | z.ZodLazy<z.ZodObject>;

export interface EndpointSpec<P extends AnySchema, Q extends AnySchema, B extends AnySchema> {
  readonly method: "get" | "post" | "put" | "patch" | "delete";
  /** OpenAPI style: `/tasks/{id}`, below /api/v1 */
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly access: Access;
  /** Whom a one-use ticket in the query was made for: browsers cannot send a token with everything. Throws UNAUTHENTICATED. */
  readonly ticket?: (env: Env, ticket: string) => Promise<Principal>;
  /** Heartbeats are exempt from the rate limits. */
  readonly unlimited?: boolean;
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  /** Request headers beyond the common ones, by name: what they are for. */
  readonly headers?: Readonly<Record<string, string>>;
  /** What it answers when it succeeds: status → schema, null for no body. */
  readonly answers: Readonly<Record<number, z.ZodType | null>>;
  /** Media types of answers that are streams instead of JSON; their schema describes the text. */
  readonly streams?: readonly string[];
  /** Error codes of its own, beyond those every route can give. */
  readonly errors?: readonly ErrorCode[];
}
