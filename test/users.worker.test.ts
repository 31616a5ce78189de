import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { isWellFormedToken, tokenHash } from "../src/users/token-text.ts";
import { type Answer, api, type ErrorBody, newAgent, newUser, root, trailOf } from "./support/api.ts";

function codeOf(answer: Answer<unknown>): [number, string] {
  return [answer.status, (answer.body as ErrorBody).error.code];
}

describe("POST /users", () => {
  it("makes a person with a first token, which works at once", async () => {
    const { status, body } = await root.post("/users", {
      id: "grace",
      name: "Grace",
      email: "grace@example.com",
      roles: ["reviewer", "dba", "reviewer"],
    });
    expect(status).toBe(201);
    expect(body.user).toMatchObject({ id: "grace", roles: ["reviewer", "dba"], manager_id: null, active: true });
    const token = String(body.token);
    expect(isWellFormedToken(token)).toBe(true);
    const me = await api(token).get("/me");
    expect(me.body).toStrictEqual({
      id: "grace",
      kind: "user",
      roles: ["reviewer", "dba"],
      scopes: null,
      workspace: "default",
    });
  });

  it("leaves user.created and token.created in the trail, the token itself nowhere", async () => {
    const { id, token, token_id } = await newUser("traced", ["author"]);
    const [created] = await trailOf("user", id);
    expect(created).toMatchObject({
      action: "user.created",
      who: { id: "root", kind: "user" },
      details: { roles: ["author"] },
    });
    const [made] = await trailOf("token", token_id);
    expect(made).toMatchObject({ action: "token.created", details: { principal: { kind: "user", id } } });
    const rows = await env.DB.prepare("SELECT * FROM audit_log").all();
    const kept = await env.DB.prepare("SELECT * FROM tokens").all();
    expect(JSON.stringify([rows.results, kept.results])).not.toContain(token);
    expect(JSON.stringify(rows.results)).not.toContain(tokenHash(token));
  });

  it("shows the token once: a replay has secret_shown in its place and makes nobody new", async () => {
    const body = { id: "once", name: "Once", roles: [] };
    const first = await root.post("/users", body, { "Idempotency-Key": "u-once" });
    const again = await root.post("/users", body, { "Idempotency-Key": '"u-once"' });
    expect(again.status).toBe(201);
    expect(again.headers.get("Idempotency-Replayed")).toBe("true");
    expect(first.headers.get("Idempotency-Replayed")).toBeNull();
    const { token: _, ...rest } = first.body;
    expect(again.body).toStrictEqual({ ...rest, secret_shown: true });
    expect(await trailOf("user", "once")).toHaveLength(1);
    const other = await root.post("/users", { ...body, name: "Other" }, { "Idempotency-Key": "u-once" });
    expect(codeOf(other)).toEqual([422, "IDEMPOTENCY_KEY_REUSED"]);
  });

  it("is 409 for an id in use, by an agent too, and for reserved ones", async () => {
    await newUser("taken", []);
    await newAgent("taken-by-agent");
    for (const id of ["taken", "taken-by-agent", "root", "system"]) {
      expect(codeOf(await root.post("/users", { id, name: "x", roles: [] })), id).toEqual([409, "ALREADY_EXISTS"]);
    }
  });

  it("is 409 for an oidc_subject in use", async () => {
    await newUser("sub-1", [], { oidc_subject: "idp|1" });
    const second = await root.post("/users", { id: "sub-2", name: "x", roles: [], oidc_subject: "idp|1" });
    expect(codeOf(second)).toEqual([409, "ALREADY_EXISTS"]);
    expect(second.body).toMatchObject({ error: { details: { field: "oidc_subject" } } });
  });

  it.each([
    [{ id: "Ada", name: "x", roles: [] }, "id"],
    [{ id: "a b", name: "x", roles: [] }, "id"],
    [{ id: "x".repeat(65), name: "x", roles: [] }, "id"],
    [{ id: ".", name: "x", roles: [] }, "id"],
    [{ id: "..", name: "x", roles: [] }, "id"],
    [{ id: "a", name: "", roles: [] }, "name"],
    [{ id: "a", name: "x" }, "roles"],
    [{ id: "a", name: "x", roles: [""] }, "roles.0"],
    [{ id: "a", name: "x", roles: ["admin "] }, "roles.0"],
    [{ id: "a", name: "x", roles: ["a\nb"] }, "roles.0"],
    [{ id: "a", name: "x", roles: ["x".repeat(65)] }, "roles.0"],
    [{ id: "a", name: "x", roles: [], email: "nobody" }, "email"],
    [{ id: "a", name: "x", roles: [], manager_id: "nobody-there" }, "manager_id"],
    [{ id: "a", name: "x", roles: [], manager_id: "a" }, "manager_id"],
    [{ id: "a", name: "x", roles: [], active: true }, "active"],
  ])("names what is wrong with %j", async (body, field) => {
    const answer = await root.post<ErrorBody>("/users", body);
    expect(answer.status).toBe(400);
    expect(answer.body.error.details?.field).toBe(field);
  });

  it("takes any string for an organisation role, which opens nothing by its likeness to a reserved one", async () => {
    const roles = ["DBA", "Site Reliability", "team:db", "Sécurité", "Admin"];
    const user = await newUser("of-the-house", roles);
    expect((await user.api.get("/me")).body).toMatchObject({ roles });
    const policy = { name: "Of the house", required_roles: roles, enabled: false };
    expect(await root.post("/policies", policy)).toMatchObject({ status: 201, body: { required_roles: roles } });
    expect(codeOf(await user.api.post("/users", { id: "by-admin", name: "x", roles: [] }))).toEqual([403, "FORBIDDEN"]);
  });

  it("makes only one of many at once with one id", async () => {
    const tries = await Promise.all(
      Array.from({ length: 8 }, () => root.post("/users", { id: "contested", name: "x", roles: [] })),
    );
    expect(tries.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409, 409, 409, 409]);
    expect(await trailOf("user", "contested")).toHaveLength(1);
  });
});

