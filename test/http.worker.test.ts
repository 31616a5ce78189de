import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { freshTaskAddress, hashedAddress, idOf } from "../src/actor/ids.ts";
import { newToken } from "../src/users/token-text.ts";
import { api, newAgent, newUser, openApi, root, served } from "./support/api.ts";
import { Conformity, type OpenApiDocument } from "./support/conformity.ts";
import { expectFailure, UUID, under } from "./support/failure.ts";

const ORIGIN = "https://countersign.test";
const ROOT = env.ROOT_TOKEN ?? "";

describe("the error envelope", () => {
  it("is what unknown routes give, below the base path and beside it, with any token or none", async () => {
    for (const caller of [root, api(null), api("nonsense")]) {
      expectFailure(await caller.get("/nothing/here"), "NOT_FOUND");
      expectFailure(await caller.post("/", {}), "NOT_FOUND");
    }
    for (const path of ["/", "/api", "/api/v2/users", "/users", "/api/v1/users/"]) {
      const response = await served(new Request(ORIGIN + path));
      expectFailure({ status: response.status, headers: response.headers, body: await response.json() }, "NOT_FOUND");
    }
  });

  it("says under 405 what is allowed instead", async () => {
    const users = await root.put("/users", {});
    expect(expectFailure(users, "METHOD_NOT_ALLOWED").details?.allow).toEqual(expect.arrayContaining(["GET", "POST"]));
    expect(users.headers.get("Allow")).toBe("GET, POST");
    expect((await root.delete("/users/ada")).headers.get("Allow")).toBe("GET, PATCH");
    expect((await root.post("/healthz")).headers.get("Allow")).toBe("GET");
    for (const answer of [await root.get("/locks/acquire"), await root.delete("/tasks/claim")]) {
      expectFailure(answer, "METHOD_NOT_ALLOWED");
      expect(answer.headers.get("Allow")).toBe("POST");
    }
  });

  it("echoes the caller's request id if it is a UUID, in the trail too, and makes one otherwise", async () => {
    const id = "0192F0C1-AAAA-4BBB-8CCC-0123456789AB";
    const failed = await root.get("/users/nobody", { "X-Request-Id": id });
    expect(expectFailure(failed, "USER_NOT_FOUND").request_id).toBe(id.toLowerCase());
    const made = await root.post("/users", { id: "tracked", name: "x", roles: [] }, { "X-Request-Id": id });
    expect(made.headers.get("X-Request-Id")).toBe(id.toLowerCase());
    const row = await env.DB.prepare("SELECT request_id FROM audit_log WHERE subject_id = 'tracked'").first();
    expect(row).toEqual({ request_id: id.toLowerCase() });
    for (const strange of ["", "abc", `${id}0`, "<script>"]) {
      const answer = await root.get("/me", { "X-Request-Id": strange });
      expect(answer.headers.get("X-Request-Id")).toMatch(UUID);
    }
  });

  it("hides what went wrong inside: no stack, no SQL, no name of ours", async () => {
    const broken = {
      prepare() {
        throw new TypeError("Cannot read properties of undefined (reading 'secretInternals')");
      },
    };
    const request = new Request(`${ORIGIN}/api/v1/users`, { headers: { Authorization: `Bearer ${ROOT}` } });
    const response = await under({ DB: broken })(request);
    const body = await response.text();
    expect(response.status).toBe(500);
    expect(body).not.toMatch(/secretInternals|TypeError|\.ts|at /);
    expectFailure({ status: 500, headers: response.headers, body: JSON.parse(body) }, "INTERNAL_ERROR");
  });
});

