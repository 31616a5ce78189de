/** What the server answers to whoever does everything right, or wrong in a way that a client may: it is what its document says. */
import { Validator } from "@seriousme/openapi-schema-validator";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Lock } from "../../src/locks/contract.ts";
import type { Task } from "../../src/tasks/task-contract.ts";
import { ConformingServer, ends, sentBy } from "../support/conforming-server.ts";
import { type Cast, draftOf, written } from "../support/main-job.ts";
import { ROUTES } from "../support/routes.ts";
import { until } from "../support/server.ts";
import { BASE, type Session } from "../support/wire.ts";

let server: ConformingServer;
let cast: Cast;
let admin: Session;
let call: ConformingServer["call"];

beforeAll(async () => {
  server = await ConformingServer.start();
  ({ cast, admin } = server);
  call = (...given) => server.call(...given);
});
afterAll(() => server.end());

describe("the document", () => {
  test("is valid OpenAPI 3.1 in which every reference leads somewhere", async () => {
    const validator = new Validator();
    expect(await validator.validate({ ...server.document })).toEqual({ valid: true });
    expect(validator.version).toBe("3.1");
    expect(() => validator.resolveRefs()).not.toThrow();
  });

  test("has every route", () => {
    const described = server.inspected.operations.map(
      ({ method, template }) => `${method} ${template.slice(BASE.length)}`,
    );
    expect(described).toEqual(expect.arrayContaining([...ROUTES]));
  });
});