describe("GET /users", () => {
  it("lists people by id, page by page and by cursor", async () => {
    for (const id of ["list-a", "list-b", "list-c"]) await newUser(id, []);
    type List = { users: { id: string }[]; pagination: { total: number; next_cursor?: string; has_more: boolean } };
    const whole = await root.get<List>("/users?limit=100");
    const ids = whole.body.users.map(({ id }) => id);
    expect(ids).toEqual([...ids].sort());
    expect(whole.body.pagination).toMatchObject({ total: ids.length, has_more: false });
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page: Answer<List> = await root.get<List>(
        `/users?limit=2${cursor === undefined ? "" : `&cursor=${cursor}`}`,
      );
      seen.push(...page.body.users.map(({ id }) => id));
      cursor = page.body.pagination.next_cursor;
    } while (cursor !== undefined);
    expect(seen).toEqual(ids);
  });

  it("refuses a tampered cursor and unknown filters by name", async () => {
    expect((await root.get<ErrorBody>("/users?cursor=WzEsMl0")).body.error.details?.field).toBe("cursor");
    expect((await root.get<ErrorBody>("/users?role=admin")).body.error.details?.field).toBe("role");
  });

  it("shows one person to every principal, and 404 for nobody, whatever the id looks like", async () => {
    const { id } = await newUser("shown", ["author"], { email: "s@example.com", oidc_subject: "idp|shown" });
    const agent = await newAgent("looker");
    const one = await agent.api.get(`/users/${id}`);
    expect(one.status).toBe(200);
    expect(Object.keys(one.body).sort()).toEqual(
      ["id", "name", "email", "roles", "manager_id", "active", "created_at", "updated_at"].sort(),
    );
    for (const path of ["nobody", "No%20Slug", "%00", "x".repeat(300), "looker"]) {
      expect(codeOf(await root.get(`/users/${path}`)), path).toEqual([404, "USER_NOT_FOUND"]);
    }
    // No text at all, so no id either.
    expect(codeOf(await root.get("/users/%E0%A4%A"))).toEqual([400, "VALIDATION_ERROR"]);
  });

  it("shows nobody of another workspace", async () => {
    await newUser("here", ["author"]);
    expect((await root.get("/users/here", { "X-Workspace": "elsewhere" })).status).toBe(404);
    const elsewhere = await root.get<{ users: unknown[] }>("/users", { "X-Workspace": "elsewhere" });
    expect(elsewhere.body.users).toEqual([]);
  });
});