describe("a request body", () => {
  const user = { id: "bodied", name: "x", roles: [] };
  const refusedFor = async (body: string) => expectFailure(await root.post("/users", body), "VALIDATION_ERROR").details;

  it("over 1 MiB is 413, whether or not it says so", async () => {
    const big = JSON.stringify({ ...user, name: "x".repeat(1024 * 1024) });
    expectFailure(await root.post("/users", big), "PAYLOAD_TOO_LARGE");
    const pieces = new ReadableStream({
      pull(controller) {
        controller.enqueue(new TextEncoder().encode(" ".repeat(64 * 1024)));
      },
    });
    const streamed = await served(
      new Request(`${ORIGIN}/api/v1/users`, {
        method: "POST",
        headers: { Authorization: `Bearer ${ROOT}`, "Content-Type": "application/json" },
        body: pieces,
      }),
    );
    expect(streamed.status).toBe(413);
  });

  it("of another kind is 415, that is no JSON is MALFORMED_JSON", async () => {
    const text = JSON.stringify(user);
    expectFailure(await root.post("/users", text, { "Content-Type": "text/plain" }), "UNSUPPORTED_MEDIA_TYPE");
    expectFailure(
      await root.post("/users", "a=b", { "Content-Type": "application/x-www-form-urlencoded" }),
      "UNSUPPORTED_MEDIA_TYPE",
    );
    expectFailure(await root.post("/users", "{"), "MALFORMED_JSON");
    expectFailure(await root.post("/users", "{'id':1}"), "MALFORMED_JSON");
  });

  it("goes nowhere by a path that is no percent-encoded UTF-8", async () => {
    for (const id of ["%ff", "%zz", "a%ed%a0%80", "%"]) {
      const answer = await root.put(`/resources/database/${id}`, { criticality: 5 });
      expect(expectFailure(answer, "VALIDATION_ERROR").details).toMatchObject({ field: "path" });
    }
  });

  it("of a route that takes none holds nothing either", async () => {
    for (const path of ["/ws/tickets", "/admin/rebuild"]) {
      expectFailure(await root.post(path, { zzz: 1 }), "VALIDATION_ERROR");
      expectFailure(await root.post(path, "{"), "MALFORMED_JSON");
    }
  });

  it("that is empty names the fields it lacks", async () => {
    const error = expectFailure(await root.post("/users"), "VALIDATION_ERROR");
    expect(error.details).toMatchObject({
      field: "id",
      issue: "is required",
      issues: [{ field: "id" }, { field: "name" }, { field: "roles" }],
    });
  });

  it.each([
    ['{"id":"b","name":"x","roles":[],"is_admin":true}', "is_admin"],
    ['{"id":"b","name":"x","roles":[],"__proto__":{"active":true}}', "__proto__"],
    ['{"id":"b","name":"x","roles":[],"constructor":{}}', "constructor"],
    ['{"id":"b","name":"a\\u0000b","roles":[]}', "name"],
    ['{"id":"b","name":"\\ud800","roles":[]}', "name"],
    [`{"id":"b","name":"x","roles":${"[".repeat(500)}${"]".repeat(500)}}`, "roles"],
    ["[]", "body"],
    ["null", "body"],
    ['"text"', "body"],
  ])("is refused with the field named: %s", async (body, field) => {
    expect(String((await refusedFor(body))?.field)).toMatch(new RegExp(`^${field}`));
  });

  it("is refused where a route takes none, as anywhere: nothing that was sent is passed over in silence", async () => {
    const refused = expectFailure(await root.post("/ws/tickets", '{"ttl":5}'), "VALIDATION_ERROR");
    expect(refused.details).toMatchObject({ field: "ttl", issue: "is not a known field" });
    expectFailure(await root.post("/ws/tickets", "[]"), "VALIDATION_ERROR");
    expectFailure(await root.post("/ws/tickets", "{"), "MALFORMED_JSON");
    expect((await root.post("/ws/tickets", "{}")).status).toBe(201);
  });

  it("is told every issue at once", async () => {
    const details = await refusedFor('{"id":"B B","name":"","roles":[" "],"x":1}');
    const named = ["id", "name", "roles.0", "x"].map((field) => expect.objectContaining({ field }));
    expect(details?.issues).toHaveLength(4);
    expect(details?.issues).toEqual(expect.arrayContaining(named));
  });

  it("is looked at only after the caller's rights", async () => {
    const { api: author } = await newUser("eager", ["author"]);
    expectFailure(await author.post("/users", "{"), "FORBIDDEN");
    expectFailure(await api(null).post("/users", "{"), "UNAUTHENTICATED");
  });
});

