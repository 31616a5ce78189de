import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { systemCaller } from "../src/actor/caller.ts";
import { freshTaskAddress, idOf } from "../src/actor/ids.ts";
import { agentOf } from "../src/agents/agent-api.ts";
import { resourceOf } from "../src/locks/lock-api.ts";
import { type Answer, api, type ErrorBody, newAgent, newUser, root, trailOf } from "./support/api.ts";
import { eventually, pass, Stage, stopClock } from "./support/stage.ts";

interface AgentBody {
  readonly id: string;
  readonly max_tasks: number;
  readonly config: Readonly<Record<string, unknown>>;
  readonly presence: { readonly status: string; readonly active_tasks: number; readonly max_tasks: number };
}

interface Beat {
  readonly presence: AgentBody["presence"];
  readonly leases: readonly {
    readonly lock_id: string;
    readonly expires_at?: string;
    readonly error?: { code: string };
  }[];
  readonly commands: readonly unknown[];
}

function codeOf(answer: Answer<unknown>): [number, string] {
  return [answer.status, (answer.body as ErrorBody).error.code];
}

function agentCaller(id: string) {
  const who = { id, kind: "agent", roles: ["system"] } as const;
  return { ...systemCaller("default", "test", crypto.randomUUID()), who };
}

const ask = { mode: "exclusive", ttl_ms: 30_000, wait_ms: 0, priority: 50, hold_ms: 0 } as const;

/** A lock that an agent holds on a resource of its own. */
async function leaseOf(agentId: string, resource: string): Promise<string> {
  const key = `resource:database:${resource}`;
  const command = { ...ask, agent_id: agentId, session_id: agentId };
  const result = await resourceOf(env, "default", `database:${resource}`).acquire(agentCaller(agentId), key, command);
  if (!result.ok || result.value.status !== "held") throw new Error(JSON.stringify(result));
  return result.value.id;
}

/** A task begins to be applied by an agent: it holds one of its permits. */
async function applying(agentId: string): Promise<string> {
  const task = idOf(freshTaskAddress(Date.now()));
  const command = { ...ask, agent_id: agentId, session_id: `task:${task}:1` };
  const result = await agentOf(env, "default", agentId).acquire(agentCaller(agentId), `agent:${agentId}`, command);
  if (!result.ok) throw new Error(result.error.message);
  return task;
}

afterEach(() => {
  vi.useRealTimers();
});

describe("POST /agents", () => {
  it("makes an agent with defaults and a first token, which works at once", async () => {
    const { status, body } = await root.post("/agents", { name: "Plain" });
    expect(status).toBe(201);
    expect(body.agent).toMatchObject({
      description: null,
      roles: ["system"],
      scopes: [],
      capabilities: [],
      max_tasks: 4,
      heartbeat_interval_seconds: 10,
      labels: {},
      config: {},
      active: true,
    });
    const { id } = body.agent as { id: string };
    expect(id).toMatch(/^agent-[a-z2-7]{10}$/);
    const me = await api(String(body.token)).get("/me");
    expect(me.body).toMatchObject({ id, kind: "agent", roles: ["system"], scopes: null });
  });

  it("is 409 for an id in use, by a user too, and for reserved ones", async () => {
    await newAgent("a-taken");
    await newUser("u-taken", []);
    for (const id of ["a-taken", "u-taken", "root", "system"]) {
      expect(codeOf(await root.post("/agents", { id, name: "x" })), id).toEqual([409, "ALREADY_EXISTS"]);
    }
  });

  it("replays with secret_shown and the same invented id", async () => {
    const first = await root.post("/agents", { name: "Twice" }, { "Idempotency-Key": "a-twice" });
    const again = await root.post("/agents", { name: "Twice" }, { "Idempotency-Key": "a-twice" });
    const { token: _, ...rest } = first.body;
    expect(again.body).toStrictEqual({ ...rest, secret_shown: true });
  });

  it("keeps secrets of its config out of the trail and out of stored answers", async () => {
    const config = { region: "eu", db_password: "hunter2" };
    const made = await root.post("/agents", { id: "secretive", name: "x", config }, { "Idempotency-Key": "a-secret" });
    expect(made.body).toMatchObject({ agent: { config: { region: "eu", db_password: "[masked]" } } });
    expect(JSON.stringify(await trailOf("agent", "secretive"))).not.toContain("hunter2");
  });

  it.each([
    [{ name: "x", max_tasks: 0 }, "max_tasks"],
    [{ name: "x", max_tasks: 101 }, "max_tasks"],
    [{ name: "x", heartbeat_interval_seconds: 0 }, "heartbeat_interval_seconds"],
    [{ name: "x", scopes: ["all"] }, "scopes.0"],
    [{ name: "x", capabilities: [""] }, "capabilities.0"],
    [{ name: "x", labels: { a: 1 } }, "labels.a"],
    [{ name: "x", config: { big: "x".repeat(256 * 1024) } }, "config"],
    [{ name: "x", id: "Not A Slug" }, "id"],
    [{ id: "nameless" }, "name"],
    [{ name: "x", token: "mine" }, "token"],
  ])("names what is wrong (%#)", async (body, field) => {
    const answer = await root.post<ErrorBody>("/agents", body);
    expect(answer.status).toBe(400);
    expect(answer.body.error.details?.field).toBe(field);
  });
});

