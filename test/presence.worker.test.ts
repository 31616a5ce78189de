/** Agents that come, fall silent and go: presence by heartbeats, timers and looks (02-http-and-auth, "Agents"). */
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ActorApi } from "../src/actor/actor-api.ts";
import type { Entry } from "../src/actor/journal.ts";
import type { PresentAgent } from "../src/agents/contract.ts";
import { eventsOf, told } from "./support/channel.ts";
import { onCommits } from "./support/commits.ts";
import { eventually, ok, type Person, pass, refusal, Stage, stopClock, web } from "./support/stage.ts";

const INTERVAL = 10_000;
const STALE = 3 * INTERVAL + 1;
const OFFLINE = 10 * INTERVAL + 1;

interface List {
  readonly agents: readonly PresentAgent[];
  readonly pagination: { readonly total: number; readonly next_cursor?: string };
}

beforeEach(stopClock);

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function beat(agent: Person, body: object = {}) {
  return agent.post(`/agents/${agent.id}/heartbeat`, body);
}

async function beats(agent: Person, body: object = {}): Promise<PresentAgent["presence"]> {
  return ok<{ presence: PresentAgent["presence"] }>(await beat(agent, body)).presence;
}

async function presenceOf(stage: Stage, id: string): Promise<PresentAgent["presence"]> {
  return ok<PresentAgent>(await stage.root.get(`/agents/${id}`)).presence;
}

/** What the agent's own chain says of its presence, oldest first. */
async function changes(stage: Stage, id = "robo"): Promise<Entry[]> {
  const chain = await (stage.stub(`agent:${id}`) as unknown as ActorApi).chain(0, 1_000);
  return chain.map(({ entry }) => entry).filter(({ action }) => action.startsWith("agent."));
}

async function path(stage: Stage, id = "robo"): Promise<string[]> {
  return (await changes(stage, id)).map(({ to_state }) => String(to_state));
}

describe("presence", () => {
  it("is online while heartbeats arrive, then stale, then offline, told by the agent's own timer", async () => {
    const stage = new Stage();
    const robo = await stage.agent("robo");
    expect(await beats(robo, { metrics: { version: "1.2.3" } })).toMatchObject({ status: "online", version: "1.2.3" });
    const started = Date.now();
    pass(STALE - 1);
    await stage.ring("agent:robo");
    expect(await path(stage)).toEqual(["online"]);
    for (const after of [1, OFFLINE - STALE]) {
      pass(after);
      await stage.ring("agent:robo");
    }
    const rows = await changes(stage);
    expect(rows.map(({ from_state, to_state, who }) => [from_state, to_state, who.id])).toEqual([
      ["never_seen", "online", "robo"],
      ["online", "stale", "system"],
      ["stale", "offline", "system"],
    ]);
    const last_heartbeat_at = new Date(started).toISOString();
    for (const { details } of rows) expect(details).toEqual({ last_heartbeat_at });
    expect(await presenceOf(stage, "robo")).toMatchObject({ status: "offline", last_heartbeat_at, version: "1.2.3" });
    expect(await beats(robo)).toMatchObject({ status: "online" });
    expect((await path(stage)).at(-1)).toBe("online");
    await stage.expectVerified("agent:robo");
  });

  it("is told on agent:{id} and system as it changes, with when the agent was heard of last", async () => {
    const stage = new Stage();
    const robo = await stage.agent("robo");
    await beats(robo);
    const last_heartbeat_at = new Date().toISOString();
    pass(STALE);
    await stage.ring("agent:robo");
    const payload = { agent_id: "robo", last_heartbeat_at };
    const own = await eventsOf(stage, "agent:robo");
    expect(own.map(({ event, payload: said }) => [event, said])).toEqual([
      ["agent:online", payload],
      ["agent:stale", payload],
    ]);
    expect((await told(stage, "system", "agent:stale")).map(({ payload: said }) => said)).toEqual([payload]);
  });

  it("is found by whoever looks, when the alarm is late; an alarm that rings again finds nothing", async () => {
    const stage = new Stage();
    const robo = await stage.agent("robo");
    await beats(robo);
    pass(STALE);
    expect((await presenceOf(stage, "robo")).status).toBe("stale");
    expect(await path(stage)).toEqual(["online", "stale"]);
    await stage.ring("agent:robo");
    pass(OFFLINE);
    // Both what nobody noticed and what it now is.
    await beats(robo);
    expect(await path(stage)).toEqual(["online", "stale", "offline", "online"]);
    await stage.ring("agent:robo");
    await stage.ring("agent:robo");
    expect((await path(stage)).length).toBe(4);
  });

  it("outlives the object: evicted or killed between two heartbeats it goes on counting", async () => {
    const stage = new Stage();
    const robo = await stage.agent("robo");
    await beats(robo);
    await evictDurableObject(stage.stub("agent:robo"));
    pass(STALE);
    await stage.ring("agent:robo");
    expect(await path(stage)).toEqual(["online", "stale"]);
    await stage.abort("agent:robo");
    pass(OFFLINE);
    await stage.ring("agent:robo");
    expect(await path(stage)).toEqual(["online", "stale", "offline"]);
  });

  it("is not changed by a clock that steps back, and counts from the heartbeat after it", async () => {
    const stage = new Stage();
    const robo = await stage.agent("robo");
    await beats(robo);
    vi.setSystemTime(Date.now() - 3_600_000);
    await stage.ring("agent:robo");
    expect((await presenceOf(stage, "robo")).status).toBe("online");
    await beats(robo);
    pass(STALE);
    await stage.ring("agent:robo");
    expect(await path(stage)).toEqual(["online", "stale"]);
  });

  it("costs one commit a heartbeat, sets no alarm, and leaves nothing in the trail while it stays", async () => {
    const stage = new Stage();
    const robo = await stage.agent("robo");
    await beats(robo, { status: "idle", metrics: { version: "1" } });
    // What the kit had to do for the first one is done.
    pass(5_001);
    await stage.ring("agent:robo");
    const armed = () => runInDurableObject(stage.stub("agent:robo"), (_, state) => state.storage.getAlarm());
    const before = await armed();
    const commits: string[] = [];
    onCommits(stage.workspace, ({ place }) => commits.push(place.kind));
    for (let n = 0; n < 5; n += 1) {
      pass(INTERVAL / 5);
      await beats(robo, { status: "busy", metrics: { version: "1", load: n } });
    }
    expect(commits.filter((kind) => kind === "agent")).toHaveLength(5);
    expect(before).toBeGreaterThan(Date.now());
    expect(await armed()).toBe(before);
    expect(await path(stage)).toEqual(["online"]);
  });

  it("of an agent that goes offline takes nothing from it: its leases end by their own TTL", async () => {
    const stage = new Stage();
    const robo = await stage.agent("robo", { heartbeat_interval_seconds: 1 });
    const wanted = { resource_type: "resource", resource_id: "service:prod/kept", ttl_seconds: 60 };
    const lease = ok<{ id: string }>(await robo.post("/locks/acquire", wanted), 201);
    await beats(robo);
    pass(10_001);
    await stage.ring("agent:robo");
    expect((await presenceOf(stage, "robo")).status).toBe("offline");
    expect((await robo.post("/locks/heartbeat", { lock_id: lease.id })).status).toBe(200);
    pass(300_000);
    expect(refusal(await robo.post("/locks/heartbeat", { lock_id: lease.id }))).toEqual([404, "LOCK_EXPIRED"]);
  });

  it("ends with the agent: a new one of its name was never seen", async () => {
    const stage = new Stage();
    await beats(await stage.agent("robo"));
    ok(await stage.root.delete("/agents/robo"), 204);
    await eventually(async () => expect(await path(stage)).toEqual(["online", "offline"]));
    const young = await stage.agent("robo");
    expect((await presenceOf(stage, "robo")).status).toBe("never_seen");
    await eventually(async () => {
      const { agents } = ok<List>(await stage.root.get("/agents?status=never_seen"));
      expect(agents.map(({ id }) => id)).toEqual(["robo"]);
    });
    await beats(young);
    expect(await path(stage)).toEqual(["online", "offline", "online"]);
  });
});