describe("an id in a path", () => {
  it("that is not UUID-shaped is 400", async () => {
    for (const id of ["7", "0192f0c1aaaa4bbb8ccc0123456789ab", "0192f0c1-aaaa-4bbb-8ccc-0123456789ag"]) {
      expect(expectFailure(await root.get(`/locks/${id}`), "VALIDATION_ERROR").details?.field).toBe("id");
    }
  });

  it("of another version, of another kind or of nothing is 404", async () => {
    const strangers = [
      crypto.randomUUID(),
      "00000000-0000-0000-0000-000000000000",
      "ffffffff-ffff-ffff-ffff-ffffffffffff",
      idOf(hashedAddress("inbox", "ada"), 1),
      idOf(hashedAddress("resource", "database:nothing"), 7).toUpperCase(),
    ];
    for (const id of strangers) expectFailure(await root.get(`/locks/${id}`), "LOCK_NOT_FOUND");
    for (const id of [...strangers, idOf(freshTaskAddress(Date.now()))]) {
      expectFailure(await root.get(`/tasks/${id}`), "TASK_NOT_FOUND");
    }
  });
});

describe("a query", () => {
  it("names unknown, repeated and malformed parameters", async () => {
    const named = async (path: string) => expectFailure(await root.get(path), "VALIDATION_ERROR").details?.field;
    expect(await named("/users?offset=1")).toBe("offset");
    expect(await named("/me?x=")).toBe("x");
    expect(await named("/users?limit=101")).toBe("limit");
    expect(await named("/users?page=0")).toBe("page");
    expect(await named("/users?page=1&page=2")).toBe("page");
    expect(await named("/users?__proto__=1")).toBe("__proto__");
    expect(await named("/agents?name=%00")).toBe("name");
  });

  it("of a POST is looked at too", async () => {
    const body = { id: "queried", name: "x", roles: [] };
    expect(expectFailure(await root.post("/users?dry_run=true", body), "VALIDATION_ERROR").details?.field).toBe(
      "dry_run",
    );
    expectFailure(await root.get("/users/queried"), "USER_NOT_FOUND");
  });
});

describe("Idempotency-Key", () => {
  const body = (id: string) => ({ id, name: "x", roles: [] });

  it("must be 1 to 255 printable characters", async () => {
    for (const key of ["", '""', "x".repeat(256), "a\tb"]) {
      const error = expectFailure(
        await root.post("/users", body("keyless"), { "Idempotency-Key": key }),
        "VALIDATION_ERROR",
      );
      expect(error.details?.field).toBe("Idempotency-Key");
    }
    expectFailure(await root.get("/users/keyless"), "USER_NOT_FOUND");
    expect((await root.post("/users", body("keyed"), { "Idempotency-Key": "x".repeat(255) })).status).toBe(201);
  });

  it("is one's own, for one route", async () => {
    const key = { "Idempotency-Key": "shared" };
    const admin = await newUser("another-admin", ["admin"]);
    expect((await root.post("/users", body("idem-1"), key)).status).toBe(201);
    expect((await admin.api.post("/users", body("idem-2"), key)).status).toBe(201);
    expect((await root.post("/agents", { id: "idem-3", name: "x" }, key)).status).toBe(201);
    expect((await root.post("/users/idem-1/tokens", {}, key)).status).toBe(201);
    expectFailure(await root.post("/users", body("idem-4"), key), "IDEMPOTENCY_KEY_REUSED");
  });

  it("takes an empty body and {} for the same", async () => {
    await newUser("idem-5", []);
    const key = { "Idempotency-Key": "empty" };
    expect((await root.post("/users/idem-5/tokens", undefined, key)).status).toBe(201);
    expect((await root.post("/users/idem-5/tokens", {}, key)).headers.get("Idempotency-Replayed")).toBe("true");
  });

  it("makes one of many requests at once, and all get its answer", async () => {
    const key = { "Idempotency-Key": "at-once" };
    const all = await Promise.all(Array.from({ length: 6 }, () => root.post("/users", body("at-once"), key)));
    expect(all.map(({ status }) => status)).toEqual(Array(6).fill(201));
    expect(new Set(all.map((answer) => answer.body.token_id)).size).toBe(1);
    expect(all.filter((answer) => "token" in answer.body)).toHaveLength(1);
  });

  it("keeps no failure: what was refused may be tried again under the same key", async () => {
    const key = { "Idempotency-Key": "retried" };
    const tried = { ...body("retried"), manager_id: "not-yet" };
    expectFailure(await root.post("/users", tried, key), "VALIDATION_ERROR");
    await newUser("not-yet", []);
    expect((await root.post("/users", tried, key)).status).toBe(201);
  });
});