describe("GET /agents", () => {
  it("filters by name, by what an agent takes, by scope, and pages over what is left", async () => {
    await newAgent("f-deploy", {
      name: "Filter Deployer",
      capabilities: ["deploy:*", "rollback"],
      scopes: ["tasks:read"],
    });
    await newAgent("f-any", { name: "filter any" });
    await newAgent("f-db", { name: "Filter DB 100%", capabilities: ["database.*"], scopes: ["locks:read"] });
    type List = { agents: AgentBody[]; pagination: { total: number; has_more: boolean; next_cursor?: string } };
    const ids = async (query: string) => {
      const { body } = await root.get<List>(`/agents?name=FILTER&${query}`);
      expect(body.pagination.total).toBeGreaterThanOrEqual(body.agents.length);
      return body.agents.map(({ id }) => id);
    };
    expect(await ids("")).toEqual(["f-any", "f-db", "f-deploy"]);
    expect(await ids("capability=deploy:web")).toEqual(["f-any", "f-deploy"]);
    expect(await ids("capability=deploy:web:eu")).toEqual(["f-any"]);
    expect(await ids("capability=database.migrate")).toEqual(["f-any", "f-db"]);
    expect(await ids("scope=tasks:read")).toEqual(["f-any", "f-deploy"]);
    expect(await ids("scope=locks:read&capability=rollback")).toEqual(["f-any"]);
    expect((await root.get<List>("/agents?name=100%25")).body.agents.map(({ id }) => id)).toEqual(["f-db"]);
    expect((await root.get<List>("/agents?name=_ilter")).body.agents).toEqual([]);
    const first = await root.get<List>("/agents?name=filter&limit=2");
    expect(first.body.pagination).toMatchObject({ total: 3, has_more: true });
    const second = await root.get<List>(`/agents?name=filter&limit=2&cursor=${first.body.pagination.next_cursor}`);
    expect(second.body.agents.map(({ id }) => id)).toEqual(["f-deploy"]);
  });

  it("refuses a presence that there is none of", async () => {
    expect((await root.get<ErrorBody>("/agents?status=ONLINE")).body.error.details?.field).toBe("status");
  });

  it("shows one agent and its presence to every principal, its secrets to admins and itself", async () => {
    const self = await newAgent("shown-agent", { config: { region: "eu", api_key: "k3y" } });
    const other = await newUser("onlooker", ["author"]);
    for (const [reader, api_key] of [
      [root, "k3y"],
      [self.api, "k3y"],
      [other.api, "[masked]"],
    ] as const) {
      const { status, body } = await reader.get<AgentBody>("/agents/shown-agent");
      expect(status).toBe(200);
      expect(body.config).toEqual({ region: "eu", api_key });
      expect(body.presence).toEqual({
        status: "never_seen",
        last_heartbeat_at: null,
        location: {},
        active_tasks: 0,
        max_tasks: 4,
      });
    }
  });

  it("is 404 for nobody, for a user, and in another workspace", async () => {
    await newUser("no-agent", []);
    await newAgent("only-here");
    for (const id of ["nobody", "NOBODY", "no-agent", "%00"]) {
      expect(codeOf(await root.get(`/agents/${id}`)), id).toEqual([404, "AGENT_NOT_FOUND"]);
    }
    expect((await root.get("/agents/only-here", { "X-Workspace": "elsewhere" })).status).toBe(404);
  });
});