describe("what the server answers is what the document says", () => {
  test("of people, agents, tokens, policies and the catalogue", async () => {
    const { root, author, agent } = cast;
    await call(author, 200, "GET", "/me");
    const grace = {
      id: "grace",
      name: "Grace",
      roles: ["reviewer", "dba"],
      email: "grace@example.org",
      manager_id: "ada",
    };
    const key = { "Idempotency-Key": "grace-1" };
    await call(admin, 201, "POST", "/users", grace, key);
    const replayed = await call<Record<string, unknown>>(admin, 201, "POST", "/users", grace, key);
    expect(replayed).toMatchObject({ secret_shown: true });
    expect(replayed).not.toHaveProperty("token");
    await call(admin, 422, "POST", "/users", { ...grace, id: "other" }, key);
    await call(admin, 409, "POST", "/users", grace);
    await call(author, 403, "POST", "/users", { ...grace, id: "eve" });
    await call(author, 200, "GET", "/users?limit=2&page=2");
    await call(author, 200, "GET", "/users/grace");
    await call(author, 404, "GET", "/users/nobody");
    await call(admin, 200, "PATCH", "/users/grace", { name: "Grace H.", email: null, manager_id: null, active: true });

    for (const [kind, id] of [
      ["users", "grace"],
      ["agents", agent.id],
    ]) {
      const scoped = { scopes: ["tasks:read"], expires_in_seconds: 3600 };
      const token = await call<{ token_id: string }>(admin, 201, "POST", `/${kind}/${id}/tokens`, scoped);
      await call(admin, 200, "GET", `/${kind}/${id}/tokens`);
      await call(admin, 204, "DELETE", `/${kind}/${id}/tokens/${token.token_id}`);
      await call(admin, 404, "DELETE", `/${kind}/${id}/tokens/${token.token_id}`);
    }

    const made = {
      id: "spare",
      name: "Spare",
      capabilities: ["database.*"],
      labels: { zone: "a" },
      config: { password: "x" },
    };
    await call(admin, 201, "POST", "/agents", made);
    await call(admin, 409, "POST", "/agents", made);
    await call(author, 200, "GET", "/agents?capability=database.migrate&status=never_seen&name=sp");
    await call(author, 200, "GET", "/agents/spare");
    await call(admin, 200, "PATCH", "/agents/spare", { max_tasks: 8, labels: {}, active: false });
    await call(agent, 200, "POST", `/agents/${agent.id}/heartbeat`, { status: "idle", metrics: { version: "1.0" } });
    await call(author, 403, "POST", `/agents/${agent.id}/heartbeat`, {});
    await call(admin, 204, "DELETE", "/agents/spare?force=true");

    const policy = {
      id: "dba",
      name: "DBAs",
      resource_patterns: ["database:**"],
      required_roles: ["dba"],
      risk_threshold: 101 - 1,
    };
    await call(admin, 201, "POST", "/policies", policy);
    await call(admin, 409, "POST", "/policies", policy);
    await call(author, 200, "GET", "/policies");
    await call(author, 200, "GET", "/policies/dba");
    const hours = { timezone: "Europe/Vienna", days: ["mon"], from: "22:00", to: "06:00" };
    await call(admin, 200, "PUT", "/policies/dba", {
      ...policy,
      active_hours: hours,
      auto_approve_if: { risk_below: 5 },
    });
    await call(admin, 204, "DELETE", "/policies/dba");
    await call(author, 404, "GET", "/policies/dba");

    const [owner] = cast.reviewers;
    if (owner === undefined) throw new Error("nobody reviews");
    const away = { id: "away", delegate_to: author.id, conditions: { risk_above: 90, tags: ["never"] } };
    await call(owner, 201, "POST", "/approvals/policies", away);
    await call(owner, 409, "POST", "/approvals/policies", away);
    await call(owner, 200, "GET", "/approvals/policies");
    await call(author, 403, "PATCH", "/approvals/policies/away", { active: false });
    await call(owner, 200, "PATCH", "/approvals/policies/away", { mode: "follow", expires_at: null });
    await call(owner, 204, "DELETE", "/approvals/policies/away");
    await call(owner, 404, "DELETE", "/approvals/policies/away");

    const path = "/resources/database/orders?namespace=prod";
    await call(admin, 200, "PUT", path, { criticality: 95, owner: "shop", dependents: ["service:prod/checkout"] });
    await call(author, 200, "GET", "/resources?type=database&owner=shop");
    await call(author, 200, "GET", path);
    await call(author, 200, "GET", "/resources/storage/%C3%BC%2Fnever%20seen");
    await call(admin, 204, "DELETE", path);
    await call(root, 404, "DELETE", path);
  });

  test("of a change's whole life, and of its detours", async () => {
    const { author, reviewers, agent, heir } = cast;
    const draft = draftOf(author.id, [written("database", "orders"), written("service", "checkout")]);
    await call(author, 200, "POST", "/tasks", { ...draft, dry_run: true });
    await call(author, 200, "POST", "/tasks/simulate", draft);
    await call(heir, 403, "POST", "/tasks", draft);
    await call(author, 403, "POST", "/tasks", draftOf("bob", [written("database", "orders")]));
    const { id } = await call<Task>(author, 201, "POST", "/tasks", draft);
    const path = `/tasks/${id}`;
    await call(author, 200, "PATCH", path, { config: { priority: 70 } }, { "If-Match": '"1"' });
    await call(author, 412, "PATCH", path, { config: { priority: 71 } }, { "If-Match": '"1"' });
    await call(author, 200, "GET", `${path}/preview`);
    await call(author, 409, "POST", `${path}/comments`, { body: "too early" });
    const submitted = await call<Task>(author, 202, "POST", `${path}/submit`, { requested_reviewers: ["carol"] });
    await call(author, 409, "POST", `${path}/submit`, {});
    await call(author, 201, "POST", `${path}/comments`, { body: "please look" });
    await call(author, 409, "DELETE", path);
    await call(agent, 409, "POST", `${path}/apply`, {});

    for (const reviewer of reviewers) {
      const request = submitted.approval_requests.find(({ reviewer_id }) => reviewer_id === reviewer.id);
      const approval = `/approvals/${request?.id}`;
      await until(async () => (await reviewer.get<{ approvals: unknown[] }>("/approvals")).approvals.length > 0);
      await call(reviewer, 200, "GET", `/approvals?status=PENDING,APPROVED&task_id=${id}`);
      await call(reviewer, 200, "GET", approval);
      await call(author, 403, "POST", `${approval}/respond`, { action: "approve" });
      await call(reviewer, 409, "POST", `${approval}/respond`, { action: "approve", revision: 1 });
      await call(reviewer, 200, "POST", `${approval}/respond`, { action: "approve", revision: 2 });
      await call(reviewer, 409, "POST", `${approval}/respond`, { action: "reject", reason: "changed my mind" });
    }

    const { leases } = await call<{ leases: Lock[] }>(agent, 200, "POST", "/tasks/claim", { wait_seconds: 5 });
    expect(leases).toHaveLength(4);
    await call(agent, 204, "POST", "/tasks/claim", {});
    await call(heir, 409, "POST", `${path}/apply`, {});
    await call(agent, 200, "POST", `${path}/apply`, {});
    await call(agent, 200, "POST", `${path}/heartbeat`, { progress: 50, message: "half", ttl_extension_seconds: 60 });
    await call(heir, 403, "POST", `${path}/heartbeat`, {});
    await call(author, 200, "GET", path);
    await call(author, 409, "POST", `${path}/cancel`, {});
    await call(agent, 200, "POST", `${path}/complete`, { result: "success", output: { rows: 7 } });
    await call(agent, 200, "POST", `${path}/complete`, { result: "success", output: { rows: 7 } });
    await call(agent, 409, "POST", `${path}/complete`, { result: "failure" });
    await until(async () => (await author.get<{ tasks: Task[] }>("/tasks?state=COMPLETED")).tasks.length > 0);
    await call(
      author,
      200,
      "GET",
      "/tasks?state=COMPLETED,DRAFT&sort_by=risk_score&sort_order=asc&needs_my_approval=false",
    );

    const other = await call<Task>(author, 201, "POST", "/tasks", draft);
    await call(author, 204, "DELETE", `/tasks/${other.id}`);
    await call(author, 404, "GET", `/tasks/${other.id}`);
    const third = await call<Task>(author, 201, "POST", "/tasks", draft);
    await call(author, 200, "POST", `/tasks/${third.id}/cancel`, { reason: "not needed" });
  });

  test("of a change that two admins approve in an emergency, and of reviews that are stuck", async () => {
    const { author, agent, root } = cast;
    const boss = await root.newUser("boss", "admin");
    const { id } = await call<Task>(author, 201, "POST", "/tasks", draftOf(author.id, [written("service", "shop")]));
    await call(author, 202, "POST", `/tasks/${id}/submit`, {});
    const override = `/tasks/${id}/override`;
    const why = { reason: "The shop is down", incident_ticket: "INC-7", apply_immediately: true };
    await call(author, 403, "POST", override, why);
    await call(admin, 400, "POST", override, { reason: "no ticket" });
    await call(boss, 409, "POST", `${override}/confirm`);
    await call(admin, 202, "POST", override, why);
    await call(boss, 409, "POST", override, why);
    await call(admin, 403, "POST", `${override}/confirm`);
    await call(boss, 200, "POST", `${override}/confirm`);
    await call(agent, 200, "POST", `/tasks/${id}/apply`, {});
    await call(agent, 200, "POST", `/tasks/${id}/complete`, { result: "success" });
    await call(admin, 200, "GET", "/approvals/stuck?limit=5");
    await call(author, 403, "GET", "/approvals/stuck");
  });

  test("of a change that fails and is rolled back, and of one that is rejected and filed again", async () => {
    const { author, reviewers, agent, root } = cast;
    const [reviewer] = reviewers;
    const draft = draftOf(author.id, [written("service", "search")]);
    const key = "service:prod/search";
    const respond = async (body: object) => {
      const { id } = await call<Task>(author, 201, "POST", "/tasks", draft);
      const submitted = await call<Task>(author, 202, "POST", `/tasks/${id}/submit`, {});
      const request = submitted.approval_requests.find(({ reviewer_id }) => reviewer_id === reviewer?.id);
      if (reviewer === undefined) throw new Error("nobody was cast as a reviewer");
      await call(reviewer, 200, "POST", `/approvals/${request?.id}/respond`, body);
      return `/tasks/${id}`;
    };
    const failing = await respond({ action: "approve" });
    await call(agent, 200, "POST", `${failing}/apply`, {});
    await call(agent, 200, "POST", `${failing}/stash`, { resource: key, data: { before: true } });
    await call(agent, 400, "POST", `${failing}/stash`, { resource: "service:prod/other", data: {} });
    await call(agent, 409, "POST", `${failing}/rollback`, { result: "success" });
    await call(agent, 200, "POST", `${failing}/complete`, { result: "failure", error: "disk full" });
    await call(agent, 200, "POST", `${failing}/rollback`, { result: "success" });

    const rejected = await respond({ action: "reject", reason: "not now" });
    await call(author, 201, "POST", `${rejected}/resubmit`);
    await call(author, 409, "POST", `${failing}/resubmit`);
    await call(root, 200, "GET", "/webhooks/executor-secret");
    await call(author, 403, "GET", "/webhooks/executor-secret");

    // Nobody is there.
    const hook = { id: "hook", name: "Hook", url: "https://nobody.invalid/hook", events: ["none"], format: "slack" };
    await call(admin, 201, "POST", "/webhooks", hook);
    await call(admin, 409, "POST", "/webhooks", hook);
    await call(admin, 400, "POST", "/webhooks", { ...hook, url: "http://10.0.0.1/" });
    await call(author, 403, "GET", "/webhooks");
    await call(admin, 200, "GET", "/webhooks?limit=1");
    await call(admin, 200, "PATCH", "/webhooks/hook", { description: "x", links_for: "ada" });
    await call(admin, 200, "GET", "/webhooks/hook");
    await call(admin, 200, "POST", "/webhooks/hook/rotate-secret");
    const { id } = await call<{ id: string }>(admin, 200, "POST", "/webhooks/hook/test");
    await call(admin, 200, "GET", "/webhooks/hook/deliveries?status=waiting");
    await call(admin, 202, "POST", `/webhooks/hook/deliveries/${id}/redeliver`);
    await call(admin, 404, "POST", `/webhooks/other/deliveries/${id}/redeliver`);
    await call(admin, 204, "DELETE", "/webhooks/hook");
    await call(admin, 404, "DELETE", "/webhooks/hook");
  });

  test("of batches and links", async () => {
    const { author, reviewers } = cast;
    const [reviewer] = reviewers;
    const draft = draftOf(author.id, [written("service", "search")]);
    const { id } = await call<Task>(author, 201, "POST", "/tasks", draft);
    const { approval_requests } = await call<Task>(author, 202, "POST", `/tasks/${id}/submit`, {});
    const request = approval_requests.find(({ reviewer_id }) => reviewer_id === reviewer?.id);
    if (reviewer === undefined || request === undefined) throw new Error("nobody was asked");
    const links = `/approvals/${request.id}/links`;
    const once = { "Idempotency-Key": "link-1" };
    await call(reviewer, 201, "POST", links, { expires_in_seconds: 60 }, once);
    const replayed = await call<object>(reviewer, 201, "POST", links, { expires_in_seconds: 60 }, once);
    expect(replayed).not.toHaveProperty("links");
    await call(author, 403, "POST", links, {});
    const batch = { approval_ids: [request.id], action: "reject", reason: "not now" };
    await call(reviewer, 400, "POST", "/approvals/batch", { ...batch, reason: "" });
    await call(author, 409, "POST", "/approvals/batch", batch);
    await call(reviewer, 403, "POST", "/approvals/batch", { ...batch, options: { skip_validation: true } });
    await call(reviewer, 200, "POST", "/approvals/batch", batch);
    await call(reviewer, 200, "POST", "/approvals/batch", { ...batch, options: { continue_on_error: true } });
  });

  test("of locks and the trail", async () => {
    const { author, agent, heir, root } = cast;
    const wanted = { resource_type: "resource", resource_id: "database:prod/locked" };
    const held = await call<Lock>(agent, 201, "POST", "/locks/acquire", { ...wanted, purpose: "backup" });
    await call(agent, 201, "POST", "/locks/acquire", wanted);
    await call(heir, 423, "POST", "/locks/acquire", { ...wanted, wait_for_available: false });
    const claim = await call<Lock>(heir, 202, "POST", "/locks/acquire", wanted);
    await call(heir, 200, "GET", `/locks/${claim.id}`);
    await call(heir, 403, "GET", `/locks/${held.id}`);
    await call(agent, 200, "POST", "/locks/heartbeat", { lock_id: held.id });
    await call(agent, 200, "POST", "/locks/heartbeat", { lock_ids: [held.id, claim.id] });
    await call(heir, 403, "POST", "/locks/release", { lock_id: held.id });
    await call(root, 204, "POST", "/locks/release", { lock_id: held.id, force: true, reason: "stuck" });
    await call(agent, 404, "GET", `/locks/${held.id}`);
    await call(heir, 200, "POST", "/locks/downgrade", { lock_id: claim.id });
    await call(author, 200, "POST", "/locks/verify", { ...wanted, fencing_token: 1 });
    await call(heir, 204, "POST", "/locks/release", { lock_id: claim.id });
    const both = { locks: [wanted, { ...wanted, resource_id: "database:prod/other", mode: "shared" }] };
    await call(agent, 201, "POST", "/locks/acquire-all", both);
    await call(heir, 423, "POST", "/locks/acquire-all", both);
    await call(heir, 400, "POST", "/locks/acquire-all", { locks: [wanted, wanted] });
    await until(async () => (await root.get<{ locks: Lock[] }>("/locks")).locks.length >= 2);
    await call(agent, 200, "GET", "/locks?resource_type=resource&agent_id=migrator&limit=1");
    await call(author, 403, "GET", "/locks");
    await call(root, 200, "GET", "/locks/graph");
    await call(root, 200, "GET", "/locks/deadlocks?limit=5");
    await call(agent, 403, "GET", "/locks/graph");

    await call(author, 200, "GET", "/audit?action=task.*&sort_order=asc&limit=3");
    await call(author, 200, "GET", "/audit/tail?limit=5");
    await call(author, 200, "GET", "/audit/verify");
    await call(author, 200, "GET", "/audit/verify?subject=config");
    await call(author, 404, "GET", `/audit/verify?subject=task:${crypto.randomUUID()}`);
    await call(author, 200, "GET", "/audit/export?action=task.*");
    await call(author, 200, "GET", "/audit/export?format=csv");
    const { tasks } = await author.get<{ tasks: Task[] }>("/tasks?limit=1");
    await call(author, 200, "GET", `/tasks/${tasks[0]?.id}/audit`);
    await call(author, 200, "GET", "/stats");
  });

  test("of what admins do to the trail as a whole", async () => {
    const { author, root } = cast;
    const retention = "/admin/audit/retention";
    await call(author, 403, "POST", retention, { before: "2020-01-01T00:00:00Z" });
    const { id } = await call<{ id: string }>(admin, 201, "POST", retention, { before: "2020-01-01T00:00:00Z" });
    await call(admin, 409, "POST", `${retention}/${id}/confirm`, { sha256: "0".repeat(64) });
    await call(admin, 200, "GET", `${retention}/${id}/file`);
    const state = await call<{ retention: { sha256: string } }>(admin, 200, "GET", retention);
    await call(admin, 400, "POST", `${retention}/${id}/confirm`, { sha256: "0".repeat(64) });
    await call(admin, 202, "POST", `${retention}/${id}/confirm`, { sha256: state.retention.sha256 });
    await call(author, 403, "POST", "/admin/rebuild");
    const { chains } = await call<{ chains: number }>(root, 202, "POST", "/admin/rebuild");
    expect(chains).toBeGreaterThan(5);
    await until(async () => (await server.totalOf("/audit?action=rebuild.completed")) === 1);
  });

  test("of channels without a socket, and of tickets", async () => {
    const { author, root } = cast;
    const channel = encodeURIComponent("resource:database:prod/locked");
    await call(author, 200, "GET", `/channels/${channel}/events?limit=2`);
    await call(author, 200, "GET", `/channels/${channel}/events?after=123456`);
    await call(root, 200, "GET", "/channels/system/events?wait=1");
    await call(author, 403, "GET", "/channels/system/events");
    await call(author, 400, "GET", "/channels/nonsense/events");
    await call(root, 404, "GET", `/channels/task:${crypto.randomUUID()}/events`);
    await call(root, 404, "GET", "/channels/user:nobody/stream");
    await call(author, 201, "POST", "/ws/tickets");
    await call(author, 400, "GET", "/ws");
    expect((await server.inspected.send(sentBy(null, "GET", "/ws?ticket=x"))).status).toBe(401);
  });

  test("and by now every operation succeeded at least once", () => {
    const missed = server.inspected.operations
      .filter(ends)
      .map(({ method, template }) => `${method} ${template}`)
      .filter((operation) => ![...server.inspected.seen].some((one) => one.startsWith(`${operation} 2`)));
    expect(missed).toEqual([]);
  });
});