describe("PATCH /users/:id", () => {
  it("changes what is asked for, and the roles count from the next request on", async () => {
    const user = await newUser("risen", ["author"]);
    expect((await user.api.post("/users", { id: "x1", name: "x", roles: [] })).status).toBe(403);
    const patched = await root.patch(`/users/${user.id}`, { roles: ["admin"], name: "Risen" });
    expect(patched.body).toMatchObject({ id: "risen", name: "Risen", roles: ["admin"] });
    expect((await user.api.post("/users", { id: "x1", name: "x", roles: [] })).status).toBe(201);
    expect((await trailOf("user", "risen")).at(-1)).toMatchObject({
      action: "user.updated",
      details: { name: "Risen", roles: ["admin"] },
    });
  });

  it("without effective change answers 200 and leaves no trace", async () => {
    const before = (await newUser("same", ["author"])).id;
    const was = await root.get(`/users/${before}`);
    const patched = await root.patch(`/users/${before}`, { name: "same", roles: ["author"], active: true });
    expect(patched.status).toBe(200);
    expect(patched.body).toEqual(was.body);
    expect((await root.patch(`/users/${before}`)).status).toBe(200);
    expect(await trailOf("user", before)).toHaveLength(1);
  });

  it("refuses a manager who would close a loop", async () => {
    await newUser("boss", []);
    await newUser("lead", [], { manager_id: "boss" });
    await newUser("dev", [], { manager_id: "lead" });
    const looped = await root.patch<ErrorBody>("/users/boss", { manager_id: "dev" });
    expect(looped.status).toBe(400);
    expect(looped.body.error.details?.field).toBe("manager_id");
    expect((await root.patch("/users/dev", { manager_id: null })).body).toMatchObject({ manager_id: null });
    expect((await root.patch("/users/boss", { manager_id: "dev" })).status).toBe(200);
  });

  it("active: false ends every token at once and says how many in one row", async () => {
    const user = await newUser("leaver", ["admin"]);
    await root.post(`/users/${user.id}/tokens`, {});
    expect((await user.api.patch("/users/leaver", { name: "still here" })).status).toBe(200);
    const left = await root.patch(`/users/${user.id}`, { active: false });
    expect(left.body).toMatchObject({ active: false });
    expect((await user.api.patch("/users/leaver", { name: "x" })).status).toBe(401);
    expect((await root.get<{ tokens: unknown[] }>(`/users/${user.id}/tokens`)).body.tokens).toEqual([]);
    expect((await trailOf("user", "leaver")).at(-1)?.details).toEqual({ active: false, tokens_revoked: 2 });
    expect(codeOf(await root.post(`/users/${user.id}/tokens`, {}))).toEqual([409, "INVALID_STATE"]);
    const refused = await root.post<ErrorBody>("/users", { id: "orphan", name: "x", roles: [], manager_id: "leaver" });
    expect(refused.body.error.details?.field).toBe("manager_id");
  });

  it("does not let an admin lock themselves out", async () => {
    const admin = await newUser("careful", ["admin"]);
    expect(codeOf(await admin.api.patch("/users/careful", { active: false }))).toEqual([409, "INVALID_STATE"]);
    expect(codeOf(await admin.api.patch("/users/careful", { roles: ["author"] }))).toEqual([409, "INVALID_STATE"]);
    expect((await admin.api.patch("/users/careful", { roles: ["author", "admin"] })).status).toBe(200);
  });

  it("is 404 for nobody", async () => {
    for (const id of ["nobody", "NOBODY", "root"]) {
      expect(codeOf(await root.patch(`/users/${id}`, { name: "x" })), id).toEqual([404, "USER_NOT_FOUND"]);
    }
  });
});

