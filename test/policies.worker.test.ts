import { describe, expect, it } from "vitest";
import { type Answer, api, type ErrorBody, newAgent, newUser, root, trailOf } from "./support/api.ts";

function codeOf(answer: Answer<unknown>): [number, string] {
  return [answer.status, (answer.body as ErrorBody).error.code];
}

type Policy = Record<string, unknown> & { id: string; name: string };
type PolicyList = { policies: Policy[]; pagination: { total: number; has_more: boolean; next_cursor?: string } };

describe("POST /policies", () => {
  it("answers the policy itself with its defaults, which GET answers too", async () => {
    const { status, body } = await root.post<Policy>("/policies", { id: "databases", name: "Databases" });
    expect(status).toBe(201);
    expect(body).toMatchObject({
      id: "databases",
      min_approvers: 1,
      risk_threshold: 0,
      approval_timeout_seconds: 172_800,
      auto_approve_on_backlog: false,
      enabled: true,
    });
    expect(await root.get("/policies/databases")).toMatchObject({ status: 200, body });
  });

  it("gives an id to a policy that comes without one", async () => {
    const { status, body } = await root.post<Policy>("/policies", { name: "Nameless" });
    expect(status).toBe(201);
    expect(body.id).toMatch(/^policy-[a-z2-7]{10}$/);
    expect((await root.get<Policy>(`/policies/${body.id}`)).body).toEqual(body);
  });

  it("makes one policy of a request that is repeated under its Idempotency-Key", async () => {
    const first = await root.post<Policy>("/policies", { name: "Once" }, { "Idempotency-Key": "p-once" });
    const again = await root.post<Policy>("/policies", { name: "Once" }, { "Idempotency-Key": "p-once" });
    expect(again.body).toEqual(first.body);
    expect(again.headers.get("Idempotency-Replayed")).toBe("true");
    const other = await root.post("/policies", { name: "Twice" }, { "Idempotency-Key": "p-once" });
    expect(codeOf(other)).toEqual([422, "IDEMPOTENCY_KEY_REUSED"]);
  });

  it("refuses an id that is taken or reserved", async () => {
    await root.post("/policies", { id: "taken", name: "First" });
    expect(codeOf(await root.post("/policies", { id: "taken", name: "Second" }))).toEqual([409, "ALREADY_EXISTS"]);
    expect(codeOf(await root.post("/policies", { id: "builtin", name: "Mine" }))).toEqual([409, "ALREADY_EXISTS"]);
    expect((await root.get<Policy>("/policies/taken")).body.name).toBe("First");
  });

  it("names a required reviewer who is no user", async () => {
    await newUser("policy-reviewer", ["reviewer"]);
    const answer = await root.post<ErrorBody>("/policies", {
      id: "named",
      name: "Named",
      required_reviewers: ["policy-reviewer", "nobody-at-all"],
    });
    expect(codeOf(answer)).toEqual([400, "VALIDATION_ERROR"]);
    expect(answer.body.error.details?.field).toBe("required_reviewers.1");
    const known = { id: "named", name: "Named", required_reviewers: ["policy-reviewer"] };
    expect((await root.post("/policies", known)).status).toBe(201);
  });

  it.each([
    ["min_approvers", { min_approvers: 0 }],
    ["min_approvers", { min_approvers: 11 }],
    ["risk_threshold", { risk_threshold: 101 }],
    ["approval_timeout_seconds", { approval_timeout_seconds: 0 }],
    ["active_hours.timezone", { active_hours: { timezone: "Mars/Base", days: ["mon"], from: "09:00", to: "10:00" } }],
    ["active_hours.days.0", { active_hours: { timezone: "UTC", days: ["Monday"], from: "09:00", to: "10:00" } }],
    ["active_hours.to", { active_hours: { timezone: "UTC", days: ["mon"], from: "09:00", to: "24:00" } }],
    ["id", { id: "Not A Slug" }],
    ["severity", { severity: 1 }],
    ["auto_approve_if.always", { auto_approve_if: { always: true } }],
  ])("names %s in what is wrong with %j", async (field, given) => {
    const answer = await root.post<ErrorBody>("/policies", { name: "Wrong", ...given });
    expect(codeOf(answer)).toEqual([400, "VALIDATION_ERROR"]);
    expect(answer.body.error.details?.field).toBe(field);
  });
});