describe("lists and counts by presence", () => {
  it("page over those who are asked for, and count each once, never_seen among the offline, left ones not at all", async () => {
    const stage = new Stage();
    const people = await Promise.all(["a", "b", "c", "d", "e", "f", "g"].map((id) => stage.agent(id)));
    const [a, b, c, d, e, , g] = people;
    for (const one of [a, b, g]) if (one !== undefined) await beats(one);
    pass(OFFLINE - STALE);
    for (const one of [c]) if (one !== undefined) await beats(one);
    pass(STALE);
    for (const one of [d, e]) if (one !== undefined) await beats(one);
    for (const { id } of people) await stage.ring(`agent:${id}`);
    ok(await stage.root.patch("/agents/e", { active: false }));
    const ids = async (query: string) => {
      const { agents, pagination } = ok<List>(await stage.root.get(`/agents?${query}`));
      return { ids: agents.map(({ id }) => id), ...pagination };
    };
    await eventually(async () => {
      expect(await ids("status=offline")).toMatchObject({ ids: ["a", "b", "g"], total: 3 });
      expect(await ids("status=stale")).toMatchObject({ ids: ["c"], total: 1 });
      expect(await ids("status=online")).toMatchObject({ ids: ["d", "e"], total: 2 });
    });
    expect(await ids("status=never_seen")).toMatchObject({ ids: ["f"], total: 1, has_more: false });
    const first = await ids("status=offline&limit=2");
    expect(first).toMatchObject({ ids: ["a", "b"], total: 3, has_more: true });
    expect(await ids(`status=offline&limit=2&cursor=${first.next_cursor}`)).toMatchObject({ ids: ["g"] });
    expect((await ids("status=offline&name=G")).ids).toEqual(["g"]);
    const { agents } = ok<{ agents: object }>(await stage.root.get("/stats"));
    expect(agents).toEqual({ online: 1, stale: 1, offline: 4 });
  });
});

