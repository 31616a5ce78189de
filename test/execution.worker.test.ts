/** An execution under way: its leases, and how it is completed. */
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Lock } from "../src/locks/contract.ts";
import type { Task } from "../src/tasks/task-contract.ts";
import { A, B, both, complete, give, leaseOn, lockOf, resource, setting, taken } from "./support/applies.ts";
import { detailsOf, eventually, ok, pass, refusal, stopClock, WEB, web } from "./support/stage.ts";

afterEach(() => {
  vi.useRealTimers();
});

describe("an execution's leases", () => {
  it("are all extended by one heartbeat, by the agent or an admin", async () => {
    const { stage, robo, other, id } = await setting(both);
    stopClock();
    await stage.apply(robo, id);
    pass(29_000);
    const beat = ok<{ leases: { expires_at: string }[] }>(
      await robo.post(`/tasks/${id}/heartbeat`, { ttl_extension_seconds: 60 }),
    );
    expect(beat.leases.map(({ expires_at }) => expires_at)).toEqual(Array(4).fill("2090-01-01T00:01:29.000Z"));
    pass(59_000);
    expect((await stage.root.post(`/tasks/${id}/heartbeat`)).status).toBe(200);
    pass(29_000);
    await stage.ring(`task:${id}`);
    expect(refusal(await lockOf(other, B, { wait_for_available: false }))).toEqual([423, "RESOURCE_LOCKED"]);
    expect(ok<Task>(await complete(robo, id)).state).toBe("COMPLETED");
  });

  it("may be kept alive one by one: the task looks before it believes that they lapsed", async () => {
    const { stage, robo, id } = await setting();
    stopClock();
    const { leases } = await stage.apply(robo, id);
    pass(20_000);
    ok(await robo.post("/agents/robo/heartbeat", { lock_ids: leases.map(({ lock_id }) => lock_id) }));
    pass(20_000);
    await stage.ring(`task:${id}`);
    expect((await stage.task(id)).state).toBe("APPLYING");
    pass(10_000);
    expect((await stage.task(id)).state).toBe("APPROVED");
  });

  it.each(["heartbeat", "complete", "apply", "cancel", "read"])(
    "that lapsed are found lapsed by the next %s, though no alarm has rung",
    async (how) => {
      const { stage, alice, robo, id } = await setting();
      stopClock();
      await stage.apply(robo, id);
      pass(30_000);
      const send = {
        heartbeat: () => robo.post(`/tasks/${id}/heartbeat`),
        complete: () => complete(robo, id),
        apply: () => robo.post(`/tasks/${id}/apply`),
        cancel: () => alice.post(`/tasks/${id}/cancel`),
        read: () => stage.root.get(`/tasks/${id}`),
      }[how];
      const answer = await send?.();
      if (answer === undefined) throw new Error(how);
      if (how === "cancel") expect(answer.body).toMatchObject({ state: "CANCELLED" });
      else if (how === "read") expect(answer.body).toMatchObject({ state: "APPROVED", retry_at: expect.any(String) });
      else expect(refusal(answer)).toEqual([409, how === "apply" ? "INVALID_STATE" : "TASK_LEASE_LOST"]);
      expect(await resource(stage, "web")).toEqual({ attributes: {}, revision: 0 });
      await stage.expectFree(["robo"], [WEB]);
    },
  );

  it("lapse, attempt after attempt, until none is left: then the task is over, a failure", async () => {
    const { stage, robo, id } = await setting({ max_attempts: 2 });
    stopClock();
    await stage.apply(robo, id);
    pass(30_000);
    await stage.ring(`task:${id}`);
    const { retry_at } = await stage.becomes(id, "APPROVED");
    pass(Date.parse(retry_at ?? "") - Date.now());
    expect((await stage.apply(robo, id)).execution?.attempt).toBe(2);
    pass(30_000);
    await stage.ring(`task:${id}`);
    expect(await stage.becomes(id, "COMPLETED")).toMatchObject({ execution: { attempt: 2, result: "failure" } });
    for (const body of [{ result: "success" }, { result: "failure" }]) {
      expect(refusal(await complete(robo, id, body))).toEqual([409, "TASK_LEASE_LOST"]);
    }
    expect(refusal(await robo.post(`/tasks/${id}/heartbeat`))).toEqual([409, "TASK_LEASE_LOST"]);
    expect(refusal(await robo.post(`/tasks/${id}/apply`))).toEqual([409, "INVALID_STATE"]);
    await stage.expectFree(["robo"], [WEB]);
    await stage.expectVerified(`task:${id}`, `resource:${WEB}`, "agent:robo");
  });

  it("lapse at once when a resource's own alarm finds it over", async () => {
    const { stage, robo, id } = await setting();
    stopClock();
    await stage.apply(robo, id);
    pass(30_000);
    await stage.ring(`resource:${WEB}`);
    await eventually(() => stage.becomes(id, "APPROVED"));
  });

  it("taken away by an admin's force end the attempt at once", async () => {
    const { stage, robo, other, id } = await setting();
    const { leases } = await stage.apply(robo, id);
    const waiting = ok<Lock>(await lockOf(other, WEB), 202);
    const lock_id = leaseOn(leases, WEB).lock_id;
    ok(await stage.root.post("/locks/release", { lock_id, force: true, reason: "incident 7" }), 204);
    const lapsed = await stage.becomes(id, "APPROVED");
    expect(lapsed.execution?.error).toContain("incident 7");
    expect(refusal(await complete(robo, id))).toEqual([409, "TASK_LEASE_LOST"]);
    expect((await other.get<Lock>(`/locks/${waiting.id}`)).body.status).toBe("held");
    await give(waiting, other);
    await stage.expectFree(["robo"], [WEB]);
  });

  it("given back one by one by the agent itself end the attempt, too: nothing is applied without its locks", async () => {
    for (const which of ["agent", "task", "resource"]) {
      const { stage, robo, id } = await setting();
      const { leases } = await stage.apply(robo, id);
      const lease = leases.find(({ resource_type }) => resource_type === which);
      ok(await robo.post("/locks/release", { lock_id: lease?.lock_id }), 204);
      await stage.becomes(id, "APPROVED");
      expect(refusal(await complete(robo, id))).toEqual([409, "TASK_LEASE_LOST"]);
      expect(await resource(stage, "web")).toEqual({ attributes: {}, revision: 0 });
      await stage.expectFree(["robo"], [WEB]);
    }
  });

  it("end with timeout_seconds, however alive they are", async () => {
    const { stage, robo, id } = await setting({ timeout_seconds: 60 });
    stopClock();
    await stage.apply(robo, id);
    for (let beat = 0; beat < 2; beat += 1) {
      pass(29_999);
      ok(await robo.post(`/tasks/${id}/heartbeat`));
    }
    pass(2);
    await stage.ring(`task:${id}`);
    expect(await stage.becomes(id, "COMPLETED")).toMatchObject({ execution: { result: "timeout" } });
    expect(refusal(await complete(robo, id))).toEqual([409, "INVALID_STATE"]);
    expect(await resource(stage, "web")).toEqual({ attributes: {}, revision: 0 });
    await stage.expectFree(["robo"], [WEB]);
  });

  it("end with their agent: it is not deleted while it applies, unless by force", async () => {
    const { stage, robo, other, id } = await setting();
    await stage.apply(robo, id);
    const refused = await stage.root.delete("/agents/robo");
    expect(refusal(refused)).toEqual([409, "INVALID_STATE"]);
    expect((await stage.root.delete("/agents/robo?force=true")).status).toBe(204);
    const lapsed = await stage.becomes(id, "APPROVED");
    await stage.expectFree([], [WEB]);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.parse(lapsed.retry_at ?? "") });
    expect((await stage.apply(other, id)).execution).toMatchObject({ attempt: 2, agent_id: "other" });
  });
});