describe("PATCH /agents/:id", () => {
  it("changes what is asked for; the agent's actor knows the new max_tasks at once", async () => {
    await newAgent("growing", { max_tasks: 1 });
    await applying("growing");
    const patched = await root.patch("/agents/growing", { max_tasks: 2, labels: { zone: "eu" } });
    expect(patched.body).toMatchObject({ id: "growing", max_tasks: 2, labels: { zone: "eu" } });
    expect((await root.get<AgentBody>("/agents/growing")).body.presence).toMatchObject({
      active_tasks: 1,
      max_tasks: 2,
    });
    await applying("growing");
    expect((await root.get<AgentBody>("/agents/growing")).body.presence.active_tasks).toBe(2);
    const trail = await trailOf("agent", "growing");
    expect(trail.filter(({ action }) => action === "agent.updated")).toMatchObject([
      { details: { max_tasks: 2, labels: { zone: "eu" } } },
    ]);
  });

  it("without effective change leaves no trace", async () => {
    await newAgent("steady");
    expect((await root.patch("/agents/steady", { max_tasks: 4, roles: ["system"] })).status).toBe(200);
    expect((await trailOf("agent", "steady")).map(({ action }) => action)).toEqual(["agent.created"]);
  });

  it("narrows every token of the agent by its scopes", async () => {
    const agent = await newAgent("narrowed");
    await root.patch("/agents/narrowed", { scopes: ["agents:write"] });
    const made = await root.post("/agents/narrowed/tokens", { scopes: ["agents:write", "tasks:read"] });
    expect((await api(String(made.body.token)).get("/me")).body.scopes).toEqual(["agents:write"]);
    expect((await agent.api.get("/me")).body.scopes).toEqual(["agents:write"]);
    expect(codeOf(await agent.api.get("/agents"))).toEqual([403, "FORBIDDEN"]);
  });

  it("active: false ends its tokens", async () => {
    const agent = await newAgent("paused", { roles: ["system", "admin"] });
    expect((await agent.api.patch("/agents/paused", { labels: { a: "1" } })).status).toBe(200);
    expect(codeOf(await agent.api.patch("/agents/paused", { active: false }))).toEqual([409, "INVALID_STATE"]);
    expect((await root.patch("/agents/paused", { active: false })).body).toMatchObject({ active: false });
    expect((await agent.api.patch("/agents/paused", { labels: {} })).status).toBe(401);
    expect(codeOf(await root.post("/agents/paused/tokens"))).toEqual([409, "INVALID_STATE"]);
  });

  it("is 404 for nobody and 400 for what cannot be changed", async () => {
    expect(codeOf(await root.patch("/agents/nobody", { max_tasks: 1 }))).toEqual([404, "AGENT_NOT_FOUND"]);
    await newAgent("fixed");
    expect((await root.patch<ErrorBody>("/agents/fixed", { id: "other" })).body.error.details?.field).toBe("id");
  });
});

