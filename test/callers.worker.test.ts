/** Who may call, and from where: people whom an identity provider vouches for (02, "Authentication"), pages of other origins. */
import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { AuditRow } from "../src/audit/contract.ts";
import { hubFor, hubKey } from "../src/realtime/hub-address.ts";
import worker from "../src/worker.ts";
import { type Api, api } from "./support/api.ts";
import { bearer, Listener } from "./support/listener.ts";
import { eventually, filed, ok, pass, refusal, START, Stage, stopClock } from "./support/stage.ts";

const stage = new Stage("default");

let day = START;
beforeEach(() => {
  stopClock();
  day += 24 * 60 * 60 * 1000;
  vi.setSystemTime(day);
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** An identity provider in place of the network, with a key of its own. */
class Provider {
  readonly issuer: string;
  readonly asked: string[] = [];
  down = false;
  readonly #key: CryptoKey;
  readonly #contexts: ExecutionContext[] = [];
  readonly #answers: Readonly<Record<string, object>>;

  static async start(host = `${crypto.randomUUID()}.example.com`): Promise<Provider> {
    const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true });
    return new Provider(`https://${host}`, privateKey, { ...(await exportJWK(publicKey)), kid: "1", alg: "ES256" });
  }

  private constructor(issuer: string, key: CryptoKey, published: object) {
    this.issuer = issuer;
    this.#key = key;
    const keys = { keys: [published] };
    this.#answers = {
      [`${issuer}/.well-known/openid-configuration`]: { issuer, jwks_uri: `${issuer}/keys` },
      [`${issuer}/keys`]: keys,
      [`${issuer}/cdn-cgi/access/certs`]: keys,
    };
    vi.spyOn(globalThis, "fetch").mockImplementation(async (url) => {
      this.asked.push(String(url));
      if (this.down) throw new TypeError("Network connection lost.");
      const answer = this.#answers[String(url)];
      return answer === undefined ? new Response(null, { status: 404 }) : Response.json(answer);
    });
  }

  token(claims: JWTPayload): Promise<string> {
    const now = Date.now() / 1000;
    return new SignJWT({ iss: this.issuer, aud: "countersign", iat: now, exp: now + 600, ...claims })
      .setProtectedHeader({ alg: "ES256", kid: "1" })
      .sign(this.#key);
  }

  /** The worker as it is deployed with this provider. */
  async serve(request: Request): Promise<Response> {
    const ctx = createExecutionContext();
    const bindings = { ...env, OIDC_ISSUER: this.issuer, OIDC_AUDIENCE: "countersign" };
    this.#contexts.push(ctx);
    return worker.fetch(request, bindings, ctx);
  }

  /** Waits until what requests left to do is done. */
  async settled(): Promise<void> {
    await Promise.all(this.#contexts.splice(0).map((ctx) => waitOnExecutionContext(ctx)));
  }

  async as(claims: JWTPayload): Promise<Api> {
    return api(await this.token(claims), (request) => this.serve(request));
  }
}

/** A person of this test alone. */
async function person(oidc_subject: string, ...roles: string[]): Promise<string> {
  const id = `p-${crypto.randomUUID()}`;
  ok(await stage.root.post("/users", { id, name: "Ada", roles, oidc_subject }), 201);
  return id;
}

describe("the identity provider", () => {
  it("a token of the provider is its subject's user, with their roles and name, in whatever they do", async () => {
    const provider = await Provider.start();
    const subject = crypto.randomUUID();
    const id = await person(subject, "author");
    const ada = await provider.as({ sub: subject });
    expect(ok(await ada.get("/me"))).toEqual({
      id,
      kind: "user",
      roles: ["author"],
      scopes: null,
      workspace: "default",
    });
    const task = ok<{ id: string }>(await ada.post("/tasks", filed(id)), 201);
    const [row] = ok<{ entries: AuditRow[] }>(await ada.get(`/tasks/${task.id}/audit`)).entries;
    expect(row).toMatchObject({ action: "task.created", who: { id, kind: "user", roles: ["author"] } });
    expect(refusal(await ada.post("/policies", {}))).toEqual([403, "FORBIDDEN"]);
    expect(refusal(await ada.get("/me", { "X-Workspace": "other" }))).toEqual([403, "FORBIDDEN"]);
    expect(provider.asked).toEqual([`${provider.issuer}/.well-known/openid-configuration`, `${provider.issuer}/keys`]);
  });

  it("the subject goes before the address, and an address that the provider did not verify is nobody's", async () => {
    const provider = await Provider.start();
    const [sub, email] = [crypto.randomUUID(), `${crypto.randomUUID()}@example.com`];
    const byAddress = await person(email, "author");
    const me = async (claims: JWTPayload) => (await provider.as(claims)).get<{ id: string }>("/me");
    expect(ok(await me({ sub, email, email_verified: true }))).toMatchObject({ id: byAddress });
    expect(refusal(await me({ sub, email }))).toEqual([401, "UNAUTHENTICATED"]);
    const bySubject = await person(sub, "author");
    expect(ok(await me({ sub, email, email_verified: true, jti: "2" }))).toMatchObject({ id: bySubject });
  });

  it("Cloudflare Access is asked for its keys where it has them", async () => {
    const provider = await Provider.start(`${crypto.randomUUID()}.cloudflareaccess.com`);
    const sub = crypto.randomUUID();
    const id = await person(sub, "reviewer");
    expect(ok(await (await provider.as({ sub, aud: ["countersign"] })).get("/me"))).toMatchObject({ id });
    expect(provider.asked).toEqual([`${provider.issuer}/cdn-cgi/access/certs`]);
  });

  it("who left is out within 30 s, where it counts at once, and their tries stand in the trail", async () => {
    const provider = await Provider.start();
    const sub = crypto.randomUUID();
    const id = await person(sub, "admin");
    const token = await provider.token({ sub });
    const ip = `203.0.113.${Math.floor(Math.random() * 256)}`;
    const ada = api(token, (request) => provider.serve(request));
    ok(await ada.get("/me"));
    ok(await stage.root.patch(`/users/${id}`, { active: false }));
    expect(refusal(await ada.post("/policies", {}))).toEqual([401, "UNAUTHENTICATED"]);
    expect(refusal(await ada.get("/me", { "CF-Connecting-IP": ip }))).toEqual([401, "UNAUTHENTICATED"]);
    await provider.settled();
    pass(66_000);
    await stage.ring("config");
    await eventually(async () => {
      const { entries } = ok<{ entries: AuditRow[] }>(
        await stage.root.get(`/audit?action=auth.failed&subject_id=${ip}`),
      );
      expect(entries.map(({ details }) => details)).toMatchObject([{ count: 1, inactive: 1 }]);
    });
  });

  it("what the provider did not sign for us is nobody's, and no provider is asked where none is set up", async () => {
    const other = await Provider.start();
    const provider = await Provider.start();
    const sub = crypto.randomUUID();
    await person(sub, "author");
    const forged = await other.token({ iss: provider.issuer, sub });
    const calls = [forged, await provider.token({ sub, aud: "somebody else" }), "a.b.c"].map((token) =>
      api(token, (request) => provider.serve(request)).get("/me"),
    );
    for (const answer of await Promise.all(calls)) expect(refusal(answer)).toEqual([401, "UNAUTHENTICATED"]);
    const asked = provider.asked.length;
    expect(refusal(await api(await provider.token({ sub })).get("/me"))).toEqual([401, "UNAUTHENTICATED"]);
    expect(provider.asked).toHaveLength(asked);
  });

  it("while the provider does not answer it is 503, and works as soon as it does", async () => {
    const provider = await Provider.start();
    const sub = crypto.randomUUID();
    const id = await person(sub, "author");
    const ada = await provider.as({ sub });
    provider.down = true;
    expect(refusal(await ada.get("/me"))).toEqual([503, "UNAVAILABLE"]);
    provider.down = false;
    expect(ok(await ada.get("/me"))).toMatchObject({ id });
  });

  it("a socket of theirs ends with 4401 when the token does, opened with it or by a ticket", async () => {
    const provider = await Provider.start();
    const sub = crypto.randomUUID();
    const id = await person(sub, "author");
    const token = await provider.token({ sub });
    const ada = api(token, (request) => provider.serve(request));
    const { ticket } = ok<{ ticket: string }>(await ada.post("/ws/tickets"), 201);
    const open = async (query: string, headers: Record<string, string>) => {
      const url = `https://countersign.test/api/v1/ws${query}`;
      const { webSocket } = await provider.serve(new Request(url, { headers: { Upgrade: "websocket", ...headers } }));
      if (webSocket === null) throw new Error("no socket");
      return new Listener(webSocket);
    };
    const sockets = [await open("", bearer(token)), await open(`?ticket=${encodeURIComponent(ticket)}`, {})];
    for (const socket of sockets) await socket.subscribe([`user:${id}`]);
    pass(601_000);
    await stage.ring(hubKey(hubFor({ kind: "user", id }, undefined, 4)));
    for (const socket of sockets) await eventually(async () => expect(socket.closed?.code).toBe(4401));
  });
});

describe("a page of another origin", () => {
  const PAGE = "https://app.example";
  const root = bearer(env.ROOT_TOKEN ?? "");
  const from = (origin: string, allowed: string) => (method: string, path: string, headers: Record<string, string>) => {
    const bindings = { ...env, CORS_ORIGINS: allowed };
    const request = new Request(`https://countersign.test${path}`, { method, headers: { Origin: origin, ...headers } });
    return worker.fetch(request, bindings, createExecutionContext());
  };
  const readableBy = (answer: Response) => answer.headers.get("Access-Control-Allow-Origin");
  const question = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type,idempotency-key,x-request-id",
  };

  it("asks, sends and reads what it got, errors too, if its origin is allowed", async () => {
    const call = from(PAGE, `https://other.example,${PAGE}`);
    const asked = await call("OPTIONS", "/api/v1/tasks", question);
    expect([asked.status, readableBy(asked), await asked.text()]).toEqual([204, PAGE, ""]);
    for (const name of question["Access-Control-Request-Headers"].split(",")) {
      expect(asked.headers.get("Access-Control-Allow-Headers")?.toLowerCase().split(", ")).toContain(name);
    }
    const me = await call("GET", "/api/v1/me", root);
    expect([me.status, readableBy(me), (await me.json<{ id: string }>()).id]).toEqual([200, PAGE, "root"]);
    for (const [path, status] of [
      ["/api/v1/me", 401],
      ["/api/v1/nothing", 404],
    ] as const) {
      const refused = await call("GET", path, {});
      expect([refused.status, readableBy(refused), refused.headers.get("Vary")]).toEqual([status, PAGE, "Origin"]);
      expect(refused.headers.get("Access-Control-Expose-Headers")).toContain("X-Request-Id");
    }
  });

  it("gets its stream of events and its WebSocket", async () => {
    const call = from(PAGE, "*");
    const stream = await call("GET", "/api/v1/channels/locks/stream", root);
    expect([stream.status, readableBy(stream)]).toEqual([200, "*"]);
    await stream.body?.cancel();
    const { status, webSocket } = await call("GET", "/api/v1/ws", { ...root, Upgrade: "websocket" });
    expect(status).toBe(101);
    if (webSocket !== null) new Listener(webSocket).close();
  });

  it("learns nothing where it is not allowed, and nowhere by default", async () => {
    for (const call of [from("https://evil.example", PAGE), from(PAGE, "")]) {
      const asked = await call("OPTIONS", "/api/v1/tasks", question);
      expect([asked.status, readableBy(asked)]).toEqual([405, null]);
      expect(readableBy(await call("GET", "/api/v1/me", root))).toBeNull();
    }
    // What people look at is nobody's to read but theirs.
    expect(readableBy(await from(PAGE, "*")("GET", "/links/some-token", {}))).toBeNull();
  });
});
