import { afterEach, describe, expect, it, vi } from "vitest";
import type { Lock } from "../src/locks/contract.ts";
import { ResourceActor } from "../src/locks/resource-actor.ts";
import type { Task } from "../src/tasks/task-contract.ts";
import { A, B, both, complete, give, leaseOn, lockOf, resource, setting, taken } from "./support/applies.ts";
import {
  type Applied,
  approve,
  detailsOf,
  eventually,
  ok,
  pass,
  type Queued,
  refusal,
  requestOf,
  stopClock,
  WEB,
  web,
} from "./support/stage.ts";

afterEach(() => {
  vi.useRealTimers();
});

describe("POST /tasks/:id/apply", () => {
  it("takes a permit, the task's lock and every resource by key, and hands out tokens that rise", async () => {
    const { stage, alice, bob, robo, id } = await setting(both);
    const applied = await stage.apply(robo, id);
    expect(applied).toMatchObject({
      state: "APPLYING",
      lock_info: { agent_id: "robo" },
      execution: { attempt: 1, agent_id: "robo" },
    });
    expect(applied.leases.map(({ resource_type, resource_id }) => `${resource_type} ${resource_id}`)).toEqual([
      "agent robo",
      `task ${id}`,
      `resource ${A}`,
      `resource ${B}`,
    ]);
    const tokens = [leaseOn(applied.leases, A).fencing_token];
    ok(await complete(robo, id));
    for (let round = 0; round < 2; round += 1) {
      const next = await stage.approved(alice, [bob], both);
      const { leases } = await stage.apply(robo, next.id);
      tokens.push(leaseOn(leases, A).fencing_token);
      ok(await complete(robo, next.id));
    }
    expect(tokens).toEqual([1, 2, 3]);
  });

  it("repeated gives the same answer, to another agent 409, and replays under an Idempotency-Key", async () => {
    const { robo, other, id } = await setting();
    const key = { "Idempotency-Key": "apply" };
    const [first, racing] = await Promise.all([
      robo.post<Applied>(`/tasks/${id}/apply`, {}, key),
      robo.post<Applied>(`/tasks/${id}/apply`),
    ]);
    expect(ok<Applied>(racing).leases).toEqual(ok<Applied>(first).leases);
    expect(ok<Applied>(await robo.post(`/tasks/${id}/apply`))).toEqual(racing.body);
    const second = await other.post(`/tasks/${id}/apply`);
    expect(refusal(second)).toEqual([409, "INVALID_STATE"]);
    expect(detailsOf(second)).toMatchObject({ state: "APPLYING", agent_id: "robo" });
    ok(await complete(robo, id));
    const replay = await robo.post(`/tasks/${id}/apply`, {}, key);
    expect([replay.status, replay.headers.get("Idempotency-Replayed")]).toEqual([200, "true"]);
    expect(replay.body).toEqual(first.body);
    expect(refusal(await robo.post(`/tasks/${id}/apply`))).toEqual([409, "INVALID_STATE"]);
  });

  it("by ten agents at once is won by one", async () => {
    const { stage, id } = await setting();
    const agents = await Promise.all(Array.from({ length: 10 }, (_, n) => stage.agent(`w${n}`)));
    const answers = await Promise.all(agents.map((agent) => agent.post(`/tasks/${id}/apply`)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(9).fill(409)]);
  });

  it("lets tasks that only read share a resource", async () => {
    const reading = { resources: [{ ...web, actions: ["read"] }] };
    const { stage, alice, bob, robo, other, id } = await setting(reading);
    const second = await stage.approved(alice, [bob], reading);
    const [one, two] = [await stage.apply(robo, id), await stage.apply(other, second.id)];
    expect([one, two].map(({ leases }) => leaseOn(leases, WEB).mode)).toEqual(["shared", "shared"]);
  });

  it("names no agent that does not exist, and leaves the task to others", async () => {
    const { stage, robo, id } = await setting();
    expect(refusal(await stage.root.post(`/tasks/${id}/apply`, { agent_id: "nobody" }))).toEqual([
      404,
      "AGENT_NOT_FOUND",
    ]);
    expect((await stage.task(id)).state).toBe("APPROVED");
    await stage.apply(robo, id);
  });
});