describe("DELETE /agents/:id", () => {
  it("removes it with its tokens, and the trail keeps it", async () => {
    const agent = await newAgent("doomed", { roles: ["system", "admin"] });
    expect((await agent.api.patch("/agents/doomed", { labels: { a: "1" } })).status).toBe(200);
    expect(await root.delete("/agents/doomed")).toMatchObject({ status: 204, body: undefined });
    expect(codeOf(await root.get("/agents/doomed"))).toEqual([404, "AGENT_NOT_FOUND"]);
    expect(codeOf(await root.delete("/agents/doomed"))).toEqual([404, "AGENT_NOT_FOUND"]);
    expect(codeOf(await agent.api.patch("/agents/doomed", { labels: {} }))).toEqual([401, "UNAUTHENTICATED"]);
    const actions = (await trailOf("agent", "doomed")).map(({ action }) => action);
    expect(actions).toEqual(["agent.created", "agent.updated", "agent.deleted"]);
  });

  it("is not for oneself", async () => {
    const agent = await newAgent("self-doomed", { roles: ["admin"] });
    expect(codeOf(await agent.api.delete("/agents/self-doomed?force=true"))).toEqual([409, "INVALID_STATE"]);
  });

  it("is refused while it applies a task, named in details, unless forced, which releases its permits", async () => {
    await newAgent("busy-one");
    const task = await applying("busy-one");
    const refused = await root.delete<ErrorBody>("/agents/busy-one");
    expect(codeOf(refused)).toEqual([409, "INVALID_STATE"]);
    expect(refused.body.error.details).toMatchObject({ tasks: [task] });
    expect((await root.delete("/agents/busy-one?force=false")).status).toBe(409);
    expect((await root.delete("/agents/busy-one?force=yes")).status).toBe(400);
    expect((await root.delete("/agents/busy-one?force=true")).status).toBe(204);
    expect(await agentOf(env, "default", "busy-one").activeTasks("agent:busy-one")).toEqual([]);
  });

  it("by force ends all that it held anywhere, at once or, if it was taken a moment before, a second later", async () => {
    // Its alarm must not ring by itself before the test has seen what there is to release.
    stopClock();
    await newAgent("greedy");
    const listed = (lease: string) =>
      eventually(async () => {
        const { body } = await root.get<{ locks: { id: string }[] }>("/locks?agent_id=greedy&resource_type=resource");
        expect(body.locks.map(({ id }) => id)).toContain(lease);
      });
    const known = await leaseOf("greedy", "greedy/known");
    await listed(known);
    const late = await leaseOf("greedy", "greedy/late");
    pass(1);
    expect((await root.delete("/agents/greedy?force=true")).status).toBe(204);
    const endOf = async (id: string) => (await root.get<ErrorBody>(`/locks/${id}`)).body.error?.details?.ended_reason;
    expect(await endOf(known)).toBe("forced");
    await newAgent("greedy");
    pass(1_000);
    const young = await leaseOf("greedy", "greedy/young");
    for (const lease of [late, young]) await listed(lease);
    await new Stage("default").ring("agent:greedy");
    expect(await endOf(late)).toBe("forced");
    expect((await root.get(`/locks/${young}`)).body).toMatchObject({ status: "held" });
  });

  it("by force ends what it held although the clocks of its locks are ahead", async () => {
    await newAgent("early");
    const lease = await leaseOf("early", "early/lease");
    await eventually(async () => {
      const { body } = await root.get<{ locks: { id: string }[] }>("/locks?agent_id=early");
      expect(body.locks.map(({ id }) => id)).toEqual([lease]);
    });
    vi.useFakeTimers({ toFake: ["Date"] });
    pass(-60_000);
    expect((await root.delete("/agents/early?force=true")).status).toBe(204);
    const { body } = await root.get<ErrorBody>(`/locks/${lease}`);
    expect(body.error?.details?.ended_reason).toBe("forced");
  });

  it("frees the id for a new agent, whom old tokens do not serve", async () => {
    const old = await newAgent("reborn", { roles: ["admin"] });
    await root.delete("/agents/reborn");
    const young = await newAgent("reborn", { roles: ["admin"] });
    expect((await old.api.patch("/agents/reborn", { labels: {} })).status).toBe(401);
    expect((await young.api.patch("/agents/reborn", { labels: { a: "1" } })).status).toBe(200);
    expect((await root.get<AgentBody>("/agents/reborn")).body.presence).toMatchObject({
      status: "never_seen",
      max_tasks: 4,
    });
  });
});