describe("a draining agent", () => {
  const on = (id: string) => ({ resources: [{ ...web, id }] });

  async function setting() {
    const stage = new Stage();
    const cast = await stage.cast();
    const approved = (id: string) => stage.approved(cast.alice, [cast.bob], on(id));
    return { stage, ...cast, approved };
  }

  const claim = (agent: Person, body: object = {}) => agent.post<{ task: { id: string } }>("/tasks/claim", body);

  it("is given nothing to claim and is passed by, until it says otherwise or is gone", async () => {
    const { robo, approved } = await setting();
    await approved("one");
    await beats(robo, { status: "draining" });
    expect((await claim(robo)).status).toBe(204);
    await beats(robo, { status: "idle" });
    expect((await claim(robo)).status).toBe(200);
    await approved("two");
    await beats(robo, { status: "draining" });
    expect((await claim(robo)).status).toBe(204);
    // Whoever claims under its name once it is gone is another process.
    pass(OFFLINE);
    expect((await claim(robo)).status).toBe(200);
  });

  it("that holds a claim open is answered at once, with nothing; the task goes to somebody else", async () => {
    const { stage, robo, approved } = await setting();
    const other = await stage.agent("other");
    let answered = 0;
    void claim(robo, { wait_seconds: 20 }).then(({ status }) => {
      answered = status;
    });
    const another = claim(other, { wait_seconds: 20 });
    await eventually(async () => {
      await beats(robo, { status: "idle" });
      await beats(robo, { status: "draining" });
      expect(answered).toBe(204);
    });
    const { id } = await approved("late");
    expect((await another).body.task.id).toBe(id);
  });

  it("still finishes what it has, and is handed what it waited for", async () => {
    const { stage, robo, approved } = await setting();
    const other = await stage.agent("other");
    const running = await approved("running");
    await stage.apply(robo, running.id);
    const wanted = { resource_type: "resource", resource_id: "service:prod/waited" };
    const lease = ok<{ id: string }>(await other.post("/locks/acquire", wanted), 201);
    const waited = await approved("waited");
    ok(await robo.post(`/tasks/${waited.id}/apply`), 202);
    await beats(robo, { status: "draining" });
    ok(await other.post("/locks/release", { lock_id: lease.id }), 204);
    await stage.becomes(waited.id, "APPLYING");
    await eventually(async () => expect((await claim(robo)).body.task.id).toBe(waited.id));
    for (const { id } of [running, waited]) ok(await robo.post(`/tasks/${id}/complete`, { result: "success" }));
  });

  it("may be made one by an admin: told with every heartbeat until it drains, and no more once the label is gone", async () => {
    const { stage, robo, approved } = await setting();
    await approved("one");
    const commands = async (body: object = {}) => ok<{ commands: object[] }>(await beat(robo, body)).commands;
    expect(await commands()).toEqual([]);
    ok(await stage.root.patch("/agents/robo", { labels: { drain: "true" } }));
    for (let n = 0; n < 2; n += 1) expect(await commands({ status: "busy" })).toEqual([{ command: "drain" }]);
    expect(await commands({ status: "draining" })).toEqual([]);
    expect((await claim(robo)).status).toBe(204);
    await stage.abort("agent:robo");
    expect(await commands({ status: "idle" })).toEqual([{ command: "drain" }]);
    expect((await claim(robo)).status).toBe(204);
    ok(await stage.root.patch("/agents/robo", { labels: {} }));
    expect(await commands()).toEqual([]);
    expect((await claim(robo)).status).toBe(200);
  });
});

describe("max_tasks", () => {
  it("raised grants waiters at once; lowered takes nothing back, and grants no more until enough is given back", async () => {
    const stage = new Stage();
    const robo = await stage.agent("robo", { max_tasks: 1 });
    const permit = (session: string) =>
      robo.post<{ id: string; status: string }>("/locks/acquire", {
        resource_type: "agent",
        resource_id: "robo",
        session_id: session,
        ttl_seconds: 300,
        max_wait_seconds: 300,
      });
    const [first, second, third] = [await permit("s1"), await permit("s2"), await permit("s3")];
    expect([first.body.status, second.body.status, third.body.status]).toEqual(["held", "queued", "queued"]);
    ok(await stage.root.patch("/agents/robo", { max_tasks: 2 }));
    const status = async ({ body }: typeof first) => ok<{ status: string }>(await robo.get(`/locks/${body.id}`)).status;
    expect([await status(second), await status(third)]).toEqual(["held", "queued"]);
    ok(await stage.root.patch("/agents/robo", { max_tasks: 1 }));
    expect([await status(first), await status(second), await status(third)]).toEqual(["held", "held", "queued"]);
    ok(await robo.post("/locks/release", { lock_id: first.body.id }), 204);
    expect(await status(third)).toBe("queued");
    ok(await robo.post("/locks/release", { lock_id: second.body.id }), 204);
    expect(await status(third)).toBe("held");
    expect(await presenceOf(stage, "robo")).toMatchObject({ active_tasks: 1, max_tasks: 1 });
  });
});
