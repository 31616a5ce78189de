/** The API as a client sees it, and its conformity with the OpenAPI document at every answer. */
import { env, exports } from "cloudflare:workers";
import { Conformity, type OpenApiDocument } from "./conformity.ts";

export const BASE = "/api/v1";
const ORIGIN = "https://countersign.test";

/** Serves a request: the worker itself unless a test puts another one in its place. */
export type Serve = (request: Request) => Promise<Response>;

// The main module's exports are known to the runtime only.
const { default: worker } = exports as unknown as { readonly default: { readonly fetch: Serve } };

export const served: Serve = (request) => worker.fetch(request);

export interface Answer<Body> {
  readonly status: number;
  /** undefined: no body */
  readonly body: Body;
  readonly headers: Headers;
}

export interface ErrorBody {
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly details?: Readonly<Record<string, unknown>> & { readonly field?: string };
    readonly request_id: string;
    readonly timestamp: string;
  };
}

type Loose = Record<string, unknown>;
type HeaderFields = Readonly<Record<string, string>>;

export interface Api {
  get<Body = Loose>(path: string, headers?: HeaderFields): Promise<Answer<Body>>;
  post<Body = Loose>(path: string, body?: unknown, headers?: HeaderFields): Promise<Answer<Body>>;
  put<Body = Loose>(path: string, body?: unknown, headers?: HeaderFields): Promise<Answer<Body>>;
  patch<Body = Loose>(path: string, body?: unknown, headers?: HeaderFields): Promise<Answer<Body>>;
  delete<Body = Loose>(path: string, headers?: HeaderFields): Promise<Answer<Body>>;
}

/**
 * Calls below /api/v1 with a bearer token (null: without one). A `body` that is text is sent as it is, anything else as
 * JSON. Every JSON answer is held against the OpenAPI document; one that it does not declare fails the test.
 */
export function api(token: string | null, serve: Serve = served): Api {
  const call = async <Body>(
    method: string,
    path: string,
    body?: unknown,
    headers: HeaderFields = {},
  ): Promise<Answer<Body>> => {
    const url = new URL(`${ORIGIN}${BASE}${path}`);
    const response = await serve(
      new Request(url, {
        method,
        headers: {
          ...(token !== null && { Authorization: `Bearer ${token}` }),
          ...(body !== undefined && { "Content-Type": "application/json" }),
          ...headers,
        },
        ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
      }),
    );
    const text = await response.text();
    const answer = text === "" ? undefined : JSON.parse(text);
    (await conformity()).check(method, url.pathname, response.status, answer);
    return { status: response.status, body: answer as Body, headers: response.headers };
  };
  return {
    get: (path, headers) => call("GET", path, undefined, headers),
    post: (path, body, headers) => call("POST", path, body, headers),
    put: (path, body, headers) => call("PUT", path, body, headers),
    patch: (path, body, headers) => call("PATCH", path, body, headers),
    delete: (path, headers) => call("DELETE", path, undefined, headers),
  };
}

let checking: Promise<Conformity> | undefined;

function conformity(): Promise<Conformity> {
  checking ??= openApi().then((document) => new Conformity(document));
  return checking;
}

export async function openApi(): Promise<OpenApiDocument> {
  return (await served(new Request(`${ORIGIN}/openapi.json`))).json();
}

/** The bootstrap admin. */
export const root = api(env.ROOT_TOKEN ?? "");

export interface NewPrincipal {
  readonly id: string;
  readonly token: string;
  readonly token_id: string;
  readonly api: Api;
}

/** A user who did not exist before, with these roles. */
export async function newUser(id: string, roles: readonly string[], more: Loose = {}): Promise<NewPrincipal> {
  return principal(id, await root.post("/users", { id, name: id, roles, ...more }));
}

/** An agent that did not exist before. */
export async function newAgent(id: string, more: Loose = {}): Promise<NewPrincipal> {
  return principal(id, await root.post("/agents", { id, name: id, ...more }));
}

function principal(id: string, { status, body }: Answer<Loose>): NewPrincipal {
  const { token, token_id } = body;
  if (status !== 201 || typeof token !== "string" || typeof token_id !== "string") {
    throw new Error(`${id} was not made: ${JSON.stringify(body)}`);
  }
  return { id, token, token_id, api: api(token) };
}

/** The trail as D1 holds it, oldest first, of one subject. */
export async function trailOf(
  subject_type: string,
  subject_id: string,
): Promise<{ action: string; who: Loose; details: Loose; request_id: string }[]> {
  const { results } = await env.DB.prepare(
    "SELECT action, who, details, request_id FROM audit_log WHERE subject_type = ?1 AND subject_id = ?2 ORDER BY id",
  )
    .bind(subject_type, subject_id)
    .all<{ action: string; who: string; details: string | null; request_id: string }>();
  return results.map(({ action, who, details, request_id }) => ({
    action,
    request_id,
    who: JSON.parse(who) as Loose,
    details: JSON.parse(details ?? "{}") as Loose,
  }));
}
