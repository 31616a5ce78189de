/** Who is told of a task's life and of its approvals (05-realtime-and-audit, "Who gets what"), row by row. */
import { afterEach, describe, expect, it, vi } from "vitest";
import { freshTaskAddress, idOf } from "../src/actor/ids.ts";
import type { Lock } from "../src/locks/contract.ts";
import type { ChannelApi } from "../src/realtime/channel-api.ts";
import type { Event } from "../src/realtime/contract.ts";
import type { Task } from "../src/tasks/task-contract.ts";
import { eventsOf, HUB, listen, namesOf, payloadOf, subscribe, told } from "./support/channel.ts";
import { onCommits } from "./support/commits.ts";
import {
  approve,
  eventually,
  ok,
  orders,
  type Person,
  pass,
  requestOf,
  Stage,
  stopClock,
  WEB,
} from "./support/stage.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function states(events: readonly Event[]): unknown[][] {
  return events
    .filter(({ event }) => event === "task:state_changed")
    .map(({ payload }) => [payload.previous_state, payload.new_state, payload.triggered_by]);
}

async function readyOn(stage: Stage, channel: string): Promise<Event[]> {
  return (await eventsOf(stage, channel)).filter(({ event }) => event === "task:ready");
}

function answer(reviewer: Person, task: Task, body: Record<string, unknown>) {
  return reviewer.post(`/approvals/${requestOf(reviewer, task).id}/respond`, body);
}