describe("POST /tasks/:id/complete", () => {
  it("success moves every changed resource on and frees all locks before it answers", async () => {
    const { stage, robo, other, id } = await setting({
      resources: [
        { ...web, id: "a" },
        { ...web, id: "b" },
        { ...web, id: "c", actions: ["read"] },
      ],
      parameters: { [A]: { size: 1 }, [B]: { size: 2 } },
    });
    await stage.apply(robo, id);
    const done = ok<Task>(
      await complete(robo, id, { result: "success", output: "fine", resources: { [B]: { size: 3 } } }),
    );
    for (const key of [A, B, "service:prod/c"]) await taken(other, key, { wait_for_available: false });
    await taken(other, id, { resource_type: "task", wait_for_available: false });
    const { presence } = (await other.get<{ presence: { active_tasks: number } }>("/agents/robo")).body;
    expect(presence.active_tasks).toBe(0);
    expect(done).toMatchObject({ state: "COMPLETED", execution: { result: "success", output: "fine" } });
    expect(done.metadata.completed_at).toBe(done.execution?.completed_at);
    expect(await resource(stage, "a")).toEqual({ attributes: { size: 1 }, revision: 1 });
    expect(await resource(stage, "b")).toEqual({ attributes: { size: 3 }, revision: 1 });
    expect(await resource(stage, "c")).toEqual({ attributes: {}, revision: 0 });
  });

  it("failure and cancelled leave resources as they were, and free everything", async () => {
    const { stage, alice, bob, robo } = await setting();
    for (const result of ["failure", "cancelled"] as const) {
      const { id } = await stage.approved(alice, [bob]);
      await stage.apply(robo, id);
      const done = ok<Task>(await complete(robo, id, { result, error: { code: 7 } }));
      expect(done).toMatchObject({ state: "COMPLETED", execution: { result, error: { code: 7 } } });
      if (result === "failure") expect(done.execution?.rollback).toMatchObject({ status: "unavailable" });
      expect(await resource(stage, "web")).toEqual({ attributes: {}, revision: 0 });
      await stage.expectFree(["robo"], [WEB]);
    }
  });

  it("repeated with the same result gives the same answer; another result is 409; the resource moves on once", async () => {
    const { stage, robo, other, id } = await setting();
    await stage.apply(robo, id);
    expect(refusal(await complete(other, id))).toEqual([403, "FORBIDDEN"]);
    const answers = await Promise.all([complete(robo, id), complete(robo, id), complete(robo, id)]);
    for (const answer of answers) expect(ok<Task>(answer)).toEqual(answers[0]?.body);
    expect(ok<Task>(await complete(robo, id))).toEqual(answers[0]?.body);
    expect(refusal(await complete(robo, id, { result: "failure" }))).toEqual([409, "INVALID_STATE"]);
    expect((await resource(stage, "web")).revision).toBe(1);
  });

  it("names a reported resource that the task does not change", async () => {
    const { stage, robo, id } = await setting();
    await stage.apply(robo, id);
    const answer = await complete(robo, id, { result: "success", resources: { [A]: {} } });
    expect([...refusal(answer), detailsOf(answer).field]).toEqual([400, "VALIDATION_ERROR", `resources.${A}`]);
    for (const body of [{}, { result: "timeout" }, { result: "success", resources: [] }]) {
      expect(refusal(await complete(robo, id, body))).toEqual([400, "VALIDATION_ERROR"]);
    }
    expect((await stage.task(id)).state).toBe("APPLYING");
  });
});