describe("tokens of a user", () => {
  it("are narrowed to their scopes", async () => {
    const user = await newUser("narrow", ["admin"]);
    const made = await root.post(`/users/${user.id}/tokens`, { scopes: ["agents:read"], expires_in_seconds: 3600 });
    expect(made.status).toBe(201);
    const narrow = api(String(made.body.token));
    expect((await narrow.get("/agents")).status).toBe(200);
    expect((await narrow.get("/me")).body).toMatchObject({ id: "narrow", scopes: ["agents:read"] });
    const refused = await narrow.post("/users", { id: "x2", name: "x", roles: [] });
    expect(codeOf(refused)).toEqual([403, "FORBIDDEN"]);
    expect(refused.body).toMatchObject({ error: { details: { scope: "admin" } } });
    const other = await root.post(`/users/${user.id}/tokens`, { scopes: ["tasks:read"] });
    expect(codeOf(await api(String(other.body.token)).get("/agents"))).toEqual([403, "FORBIDDEN"]);
  });

  it("narrowed to admin do all that only admins may, and only those: deadlocks, graph and force too", async () => {
    const user = await newUser("deputy", ["admin"]);
    const agent = await newAgent("deputies-agent");
    const lock = { resource_type: "resource", resource_id: "database:prod/deputies", ttl_seconds: 300 };
    const { body: lease } = await agent.api.post("/locks/acquire", lock);
    const by = async (scope: string) =>
      api(String((await root.post(`/users/${user.id}/tokens`, { scopes: [scope] })).body.token));
    const [admin, reads, writes] = await Promise.all([by("admin"), by("locks:read"), by("locks:write")]);
    for (const path of ["/locks/deadlocks", "/locks/graph", "/approvals/stuck"]) {
      expect((await admin.get(path)).status, path).toBe(200);
      expect((await reads.get<ErrorBody>(path)).body.error.details, path).toEqual({ scope: "admin" });
    }
    const force = { lock_id: lease.id, force: true, reason: "it hangs" };
    expect(codeOf(await admin.post("/locks/release", { lock_id: lease.id }))).toEqual([403, "FORBIDDEN"]);
    expect(codeOf(await writes.post("/locks/release", force))).toEqual([403, "FORBIDDEN"]);
    expect(codeOf(await writes.post("/locks/release", { lock_id: lease.id }))).toEqual([403, "NOT_LOCK_HOLDER"]);
    expect((await admin.post("/locks/release", force)).status).toBe(204);
  });

  it("of an admin who was demoted force nothing any more, however lately they were seen", async () => {
    const user = await newUser("demoted", ["admin", "system"]);
    const agent = await newAgent("demoters-agent");
    const lock = { resource_type: "resource", resource_id: "database:prod/demoted", ttl_seconds: 300 };
    const { body: lease } = await agent.api.post("/locks/acquire", lock);
    expect((await user.api.get("/locks")).status).toBe(200);
    expect((await root.patch("/users/demoted", { roles: ["system"] })).status).toBe(200);
    const forced = await user.api.post("/locks/release", { lock_id: lease.id, force: true, reason: "mine" });
    expect(codeOf(forced)).toEqual([403, "FORBIDDEN"]);
    expect((await agent.api.get(`/locks/${lease.id}`)).body).toMatchObject({ status: "held" });
  });

  it("are listed to admins only", async () => {
    const holder = await newUser("holder", ["author"]);
    const made = await root.post(`/users/holder/tokens`, { scopes: ["tasks:read"] });
    type Tokens = { tokens: { token_id: string; scopes?: string[] }[] };
    const { body } = await root.get<Tokens>("/users/holder/tokens");
    expect(body.tokens.map(({ token_id }) => token_id)).toEqual([holder.token_id, made.body.token_id]);
    expect(JSON.stringify(body)).not.toContain("hash");
    for (const id of ["holder", "nobody"]) {
      expect(codeOf(await holder.api.get(`/users/${id}/tokens`)), id).toEqual([403, "FORBIDDEN"]);
    }
    expect(codeOf(await root.get("/users/nobody/tokens"))).toEqual([404, "USER_NOT_FOUND"]);
    expect(codeOf(await root.post("/users/nobody/tokens", {}))).toEqual([404, "USER_NOT_FOUND"]);
    expect(codeOf(await holder.api.post("/users/holder/tokens", {}))).toEqual([403, "FORBIDDEN"]);
  });

  it("die when revoked, at once where it matters, and only once", async () => {
    const user = await newUser("revoked", ["admin"]);
    expect((await user.api.post("/users/revoked/tokens", {})).status).toBe(201);
    const revoked = await root.delete(`/users/revoked/tokens/${user.token_id.toUpperCase()}`);
    expect(revoked).toMatchObject({ status: 204, body: undefined });
    expect((await user.api.post("/users/revoked/tokens", {})).status).toBe(401);
    expect(codeOf(await root.delete(`/users/revoked/tokens/${user.token_id}`))).toEqual([404, "TOKEN_NOT_FOUND"]);
    expect((await trailOf("token", user.token_id)).map(({ action }) => action)).toEqual([
      "token.created",
      "token.revoked",
    ]);
  });

  it("are revoked below their own holder only; a token id must be a UUID", async () => {
    const holder = await newUser("mine", []);
    await newUser("not-mine", []);
    expect(codeOf(await root.delete(`/users/not-mine/tokens/${holder.token_id}`))).toEqual([404, "TOKEN_NOT_FOUND"]);
    expect(codeOf(await root.delete(`/agents/mine/tokens/${holder.token_id}`))).toEqual([404, "AGENT_NOT_FOUND"]);
    expect(codeOf(await root.delete("/users/mine/tokens/first"))).toEqual([400, "VALIDATION_ERROR"]);
    expect((await holder.api.get("/me")).status).toBe(200);
  });

  it("expire when they said", async () => {
    await newUser("brief", ["author"]);
    const made = await root.post("/users/brief/tokens", { expires_in_seconds: 60 });
    const token = String(made.body.token);
    expect(Date.parse(String(made.body.expires_at)) - Date.parse(String(made.body.created_at))).toBe(60_000);
    await env.DB.prepare("UPDATE tokens SET expires_at = ?1 WHERE hash = ?2")
      .bind(new Date(Date.now() - 1).toISOString(), tokenHash(token))
      .run();
    expect(codeOf(await api(token).get("/me"))).toEqual([401, "UNAUTHENTICATED"]);
  });

  it("have a life of a second to a year and scopes that exist", async () => {
    await newUser("limits", []);
    expect((await root.post("/users/limits/tokens", { expires_in_seconds: 1 })).status).toBe(201);
    for (const body of [
      { expires_in_seconds: 0 },
      { expires_in_seconds: 31_536_001 },
      { expires_in_seconds: 60.5 },
      { scopes: ["everything"] },
      { scopes: [] },
      { scope: "admin" },
    ]) {
      expect((await root.post("/users/limits/tokens", body)).status, JSON.stringify(body)).toBe(400);
    }
  });

  it("are shown once: a replay has the same token_id and no token", async () => {
    await newUser("replayed", []);
    const first = await root.post("/users/replayed/tokens", {}, { "Idempotency-Key": "t-1" });
    const again = await root.post("/users/replayed/tokens", {}, { "Idempotency-Key": "t-1" });
    expect(again.body).toMatchObject({ token_id: first.body.token_id, secret_shown: true });
    expect(again.body).not.toHaveProperty("token");
  });

  it("that were used say so", async () => {
    const user = await newUser("used", []);
    await user.api.get("/me");
    type Tokens = { tokens: { last_used_at?: string }[] };
    await expect
      .poll(async () => (await root.get<Tokens>("/users/used/tokens")).body.tokens[0]?.last_used_at)
      .toMatch(/Z$/);
  });
});

describe("who may what with users", () => {
  it("is: read, everybody; change, admins", async () => {
    const people = [await newUser("w-author", ["author", "reviewer", "dba"]), await newAgent("w-agent")];
    for (const { api: caller } of people) {
      expect((await caller.get("/users")).status).toBe(200);
      expect(codeOf(await caller.post("/users", { id: "no", name: "x", roles: [] }))).toEqual([403, "FORBIDDEN"]);
      expect(codeOf(await caller.patch("/users/w-author", { name: "x" }))).toEqual([403, "FORBIDDEN"]);
      expect(codeOf(await caller.post("/users/w-author/tokens", {}))).toEqual([403, "FORBIDDEN"]);
    }
  });
});