describe("rate limits", () => {
  const full = { limit: async () => ({ success: false }) };
  const free = { limit: async () => ({ success: true }) };
  const limits = { RATE_LIMIT_READS: "6000", RATE_LIMIT_WRITES: "3000", READS: free, WRITES: free, ADDRESSES: free };

  it("answer 429 with Retry-After and RateLimit-Policy, reads and writes separately", async () => {
    const reader = api(ROOT, under({ ...limits, READS: full }));
    const refused = await reader.get("/me");
    expectFailure(refused, "RATE_LIMITED");
    expect(refused.headers.get("Retry-After")).toBe("60");
    expect(refused.headers.get("RateLimit-Policy")).toBe('"reads";q=6000;w=60');
    expectFailure(await reader.post("/users", {}), "VALIDATION_ERROR");
    const writer = api(ROOT, under({ ...limits, WRITES: full }));
    expect((await writer.get("/me")).status).toBe(200);
    expect((await writer.post("/users", {})).headers.get("RateLimit-Policy")).toBe('"writes";q=3000;w=60');
  });

  it("count each principal of each workspace by itself", async () => {
    const keys: string[] = [];
    const noting = { limit: async ({ key }: { key: string }) => ({ success: keys.push(key) > 0 }) };
    const { token } = await newUser("counted", []);
    const serve = under({ ...limits, READS: noting });
    await api(ROOT, serve).get("/me");
    await api(ROOT, serve).get("/me", { "X-Workspace": "acme" });
    await api(token, serve).get("/me");
    expect(keys).toEqual(["default/user/root", "acme/user/root", "default/user/counted"]);
  });

  it("leave heartbeats alone", async () => {
    const agent = await newAgent("beating");
    const serve = under({ ...limits, READS: full, WRITES: full });
    expect((await api(agent.token, serve).post("/agents/beating/heartbeat")).status).toBe(200);
  });

  it("count failed authentication and ids that name nothing per address", async () => {
    const serve = under({ ...limits, ADDRESSES: full });
    expectFailure(await api(newToken(), serve).get("/me"), "RATE_LIMITED");
    expectFailure(await api(ROOT, serve).get("/users/nobody"), "RATE_LIMITED");
    const guess = { resource_type: "resource", resource_id: "database:never", fencing_token: 1 };
    expectFailure(await api(ROOT, serve).post("/locks/verify", guess), "RATE_LIMITED");
    expect((await api(ROOT, serve).get("/me")).status).toBe(200);
    const agent = await newAgent("loses");
    const { body } = await agent.api.post("/locks/acquire", {
      resource_type: "resource",
      resource_id: "database:lost",
    });
    expect((await agent.api.post("/locks/release", { lock_id: body.id })).status).toBe(204);
    const late = await api(agent.token, serve).post("/locks/heartbeat", { lock_id: body.id });
    expectFailure(late, "LOCK_NOT_FOUND");
  });

  it("are all off when either is 0", async () => {
    const serve = under({ ...limits, RATE_LIMIT_WRITES: "0", READS: full, WRITES: full, ADDRESSES: full });
    expect((await api(ROOT, serve).get("/me")).status).toBe(200);
    expectFailure(await api("wrong", serve).get("/me"), "UNAUTHENTICATED");
  });
});