describe("an apply that finds a lock taken", () => {
  it("is 202 with its place in the queue, and turns APPLYING by itself when the holder releases", async () => {
    const { stage, robo, other, id } = await setting(both);
    const lease = await taken(other, B);
    const queued = ok<Queued>(await robo.post(`/tasks/${id}/apply`), 202);
    expect(queued).toMatchObject({
      state: "APPROVED",
      queue: [{ resource_type: "resource", resource_id: B, queue_position: 1 }],
    });
    expect(refusal(await lockOf(other, A, { wait_for_available: false }))).toEqual([423, "RESOURCE_LOCKED"]);
    expect(ok<Queued>(await robo.post(`/tasks/${id}/apply`), 202).queue).toEqual(queued.queue);
    expect(refusal(await other.post(`/tasks/${id}/apply`))).toEqual([409, "INVALID_STATE"]);
    await give(lease, other);
    expect(await stage.becomes(id, "APPLYING")).toMatchObject({ execution: { attempt: 1, agent_id: "robo" } });
    const { leases } = await stage.apply(robo, id);
    expect(leaseOn(leases, B).fencing_token).toBe(2);
    ok(await complete(robo, id));
    await stage.expectFree(["robo"], [A, B]);
  });

  it("waits for a permit of its agent, too", async () => {
    const { stage, alice, bob, id } = await setting({ resources: [{ ...web, id: "a" }] });
    const narrow = await stage.agent("narrow", { max_tasks: 1 });
    const second = await stage.approved(alice, [bob], { resources: [{ ...web, id: "b" }] });
    await stage.apply(narrow, id);
    expect(ok<Queued>(await narrow.post(`/tasks/${second.id}/apply`), 202).queue).toEqual([
      { resource_type: "agent", resource_id: "narrow", queue_position: 1 },
    ]);
    ok(await complete(narrow, id));
    await stage.becomes(second.id, "APPLYING");
  });

  it("queues in the order of asking, with tasks and clients in one queue", async () => {
    const { stage, alice, bob, robo, other, id } = await setting();
    const second = await stage.approved(alice, [bob]);
    const lease = await taken(other, WEB);
    ok(await robo.post(`/tasks/${id}/apply`), 202);
    const client = ok<Lock>(await lockOf(other, WEB, { session_id: "between" }), 202);
    expect(ok<Queued>(await robo.post(`/tasks/${second.id}/apply`), 202).queue[0]?.queue_position).toBe(3);
    await give(lease, other);
    await stage.becomes(id, "APPLYING");
    expect((await stage.task(second.id)).state).toBe("APPROVED");
    ok(await complete(robo, id));
    expect((await other.get<Lock>(`/locks/${client.id}`)).body).toMatchObject({ status: "held" });
    await give(client, other);
    // What it was approved for is not what it would do now: the first task has moved the resource on.
    await stage.becomes(second.id, "REVIEWING");
    await stage.expectFree(["robo"], [WEB]);
  });

  it("cancelled meanwhile gives everything back, held or awaited", async () => {
    const { stage, alice, robo, other, id } = await setting(both);
    const lease = await taken(other, B);
    ok(await robo.post(`/tasks/${id}/apply`), 202);
    const behind = ok<Lock>(await lockOf(other, A), 202);
    expect(ok<Task>(await alice.post(`/tasks/${id}/cancel`)).state).toBe("CANCELLED");
    await eventually(async () => {
      expect((await other.get<Lock>(`/locks/${behind.id}`)).body.status).toBe("held");
    });
    await give(behind, other);
    await give(lease, other);
    await stage.expectFree(["robo"], [A, B]);
    expect((await stage.task(id)).state).toBe("CANCELLED");
    await stage.expectVerified(`task:${id}`, `resource:${A}`, `resource:${B}`);
  });

  it("cancelled in the very moment in which it takes its locks leaves none behind", async () => {
    const { stage, alice, bob, robo } = await setting();
    for (let round = 0; round < 10; round += 1) {
      const { id } = await stage.approved(alice, [bob], both);
      const [applied, cancelled] = await Promise.all([
        robo.post(`/tasks/${id}/apply`),
        alice.post(`/tasks/${id}/cancel`),
      ]);
      const { state } = await stage.task(id);
      expect(["APPLYING", "CANCELLED"]).toContain(state);
      expect([applied.status, cancelled.status]).toEqual(state === "APPLYING" ? [200, 409] : [409, 200]);
      if (state === "APPLYING") ok(await complete(robo, id, { result: "cancelled" }));
      await stage.expectFree(["robo"], [A, B]);
    }
  });

  it("renews what it holds while it waits, lets go of all of it after a minute, and tries again by itself", async () => {
    const { stage, robo, other, id } = await setting(both);
    stopClock();
    const lease = await taken(other, B, { ttl_seconds: 300 });
    ok(await robo.post(`/tasks/${id}/apply`), 202);
    for (let waited = 10; waited < 60; waited += 10) {
      pass(10_000);
      await stage.ring(`task:${id}`);
      expect(refusal(await lockOf(other, A, { wait_for_available: false }))).toEqual([423, "RESOURCE_LOCKED"]);
    }
    pass(10_000);
    await stage.ring(`resource:${B}`);
    await stage.ring(`task:${id}`);
    await stage.expectFree(["robo"], [A]);
    expect(await stage.task(id)).toMatchObject({ state: "APPROVED" });
    expect((await stage.task(id)).execution).toBeUndefined();
    await give(lease, other);
    pass(2_000);
    await stage.ring(`task:${id}`);
    expect(await stage.becomes(id, "APPLYING")).toMatchObject({ execution: { attempt: 1 } });
    ok(await complete(robo, id));
    await stage.expectFree(["robo"], [A, B]);
  });

  it("tries again by itself although its locks had not heard yet, when it was rested, that it had let go", async () => {
    const { stage, robo, other, id } = await setting(both);
    stopClock();
    const lease = await taken(other, B, { ttl_seconds: 300 });
    ok(await robo.post(`/tasks/${id}/apply`), 202);
    pass(60_000);
    const deaf = vi.spyOn(ResourceActor.prototype, "deliver").mockRejectedValue(new Error("lost, for a test"));
    await stage.ring(`task:${id}`);
    pass(2_000);
    await stage.ring(`task:${id}`);
    deaf.mockRestore();
    await give(lease, other);
    await eventually(async () => {
      pass(5_000);
      await stage.ring(`task:${id}`);
      expect((await stage.task(id)).state).toBe("APPLYING");
    });
  }, 8_000);
});