describe("POST /agents/:id/heartbeat", () => {
  it("keeps all its leases alive in the same call, each on its own", async () => {
    const agent = await newAgent("keeper");
    const other = await newAgent("other-keeper");
    const mine = await leaseOf("keeper", "orders");
    const theirs = await leaseOf(other.id, "customers");
    const nothing = [crypto.randomUUID(), idOf(freshTaskAddress(Date.now())), `${mine.slice(0, -8)}000000ff`];
    const before = Date.now();
    const { status, body } = await agent.api.post<Beat>("/agents/keeper/heartbeat", {
      lock_ids: [mine.toUpperCase(), theirs, ...nothing],
      ttl_extension_seconds: 300,
    });
    expect(status).toBe(200);
    expect(body.leases.map(({ lock_id }) => lock_id)).toEqual([mine, theirs, ...nothing]);
    const [own, ...others] = body.leases;
    expect(Date.parse(own?.expires_at ?? "")).toBeGreaterThanOrEqual(before + 300_000);
    expect(others.map(({ error }) => error?.code)).toEqual([
      "NOT_LOCK_HOLDER",
      "LOCK_NOT_FOUND",
      "LOCK_NOT_FOUND",
      "LOCK_NOT_FOUND",
    ]);
  });

  it("is for the agent itself, not for admins, users of its name or other agents", async () => {
    await newAgent("itself");
    const other = await newAgent("another");
    for (const caller of [root, other.api]) {
      expect(codeOf(await caller.post("/agents/itself/heartbeat"))).toEqual([403, "FORBIDDEN"]);
    }
    expect(codeOf(await root.post("/agents/root/heartbeat"))).toEqual([403, "FORBIDDEN"]);
  });

  it("needs the scope agents:write", async () => {
    await newAgent("scoped");
    const made = await root.post("/agents/scoped/tokens", { scopes: ["agents:read"] });
    const beat = await api(String(made.body.token)).post<ErrorBody>("/agents/scoped/heartbeat");
    expect(codeOf(beat)).toEqual([403, "FORBIDDEN"]);
    expect(beat.body.error.details).toMatchObject({ scope: "agents:write" });
  });

  it.each([
    [{ status: "sleeping" }, "status"],
    [{ lock_ids: ["not-a-uuid"] }, "lock_ids.0"],
    [{ lock_ids: Array.from({ length: 101 }, () => crypto.randomUUID()) }, "lock_ids"],
    [{ ttl_extension_seconds: 4 }, "ttl_extension_seconds"],
    [{ ttl_extension_seconds: 301 }, "ttl_extension_seconds"],
    [{ metrics: [] }, "metrics"],
    [{ leases: [] }, "leases"],
  ])("names what is wrong (%#)", async (body, field) => {
    const id = `wrong-${field.replace(/[^a-z]/g, "-")}-${crypto.randomUUID().slice(0, 8)}`;
    const agent = await newAgent(id);
    const beat = await agent.api.post<ErrorBody>(`/agents/${id}/heartbeat`, body);
    expect(beat.status).toBe(400);
    expect(beat.body.error.details?.field).toBe(field);
  });
});

describe("who may what with agents", () => {
  it("is: read, everybody; change and tokens, admins", async () => {
    const agent = await newAgent("w-one");
    const user = await newUser("w-user", ["author", "reviewer"]);
    for (const { api: caller } of [agent, user]) {
      expect((await caller.get("/agents")).status).toBe(200);
      expect(codeOf(await caller.post("/agents", { name: "x" }))).toEqual([403, "FORBIDDEN"]);
      expect(codeOf(await caller.patch("/agents/w-one", { max_tasks: 9 }))).toEqual([403, "FORBIDDEN"]);
      expect(codeOf(await caller.delete("/agents/w-one"))).toEqual([403, "FORBIDDEN"]);
      expect(codeOf(await caller.get("/agents/w-one/tokens"))).toEqual([403, "FORBIDDEN"]);
      expect(codeOf(await caller.post("/agents/w-one/tokens"))).toEqual([403, "FORBIDDEN"]);
    }
    expect((await root.get<{ tokens: unknown[] }>("/agents/w-one/tokens")).body.tokens).toHaveLength(1);
    expect(codeOf(await root.get("/agents/nobody/tokens"))).toEqual([404, "AGENT_NOT_FOUND"]);
  });
});