describe("public routes", () => {
  const open = (path: string) => served(new Request(ORIGIN + path));

  it("are health and readiness", async () => {
    expect(await (await open("/healthz")).json()).toEqual({ status: "ok", timestamp: expect.stringMatching(/Z$/) });
    const ready = await open("/readyz");
    expect([ready.status, await ready.json()]).toEqual([
      200,
      { status: "ready", checks: { database: "ok", coordinator: "ok" } },
    ]);
  });

  it("are the document and a page that shows it, also below the base path", async () => {
    for (const base of ["", "/api/v1"]) {
      const document = await open(`${base}/openapi.json`);
      expect(document.headers.get("Content-Type")).toContain("application/json");
      const docs = await open(`${base}/docs`);
      expect([docs.status, docs.headers.get("Content-Type")]).toEqual([200, expect.stringContaining("text/html")]);
    }
  });
});

/** All but the pages for people. */
function apiPaths({ paths }: OpenApiDocument) {
  return Object.entries(paths).filter(([path]) => path.startsWith("/api/"));
}

const TICKETED = ["getWs", "getChannelsChannelStream"];

describe("the OpenAPI document", () => {
  it("is OpenAPI 3.1 with every route secured, named once and with every error in the one envelope", async () => {
    const document = await openApi();
    expect(document.openapi).toMatch(/^3\.1\./);
    expect(document.components.securitySchemes).toMatchObject({ bearer: { type: "http", scheme: "bearer" } });
    const operations = apiPaths(document).flatMap(([, methods]) => Object.values(methods)) as unknown as {
      operationId: string;
      summary: string;
      security: unknown;
      responses: Record<string, { content?: Record<string, { schema: unknown }> }>;
    }[];
    expect(operations.length).toBeGreaterThan(15);
    expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
    for (const { operationId, summary, security, responses } of operations) {
      expect(summary, operationId).not.toBe("");
      // What browsers open without headers takes a ticket instead of the token.
      const byTicket = TICKETED.includes(operationId) ? [{}] : [];
      expect(security, operationId).toEqual([{ bearer: [] }, ...byTicket]);
      expect(Object.keys(responses), operationId).toEqual(expect.arrayContaining(["400", "401", "403", "429", "503"]));
      for (const [status, { content }] of Object.entries(responses)) {
        if (Number(status) < 400) continue;
        expect(content?.["application/json"]?.schema).toEqual({ $ref: "#/components/schemas/Error" });
      }
    }
  });

  it("has no path that the worker does not know, and none that a token is not asked for", async () => {
    for (const [path, methods] of apiPaths(await openApi())) {
      for (const method of Object.keys(methods)) {
        const url = ORIGIN + path.replaceAll(/\{\w+\}/g, "x");
        const { status } = await served(new Request(url, { method: method.toUpperCase() }));
        expect([method, path, status]).toEqual([method, path, 401]);
      }
    }
  });

  it("shows an example of every body that is sent, and what is public", async () => {
    const document = await openApi();
    expect(new Conformity(document).withoutExample()).toEqual([]);
    const open = Object.entries(document.paths).filter(([, { get }]) => JSON.stringify(get?.security) === "[]");
    const paths = open.map(([path]) => path);
    expect(paths).toEqual(expect.arrayContaining(["/healthz", "/readyz", "/openapi.json", "/docs"]));
    for (const path of ["/healthz", "/readyz"]) {
      const answer = await served(new Request(ORIGIN + path));
      new Conformity(document).check("GET", path, answer.status, await answer.json());
    }
  });

  it("is what answers are held against: others are found", async () => {
    const conformity = new Conformity(await openApi());
    const me = { id: "ada", kind: "user", roles: [], scopes: null, workspace: "default" };
    const check = (status: number, body: unknown) => () => conformity.check("GET", "/api/v1/me", status, body);
    expect(check(200, me)).not.toThrow();
    expect(check(200, { ...me, more: 1 })).toThrow(/against its schema/);
    expect(check(200, { ...me, kind: "robot" })).toThrow(/against its schema/);
    expect(check(204, undefined)).toThrow(/does not have/);
    expect(check(400, { error: { code: "NEW_CODE" } })).toThrow(/against its schema/);
    expect(() => conformity.check("GET", "/api/v1/nothing", 200, {})).toThrow(/no such operation/);
  });
});