describe("drift", () => {
  it("between approval and apply is 409: the task is back in review as a new revision, and holds nothing", async () => {
    const { stage, alice, bob, carol, robo, id } = await setting();
    const rival = await stage.approved(alice, [bob], { parameters: { theme: "dark" } });
    await stage.apply(robo, rival.id);
    ok(await complete(robo, rival.id));
    const answer = await robo.post(`/tasks/${id}/apply`);
    expect(refusal(answer)).toEqual([409, "DRIFTED"]);
    expect(detailsOf(answer)).toMatchObject({ state: "REVIEWING", revision: 2 });
    const drifted = await stage.task(id);
    expect(drifted).toMatchObject({ state: "REVIEWING", revision: 2, approvals: [], current_approvals: 0 });
    expect(drifted.preview?.changes).toMatchObject([
      { before: { theme: "dark" }, after: { theme: "dark", checkout: "new" } },
    ]);
    expect(drifted.metadata.approved_at).toBeUndefined();
    await stage.expectFree(["robo"], [WEB]);
    expect((await robo.post("/tasks/claim")).status).toBe(204);
    expect(requestOf(bob, drifted).status).toBe("PENDING");
    await approve(carol, drifted);
    const { leases } = await stage.apply(robo, id);
    expect(leases).toHaveLength(3);
    ok(await complete(robo, id));
    expect(await resource(stage, "web")).toEqual({ attributes: { theme: "dark", checkout: "new" }, revision: 2 });
    await stage.expectVerified(`task:${id}`);
  });

  it("is not what leaves the very same change", async () => {
    const { stage, alice, bob, robo, id } = await setting();
    const rival = await stage.approved(alice, [bob], { resources: [{ ...web, actions: ["execute"] }] });
    await stage.apply(robo, rival.id);
    ok(await complete(robo, rival.id));
    await stage.apply(robo, id);
  });
});
