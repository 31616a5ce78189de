import { runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { freshTaskAddress, idOf } from "../src/actor/ids.ts";
import type { Lease, Lock } from "../src/locks/contract.ts";
import type { Answer } from "./support/api.ts";
import { detailsOf, ok, type Person, pass, refusal, Stage, stopClock } from "./support/stage.ts";

type Loose = Record<string, unknown>;

function resource(resource_id: string, mode = "exclusive") {
  return { resource_type: "resource", resource_id, mode };
}

function askAll(agent: Person, locks: readonly Loose[], more: Loose = {}, headers = {}): Promise<Answer<unknown>> {
  return agent.post("/locks/acquire-all", { locks, ...more }, headers);
}

async function allOf(agent: Person, locks: readonly Loose[], more: Loose = {}, headers = {}): Promise<Lease[]> {
  return ok<{ leases: Lease[] }>(await askAll(agent, locks, more, headers), 201).leases;
}

async function held(agent: Person, key: string, more: Loose = {}): Promise<Lock> {
  return ok(await agent.post<Lock>("/locks/acquire", { ...resource(key), wait_for_available: false, ...more }), 201);
}

async function release(agent: Person, ...ids: string[]): Promise<void> {
  for (const lock_id of ids) ok(await agent.post("/locks/release", { lock_id }), 204);
}

async function agents() {
  const stage = new Stage();
  const [a, b] = await Promise.all([stage.agent("a"), stage.agent("b")]);
  return { stage, a, b };
}

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("POST /locks/acquire-all", () => {
  it("takes locks of every kind, with a lease and a token for each, in the order in which they were asked for", async () => {
    const { stage, a } = await agents();
    const alice = await stage.user("alice", "author");
    const task = await stage.draft(alice);
    stopClock();
    const wanted = [
      resource("db:two", "shared"),
      resource("db:one"),
      { resource_type: "task", resource_id: task.id.toUpperCase() },
      { resource_type: "agent", resource_id: "a" },
    ];
    const leases = await allOf(a, wanted, { ttl_seconds: 45, purpose: "move", session_id: "move" });
    expect(leases).toEqual(
      wanted.map(({ resource_type, resource_id }, at) => ({
        lock_id: expect.any(String),
        resource_type,
        resource_id: resource_type === "task" ? task.id : resource_id,
        mode: at === 0 ? "shared" : "exclusive",
        fencing_token: 1,
        expires_at: "2090-01-01T00:00:45.000Z",
      })),
    );
    for (const { lock_id } of leases) {
      const lock = ok<Lock>(await a.get(`/locks/${lock_id}`));
      expect(lock.holder).toMatchObject({ agent_id: "a", session_id: "move", purpose: "move" });
    }
    await release(a, ...leases.map(({ lock_id }) => lock_id));
    await stage.expectFree(["a"], ["db:one", "db:two"]);
  });

  it("takes none if one is held: 423 names it and its holder, and what it took before that is free again", async () => {
    const { stage, a, b } = await agents();
    const theirs = await held(b, "db:2");
    const answer = await askAll(a, [resource("db:3"), resource("db:2", "shared"), resource("db:1")]);
    expect(refusal(answer)).toEqual([423, "RESOURCE_LOCKED"]);
    expect(detailsOf(answer)).toMatchObject({
      resource_type: "resource",
      resource_id: "db:2",
      holder: { lock_id: theirs.id, agent_id: "b" },
    });
    expect((await held(b, "db:1")).fencing_token).toBe(2);
    expect((await held(b, "db:3")).fencing_token).toBe(1);
    await stage.expectVerified();
  });

  it("leaves what the session held before: its leases stay, and one that it made exclusive is shared again", async () => {
    const { a, b } = await agents();
    const before = await held(a, "db:1");
    const reading = await held(a, "db:2", { mode: "shared" });
    const theirs = await held(b, "db:9");
    const all = [resource("db:1", "shared"), resource("db:2"), resource("db:3"), resource("db:9")];
    expect(refusal(await askAll(a, all))).toEqual([423, "RESOURCE_LOCKED"]);
    expect(ok(await a.get(`/locks/${before.id}`))).toMatchObject({ mode: "exclusive", fencing_token: 1 });
    expect(ok(await a.get(`/locks/${reading.id}`))).toMatchObject({ mode: "shared", status: "held" });
    ok(await b.post("/locks/acquire", { ...resource("db:2", "shared"), wait_for_available: false }), 201);

    await release(b, theirs.id);
    expect(refusal(await askAll(a, all))).toEqual([423, "RESOURCE_LOCKED"]);
    const leases = await allOf(a, [resource("db:1", "shared"), resource("db:2", "shared"), resource("db:9")]);
    expect(leases.map(({ lock_id }) => lock_id).slice(0, 2)).toEqual([before.id, reading.id]);
    expect(leases.map(({ mode }) => mode)).toEqual(["exclusive", "shared", "exclusive"]);
  });

  it("does not let a writer who waits be passed by readers, and never queues anybody", async () => {
    const { stage, a, b } = await agents();
    const reading = await held(b, "db:2", { mode: "shared" });
    const writer = ok<Lock>(await b.post("/locks/acquire", { ...resource("db:2"), session_id: "writer" }), 202);
    const refused = await askAll(a, [resource("db:2", "shared"), resource("db:1")]);
    expect(refusal(refused)).toEqual([423, "RESOURCE_LOCKED"]);
    const { holder, ahead } = detailsOf(refused);
    expect(holder).toEqual(reading.holder);
    expect(ahead).toMatchObject({ lock_id: writer.id, session_id: "writer", mode: "exclusive" });
    await release(b, reading.id, writer.id);
    await stage.expectFree([], ["db:1", "db:2"]);
  });

  it("lets one of two calls that cross through, whatever order they name the locks in", async () => {
    const { a, b } = await agents();
    for (let round = 0; round < 5; round += 1) {
      const locks = [1, 2, 3].map((n) => resource(`db:${round}-${n}`));
      const answers = await Promise.all([askAll(a, locks), askAll(b, [...locks].reverse())]);
      expect(answers.map(({ status }) => status).sort()).toEqual([201, 423]);
    }
  });

  it("that cannot give back what it took leaves that to its TTL", async () => {
    const { stage, a, b } = await agents();
    stopClock();
    await held(b, "db:2", { ttl_seconds: 300 });
    await runInDurableObject(stage.stub("resource:db:1"), (actor) => {
      vi.spyOn(Object.getPrototypeOf(actor), "release").mockRejectedValueOnce(new Error("gone, for a test"));
    });
    expect(refusal(await askAll(a, [resource("db:1"), resource("db:2")]))).toEqual([423, "RESOURCE_LOCKED"]);
    const blocked = await b.post("/locks/acquire", { ...resource("db:1"), wait_for_available: false });
    expect(refusal(blocked)).toEqual([423, "RESOURCE_LOCKED"]);
    pass(30_000);
    expect((await held(b, "db:1")).fencing_token).toBe(2);
  });

  it("gives everything back when a lock does not answer", async () => {
    const { stage, a, b } = await agents();
    await runInDurableObject(stage.stub("resource:db:2"), (actor) => {
      const attempt = Object.getPrototypeOf(actor).attempt;
      vi.spyOn(Object.getPrototypeOf(actor), "attempt").mockImplementation(function (this: unknown, ...given) {
        if (given[1] === "resource:db:2") throw Object.assign(new Error("moved, for a test"), { retryable: true });
        return attempt.apply(this, given);
      });
    });
    const answer = await askAll(a, [resource("db:1"), resource("db:2"), resource("db:3")]);
    expect(refusal(answer)).toEqual([503, "UNAVAILABLE"]);
    expect((await held(b, "db:1")).fencing_token).toBe(2);
  });

  it("is replayed under an Idempotency-Key once it succeeded, and tried anew after it failed", async () => {
    const { a, b } = await agents();
    const key = { "Idempotency-Key": "all" };
    const locks = [resource("db:2"), resource("db:1")];
    const theirs = await held(b, "db:2");
    expect(refusal(await askAll(a, locks, {}, key))).toEqual([423, "RESOURCE_LOCKED"]);
    await release(b, theirs.id);
    const leases = await allOf(a, locks, {}, key);
    await release(a, ...leases.map(({ lock_id }) => lock_id));
    const again = await askAll(a, locks, {}, key);
    expect([again.status, again.headers.get("Idempotency-Replayed")]).toEqual([201, "true"]);
    expect(again.body).toEqual({ leases });
    expect((await held(b, "db:1")).fencing_token).toBe(3);
    const other = await askAll(a, locks, { ttl_seconds: 60 }, key);
    expect(refusal(other)).toEqual([422, "IDEMPOTENCY_KEY_REUSED"]);
  });

  it("is for agents and admins; the permits of another agent, and what does not exist, end it", async () => {
    const { stage, a } = await agents();
    const alice = await stage.user("alice", "author", "reviewer");
    expect(refusal(await askAll(alice, [resource("db:1")]))).toEqual([403, "FORBIDDEN"]);
    const ada = await stage.user("ada", "admin");
    expect(await allOf(ada, [resource("db:1"), { resource_type: "agent", resource_id: "a" }])).toHaveLength(2);
    const [first, second] = [resource("db:2"), { resource_type: "agent", resource_id: "b" }];
    expect(refusal(await askAll(a, [first, second]))).toEqual([403, "FORBIDDEN"]);
    const unknown = { resource_type: "task", resource_id: idOf(freshTaskAddress(Date.now())) };
    const [permit] = [{ resource_type: "agent", resource_id: "a", mode: "exclusive" }];
    expect(refusal(await askAll(a, [permit, unknown]))).toEqual([404, "TASK_NOT_FOUND"]);
    const nobody = { resource_type: "agent", resource_id: "nobody" };
    expect(refusal(await askAll(ada, [permit, nobody], { session_id: "x" }))).toEqual([404, "AGENT_NOT_FOUND"]);
    await stage.expectFree(["b"], ["db:2"]);
  });

  const task = "01890A5D-ac96-874b-bcce-b302099a8057";
  it.each([
    [{ locks: [] }, "locks"],
    [{ locks: Array.from({ length: 51 }, (_, n) => resource(`db:${n}`)) }, "locks"],
    [{ locks: [resource("db:1"), resource("db:2"), resource("db:1", "shared")] }, "locks.2"],
    [{ locks: [{ ...resource("db:1"), ttl_seconds: 30 }] }, "locks.0.ttl_seconds"],
    [{ locks: [resource("db:1", "both")] }, "locks.0.mode"],
    [{ locks: [resource("")] }, "locks.0.resource_id"],
    [{ locks: [resource("db:1"), { resource_type: "task", resource_id: "mine" }] }, "locks.1.resource_id"],
    [{ locks: [resource("db:1")], ttl_seconds: 301 }, "ttl_seconds"],
    [{ locks: [resource("db:1")], session_id: "task:1:1" }, "session_id"],
    [{ locks: [resource("db:1")], wait_for_available: true }, "wait_for_available"],
    [{}, "locks"],
  ])("names what is wrong, and takes nothing (%#)", async (body, field) => {
    agent ??= new Stage().agent("a");
    const answer = await (await agent).post("/locks/acquire-all", body);
    expect(refusal(answer)).toEqual([400, "VALIDATION_ERROR"]);
    expect(detailsOf(answer).field).toBe(field);
  });

  it("finds a task named twice in whatever case", async () => {
    const { stage, a } = await agents();
    const alice = await stage.user("alice", "author");
    const { id } = await stage.draft(alice);
    const twice = [id, id.toUpperCase()].map((resource_id) => ({ resource_type: "task", resource_id }));
    expect(detailsOf(await askAll(a, twice)).field).toBe("locks.1");
    expect(refusal(await askAll(a, [{ resource_type: "task", resource_id: task }]))).toEqual([404, "TASK_NOT_FOUND"]);
  });
});

let agent: Promise<Person> | undefined;