describe("a task's whole life", () => {
  it("is told on its own channel, and to its author all but that they filed it", async () => {
    const stage = new Stage();
    const { alice, bob, carol, robo } = await stage.cast();
    const { id } = await stage.approved(alice, [bob, carol], { resources: [orders] });
    await stage.apply(robo, id);
    ok(await robo.post(`/tasks/${id}/heartbeat`, { progress: 40, message: "half of it" }));
    ok(await robo.post(`/tasks/${id}/complete`, { result: "success", output: { rows: 3 } }));
    const own = (await eventsOf(stage, `task:${id}`)).filter(({ event }) => !event.startsWith("lock:"));
    expect(states(own)).toEqual([
      [null, "DRAFT", "alice"],
      ["DRAFT", "SUBMITTED", "alice"],
      ["SUBMITTED", "REVIEWING", "alice"],
      ["REVIEWING", "APPROVED", "carol"],
      ["APPROVED", "APPLYING", "robo"],
      ["APPLYING", "COMPLETED", "robo"],
    ]);
    expect(own.map(({ event }) => event)).toEqual([
      ...Array<string>(3).fill("task:state_changed"),
      "approval:requested",
      "approval:requested",
      "approval:responded",
      "approval:responded",
      "task:state_changed",
      "approval:approved",
      "task:approved",
      "task:state_changed",
      "task:progress",
      "task:state_changed",
      "task:completed",
    ]);
    const payloads = (name: string) => own.filter(({ event }) => event === name).map(({ payload }) => payload);
    expect(payloads("approval:approved")).toEqual([{ task_id: id, policy_id: "builtin" }]);
    expect(payloads("task:approved")).toEqual([{ task_id: id }]);
    expect(payloads("task:progress")).toEqual([{ task_id: id, progress: 40, message: "half of it" }]);
    expect(payloads("task:completed")).toEqual([
      { task_id: id, result: "success", duration_seconds: expect.any(Number), output: { rows: 3 } },
    ]);
    const toAuthor = await eventually(async () => {
      const events = await eventsOf(stage, "user:alice");
      expect(events.at(-1)?.event).toBe("task:completed");
      return events;
    });
    const asked = (event: string) => event === "approval:requested";
    expect(toAuthor.map(({ event, payload }) => ({ event, payload }))).toEqual(
      own.filter(({ event, seq }) => !asked(event) && seq > 1).map(({ event, payload }) => ({ event, payload })),
    );
  });

  it("costs its author's inbox one commit a step, whatever that step tells", async () => {
    const stage = new Stage();
    const { alice, bob } = await stage.cast();
    await stage.submitted(alice);
    await told(stage, "user:alice", "task:state_changed");
    let commits = 0;
    const inbox = stage.stub("inbox:alice").id.toString();
    onCommits(stage.workspace, ({ ctx }) => {
      if (ctx.id.toString() === inbox) commits += 1;
    });
    const before = (await eventsOf(stage, "user:alice")).length;
    const task = await stage.submitted(alice);
    ok(await approve(bob, task));
    const since = await eventually(async () => {
      const events = (await eventsOf(stage, "user:alice")).slice(before);
      expect(events.at(-1)?.event).toBe("task:approved");
      return events;
    });
    expect(since.length).toBe(6);
    expect(commits).toBe(2);
  });

  it("is told to an author for whom an admin filed it from the beginning", async () => {
    const stage = new Stage();
    await stage.user("alice", "author");
    const adm = await stage.user("adm", "admin");
    await stage.draft({ ...adm, id: "alice" });
    expect(states(await told(stage, "user:alice", "task:state_changed"))).toEqual([[null, "DRAFT", "adm"]]);
  });

  it("leaves megabytes of output out of the event", async () => {
    const stage = new Stage();
    const { alice, bob, robo } = await stage.cast();
    const { id } = await stage.approved(alice, [bob]);
    await stage.apply(robo, id);
    const output = "x".repeat(20_000);
    ok(await robo.post(`/tasks/${id}/complete`, { result: "failure", output, error: "no disk" }));
    const payload = await payloadOf(stage, `task:${id}`, "task:completed");
    expect(payload).toEqual({
      task_id: id,
      result: "failure",
      duration_seconds: expect.any(Number),
      error: "no disk",
    });
    expect((await stage.task(id)).execution?.output).toBe(output);
  });

  it("tells of edits and comments, and of whose they are", async () => {
    const stage = new Stage();
    const { alice, bob } = await stage.cast();
    const task = await stage.submitted(alice);
    ok(await bob.post(`/tasks/${task.id}/comments`, { body: "why now?" }), 201);
    ok(await alice.patch(`/tasks/${task.id}`, { config: { priority: 60 } }));
    for (const channel of [`task:${task.id}`, "user:alice"]) {
      expect(await payloadOf(stage, channel, "task:commented")).toEqual({
        task_id: task.id,
        comment_id: expect.any(String),
        author_id: "bob",
      });
      expect(await payloadOf(stage, channel, "task:updated")).toEqual({
        task_id: task.id,
        revision: 2,
        changed: ["config.priority"],
        updated_by: "alice",
      });
    }
  });
});