describe("PUT /policies/{id}", () => {
  it("replaces the policy as a whole", async () => {
    const first = await root.post<Policy>("/policies", {
      id: "replaced",
      name: "A",
      min_approvers: 3,
      risk_threshold: 50,
    });
    const { status, body } = await root.put<Policy>("/policies/replaced", { name: "B" });
    expect(status).toBe(200);
    expect(body).toMatchObject({ id: "replaced", name: "B", min_approvers: 1, risk_threshold: 0 });
    expect(body.created_at).toBe(first.body.created_at);
    expect((await root.get<Policy>("/policies/replaced")).body).toEqual(body);
  });

  it("takes the id in the body only if it is the one in the path", async () => {
    await root.post("/policies", { id: "same", name: "Same" });
    expect((await root.put("/policies/same", { id: "same", name: "Still" })).status).toBe(200);
    const answer = await root.put<ErrorBody>("/policies/same", { id: "other", name: "Moved" });
    expect(codeOf(answer)).toEqual([400, "VALIDATION_ERROR"]);
    expect(answer.body.error.details?.field).toBe("id");
  });

  it("makes no new one", async () => {
    expect(codeOf(await root.put("/policies/unheard-of", { name: "New" }))).toEqual([404, "POLICY_NOT_FOUND"]);
    expect(codeOf(await root.get("/policies/unheard-of"))).toEqual([404, "POLICY_NOT_FOUND"]);
  });
});

describe("DELETE /policies/{id}", () => {
  it("answers 204, and 404 from then on", async () => {
    await root.post("/policies", { id: "gone", name: "Gone" });
    expect(await root.delete("/policies/gone")).toMatchObject({ status: 204, body: undefined });
    expect(codeOf(await root.delete("/policies/gone"))).toEqual([404, "POLICY_NOT_FOUND"]);
    expect(codeOf(await root.get("/policies/gone"))).toEqual([404, "POLICY_NOT_FOUND"]);
    expect((await root.post("/policies", { id: "gone", name: "Back" })).status).toBe(201);
  });
});

describe("GET /policies", () => {
  it("lists them by id, page by page, each once", async () => {
    const workspace = { "X-Workspace": "policy-list" };
    for (const id of ["c", "a", "e", "b", "d"])
      await root.post("/policies", { id, name: id, enabled: id !== "b" }, workspace);
    const ids: string[] = [];
    let cursor = "";
    do {
      const { body } = await root.get<PolicyList>(`/policies?limit=2${cursor}`, workspace);
      expect(body.pagination.total).toBe(5);
      ids.push(...body.policies.map(({ id }) => id));
      cursor = body.pagination.next_cursor === undefined ? "" : `&cursor=${body.pagination.next_cursor}`;
    } while (cursor !== "");
    expect(ids).toEqual(["a", "b", "c", "d", "e"]);
  });

  it("knows no policies of another workspace", async () => {
    await root.post("/policies", { id: "secret-plan", name: "Theirs" }, { "X-Workspace": "others" });
    expect(codeOf(await root.get("/policies/secret-plan"))).toEqual([404, "POLICY_NOT_FOUND"]);
    expect(codeOf(await root.put("/policies/secret-plan", { name: "Mine" }))).toEqual([404, "POLICY_NOT_FOUND"]);
    expect(codeOf(await root.delete("/policies/secret-plan"))).toEqual([404, "POLICY_NOT_FOUND"]);
  });
});

describe("who may do what with policies", () => {
  it("lets everybody read them and only admins change them", async () => {
    await root.post("/policies", { id: "guarded", name: "Guarded" });
    const author = await newUser("policy-author", ["author", "reviewer"]);
    const agent = await newAgent("policy-agent");
    for (const { api: caller } of [author, agent]) {
      expect((await caller.get("/policies/guarded")).status).toBe(200);
      expect((await caller.get("/policies")).status).toBe(200);
      expect(codeOf(await caller.post("/policies", { name: "Mine" }))).toEqual([403, "FORBIDDEN"]);
      expect(codeOf(await caller.put("/policies/guarded", { name: "Mine" }))).toEqual([403, "FORBIDDEN"]);
      expect(codeOf(await caller.delete("/policies/guarded"))).toEqual([403, "FORBIDDEN"]);
    }
    const admin = await newUser("policy-admin", ["admin"]);
    expect((await admin.api.put("/policies/guarded", { name: "Changed" })).status).toBe(200);
    expect(codeOf(await api(null).get("/policies"))).toEqual([401, "UNAUTHENTICATED"]);
  });

  it("leaves every change in the trail with the policy and who made it", async () => {
    const { api: admin } = await newUser("policy-keeper", ["admin"]);
    await admin.post("/policies", { id: "traced", name: "One" });
    await admin.put("/policies/traced", { name: "Two" });
    await admin.delete("/policies/traced");
    expect(await trailOf("policy", "traced")).toMatchObject([
      { action: "policy.created", who: { id: "policy-keeper" }, details: { policy: { id: "traced", name: "One" } } },
      { action: "policy.updated", details: { policy: { name: "Two" } } },
      { action: "policy.deleted", details: { policy: { name: "Two" } } },
    ]);
  });
});