describe("an approval request", () => {
  it("is told to whom it asks and on the task's channel, field by field", async () => {
    const stage = new Stage();
    const { alice, bob } = await stage.cast();
    const task = await stage.submitted(alice, { resources: [orders] });
    const request = requestOf(bob, task);
    const payload = {
      approval_id: request.id,
      task_id: task.id,
      task_type: "service.configure",
      reviewer_id: "bob",
      requested_by: "alice",
      priority: "HIGH",
      due_at: request.due_at,
      risk_score: task.risk?.score,
    };
    expect(await payloadOf(stage, "user:bob", "approval:requested")).toEqual(payload);
    const all = await told(stage, `task:${task.id}`, "approval:requested");
    expect(all.map(({ payload }) => payload.reviewer_id)).toEqual(["bob", "carol"]);
    expect(all[0]?.payload).toEqual(payload);
    expect(await namesOf(stage, "user:carol")).toEqual(["approval:requested"]);
  });

  it("that is answered is told on the task's channel and to the author; whoever was not needed hears how it ended", async () => {
    const stage = new Stage();
    const { alice, bob } = await stage.cast();
    const task = await stage.submitted(alice);
    ok(await answer(bob, task, { action: "reject", reason: "not on a Friday" }));
    const payload = {
      approval_id: requestOf(bob, task).id,
      task_id: task.id,
      reviewer_id: "bob",
      action: "reject",
      reason: "not on a Friday",
    };
    expect(await payloadOf(stage, `task:${task.id}`, "approval:responded")).toEqual(payload);
    expect(await payloadOf(stage, "user:alice", "approval:responded")).toEqual(payload);
    expect(await payloadOf(stage, "user:carol", "approval:resolved")).toEqual({
      approval_id: requestOf("carol", task).id,
      task_id: task.id,
      outcome: "REJECTED",
    });
    expect(await namesOf(stage, "user:bob")).toEqual(["approval:requested"]);
    expect(await namesOf(stage, `task:${task.id}`)).not.toContain("approval:resolved");
    const { payload: ended } = (await eventsOf(stage, "user:alice")).at(-1) ?? {};
    expect(ended).toMatchObject({ new_state: "REJECTED", reason: "not on a Friday" });
  });

  it("costs the inbox of the person asked no commit beside the request's own", async () => {
    const stage = new Stage();
    const { alice } = await stage.cast();
    await stage.submitted(alice);
    await told(stage, "user:bob", "approval:requested");
    let commits = 0;
    const inbox = stage.stub("inbox:bob").id.toString();
    onCommits(stage.workspace, ({ ctx }) => {
      if (ctx.id.toString() === inbox) commits += 1;
    });
    await stage.submitted(alice);
    await eventually(async () => expect((await namesOf(stage, "user:bob")).length).toBe(2));
    expect(commits).toBe(1);
  });
});

describe("a task's channel", () => {
  it("of no task, and of one that was deleted, is refused and leaves nothing behind", async () => {
    const stage = new Stage();
    const { alice } = await stage.cast();
    const absent = `task:${idOf(freshTaskAddress(Date.now()))}`;
    const { id } = await stage.draft(alice);
    ok(await alice.delete(`/tasks/${id}`), 204);
    for (const channel of [absent, `task:${id}`]) {
      const task = stage.stub(channel) as unknown as ChannelApi;
      const error = { ok: false, error: { code: "TASK_NOT_FOUND" } };
      expect(await task.subscribe(channel, channel, HUB, 1)).toMatchObject(error);
      expect(await task.events(channel, { channel, after: 0, limit: 10 })).toMatchObject(error);
    }
    const absentTask = stage.stub(absent) as unknown as { head(): Promise<unknown> };
    expect(await absentTask.head()).toBeNull();
  });

  it("is pushed to a hub that subscribed, beside everything that is stored", async () => {
    const stage = new Stage();
    const { alice } = await stage.cast();
    const { id } = await stage.draft(alice);
    const channel = `task:${id}`;
    const pushed = await listen(stage, channel);
    const head = await subscribe(stage, channel);
    ok(await alice.post(`/tasks/${id}/submit`), 202);
    ok(await alice.post(`/tasks/${id}/cancel`));
    await eventually(async () => expect(pushed.at(-1)?.payload.new_state).toBe("CANCELLED"));
    expect(pushed).toEqual(await eventsOf(stage, channel, head));
  });
});

describe("an approved task", () => {
  it("is told to agents that are idle and take its type, at most three, each in its own journal", async () => {
    const stage = new Stage();
    const { alice, bob } = await stage.cast();
    const idle = await Promise.all(["i1", "i2", "i3", "i4"].map((id) => stage.agent(id)));
    const other = await stage.agent("other", { capabilities: ["database.*"] });
    const draining = await stage.agent("draining");
    for (const agent of [...idle, other]) ok(await agent.post(`/agents/${agent.id}/heartbeat`, {}));
    ok(await draining.post("/agents/draining/heartbeat", { status: "draining" }));
    /** Each agent's news of a task, beside what its channel says of its own presence. */
    const heard = async ({ id }: Task) => {
      const all = await Promise.all(idle.map((agent) => readyOn(stage, `agent:${agent.id}`)));
      return all
        .map((events) => events.filter(({ payload }) => payload.task_id === id))
        .filter(({ length }) => length > 0);
    };
    const task = await stage.approved(alice, [bob]);
    await eventually(async () => expect((await heard(task)).length).toBeGreaterThanOrEqual(3));
    // Once another is told of, whoever else was to hear of the first has heard.
    const next = await stage.approved(alice, [bob], { parameters: { second: true } });
    await eventually(async () => expect((await heard(next)).length).toBeGreaterThanOrEqual(3));
    const { resources } = task.config;
    const payload = { task_id: task.id, priority: 50, type: "service.configure", resources };
    const once = [expect.objectContaining({ event: "task:ready", payload })];
    expect(await heard(task)).toEqual([once, once, once]);
    for (const id of ["other", "draining", "robo"]) expect(await readyOn(stage, `agent:${id}`), id).toEqual([]);
  });

  it("is told to nobody when a claim that is open takes it at once", async () => {
    const stage = new Stage();
    const { alice, bob, robo } = await stage.cast();
    const idle = await stage.agent("idle");
    ok(await idle.post("/agents/idle/heartbeat", {}));
    const claim = robo.post("/tasks/claim", { wait_seconds: 20 });
    const task = await stage.approved(alice, [bob]);
    expect(ok<{ task: Task }>(await claim).task.id).toBe(task.id);
    const next = await stage.approved(alice, [bob], { parameters: { second: true } });
    const [ready] = await told(stage, "agent:idle", "task:ready");
    expect(ready?.payload.task_id).toBe(next.id);
  });

  it("whose apply had to wait tells its agent to go on, by its channel and its heartbeats until it works on it", async () => {
    const stage = new Stage();
    const { alice, bob, robo } = await stage.cast();
    const other = await stage.agent("other");
    const { id } = await stage.approved(alice, [bob]);
    const lease = ok<Lock>(await other.post("/locks/acquire", { resource_type: "resource", resource_id: WEB }), 201);
    ok(await robo.post(`/tasks/${id}/apply`), 202);
    const beat = async () => ok<{ commands: unknown[] }>(await robo.post("/agents/robo/heartbeat", {})).commands;
    expect(await beat()).toEqual([]);
    ok(await other.post("/locks/release", { lock_id: lease.id }), 204);
    const { leases, ...payload } = await payloadOf(stage, "agent:robo", "task:apply");
    expect(payload).toEqual({ task_id: id, priority: 50, type: "service.configure" });
    expect(leases).toMatchObject([
      { resource_type: "agent" },
      { resource_type: "task" },
      { resource_type: "resource", resource_id: WEB, fencing_token: 2 },
    ]);
    const command = { command: "task:apply", task_id: id, leases };
    expect(await beat()).toEqual([command]);
    await stage.abort("agent:robo");
    expect(await beat()).toEqual([command]);
    expect(ok(await robo.post(`/tasks/${id}/heartbeat`, {}))).toMatchObject({ commands: [] });
    expect(await beat()).toEqual([]);
  });

  it("that lapsed before its agent began is no command any more", async () => {
    const stage = new Stage();
    const { alice, bob, robo } = await stage.cast();
    const other = await stage.agent("other");
    const { id } = await stage.approved(alice, [bob]);
    stopClock();
    const lease = ok<Lock>(await other.post("/locks/acquire", { resource_type: "resource", resource_id: WEB }), 201);
    ok(await robo.post(`/tasks/${id}/apply`), 202);
    ok(await other.post("/locks/release", { lock_id: lease.id }), 204);
    await payloadOf(stage, "agent:robo", "task:apply");
    pass(31_000);
    expect(ok<{ commands: unknown[] }>(await robo.post("/agents/robo/heartbeat", {})).commands).toEqual([]);
  });
});
