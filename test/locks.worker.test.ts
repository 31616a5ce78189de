import { abortAllDurableObjects, evictDurableObject, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { freshTaskAddress, idOf } from "../src/actor/ids.ts";
import type { Lock } from "../src/locks/contract.ts";
import { agents, ask, held, KEY, lock, queued, read, release } from "./support/one-lock.ts";
import { detailsOf, eventually, ORDERS, ok, type Person, pass, refusal, Stage, stopClock } from "./support/stage.ts";

const attempt = { ...lock, wait_for_available: false };

afterEach(() => {
  vi.useRealTimers();
});

describe("POST /locks/acquire", () => {
  it("answers 201 with the lease, its token and its end", async () => {
    const { a } = await agents();
    stopClock();
    const answer = await ask(a, { ttl_seconds: 45, purpose: "migrate" });
    expect(answer.headers.get("Preference-Applied")).toBeNull();
    expect(ok<Lock>(answer, 201)).toEqual({
      id: expect.any(String),
      acquired: true,
      status: "held",
      ...lock,
      mode: "exclusive",
      fencing_token: 1,
      expires_at: "2090-01-01T00:00:45.000Z",
      holder: {
        lock_id: answer.body.id,
        agent_id: "a",
        session_id: "a",
        acquired_at: "2090-01-01T00:00:00.000Z",
        expires_at: "2090-01-01T00:00:45.000Z",
        purpose: "migrate",
      },
      holders: [expect.objectContaining({ agent_id: "a" })],
    });
  });

  it("queues behind whoever holds it: 202, in order, and each is granted in turn under the id it has", async () => {
    const { a, b, c } = await agents();
    const first = await held(a);
    const second = await queued(b);
    const third = await queued(c);
    expect([second.queue_position, third.queue_position]).toEqual([1, 2]);
    expect(second).toMatchObject({ acquired: false, holder: { agent_id: "a" } });
    expect(second.fencing_token).toBeUndefined();
    await release(first, a);
    expect(await read(second, b)).toMatchObject({ id: second.id, status: "held", fencing_token: 2 });
    expect(await read(third, c)).toMatchObject({ status: "queued", queue_position: 1 });
    await release(second, b);
    expect(await read(third, c)).toMatchObject({ status: "held", fencing_token: 3 });
  });

  it("is 423 for one who does not wait, by wait_for_available or by max_wait_seconds 0, and leaves no trace", async () => {
    const { stage, a, b } = await agents();
    const lease = await held(a);
    for (const how of [{ wait_for_available: false }, { max_wait_seconds: 0 }]) {
      const answer = await ask(b, how);
      expect(refusal(answer)).toEqual([423, "RESOURCE_LOCKED"]);
      expect(detailsOf(answer)).toMatchObject({ ...lock, holder: { lock_id: lease.id, agent_id: "a" } });
    }
    await release(lease, a);
    await stage.expectFree([], [ORDERS]);
  });

  it("is 503 with a Retry-After that doubles once the queue is full, and the queue stays as it was", async () => {
    const { stage, a, b, c } = await agents();
    const lease = await held(a);
    await runInDurableObject(stage.stub(KEY), (actor) => {
      const inside = actor as unknown as { env: object };
      inside.env = { ...inside.env, LOCK_QUEUE_MAX: "1" };
    });
    const next = await queued(b);
    const waits: (string | null)[] = [];
    for (let n = 0; n < 7; n += 1) {
      const answer = await ask(c);
      expect(refusal(answer)).toEqual([503, "QUEUE_FULL"]);
      waits.push(answer.headers.get("Retry-After"));
    }
    expect(waits).toEqual(["1", "2", "4", "8", "16", "30", "30"]);
    expect(await queued(b)).toMatchObject({ id: next.id, queue_position: 1 });
    await release(lease, a);
    expect(await read(next, b)).toMatchObject({ status: "held" });
    expect((await queued(c)).queue_position).toBe(1);
    expect(refusal(await ask(a))).toEqual([503, "QUEUE_FULL"]);
    expect((await ask(a)).headers.get("Retry-After")).toBe("2");
    const { entries } = ok<{ entries: unknown[] }>(
      await eventually(async () => {
        await stage.expectVerified(KEY);
        return stage.root.get("/audit?action=lock.queue_full");
      }),
    );
    expect(entries).toHaveLength(1);
  });

  it("tells of a full queue once a minute, however many it turns away", async () => {
    const { stage, a, b, c } = await agents();
    stopClock();
    await held(a, { ttl_seconds: 300 });
    await runInDurableObject(stage.stub(KEY), (actor) => {
      const inside = actor as unknown as { env: object };
      inside.env = { ...inside.env, LOCK_QUEUE_MAX: "1" };
    });
    await queued(b, { max_wait_seconds: 300 });
    for (const ms of [0, 30_000, 29_999, 1, 59_999]) {
      pass(ms);
      expect(refusal(await ask(c))).toEqual([503, "QUEUE_FULL"]);
    }
    await eventually(async () => {
      const { entries } = ok<{ entries: { at: string }[] }>(
        await stage.root.get("/audit?action=lock.queue_full&sort_order=asc"),
      );
      expect(entries.map(({ at }) => at.slice(0, 19))).toEqual(["2090-01-01T00:00:00", "2090-01-01T00:01:00"]);
    });
  });

  it("gives readers the lock together, and a writer before the readers that came after it", async () => {
    const { a, b, c } = await agents();
    const shared = { mode: "shared" };
    const readers = [await held(a, shared), await held(b, shared)];
    expect(readers.map(({ fencing_token }) => fencing_token)).toEqual([1, 2]);
    expect(readers[1]?.holders).toHaveLength(2);
    const writer = await queued(c);
    const late = await queued(a, { ...shared, session_id: "late" });
    const [first, second] = readers;
    if (first === undefined || second === undefined) throw new Error("two readers");
    await release(first, a);
    expect(await read(writer, c)).toMatchObject({ status: "queued" });
    await release(second, b);
    expect(await read(writer, c)).toMatchObject({ status: "held", mode: "exclusive" });
    await release(writer, c);
    expect(await read(late, a)).toMatchObject({ status: "held", mode: "shared", fencing_token: 4 });
  });

  it("by the same session finds what it holds or awaits, and one release frees it", async () => {
    const { stage, a, b } = await agents();
    stopClock();
    const first = await held(a, { ttl_seconds: 30 });
    pass(10_000);
    const again = await held(a, { ttl_seconds: 30 });
    expect(again).toMatchObject({ id: first.id, reentrant: true, fencing_token: 1 });
    expect(again.expires_at).toBe("2090-01-01T00:00:40.000Z");
    expect((await held(a, { ttl_seconds: 5 })).expires_at).toBe(again.expires_at);
    const claim = await queued(b);
    expect((await queued(b)).id).toBe(claim.id);
    await release(first, a);
    expect(await read(claim, b)).toMatchObject({ status: "held" });
    await release(claim, b);
    await stage.expectFree([], [ORDERS]);
  });

  it("by another session of the same agent, or the same name of another agent, waits like anybody", async () => {
    const { a, b } = await agents();
    await held(a, { session_id: "work" });
    expect((await queued(a, { session_id: "other" })).queue_position).toBe(1);
    expect((await queued(b, { session_id: "work" })).queue_position).toBe(2);
  });

  it("upgrades a sole reader at once with a new token, another one when the rest have gone", async () => {
    const { a, b } = await agents();
    const reader = await held(a, { mode: "shared" });
    expect(await held(a)).toMatchObject({ id: reader.id, mode: "exclusive", fencing_token: 2 });
    await release(reader, a);
    const one = await held(a, { mode: "shared" });
    const two = await held(b, { mode: "shared" });
    const waiting = { id: one.id, status: "held", mode: "shared", upgrade_pending: true, queue_position: 1 };
    expect(await queued(a)).toMatchObject(waiting);
    expect(await read(one, a)).toMatchObject(waiting);
    expect(await held(a, { mode: "shared" })).toMatchObject({ ...waiting, reentrant: true });
    await release(two, b);
    expect(await read(one, a)).toMatchObject({ mode: "exclusive", fencing_token: 5 });
  });

  it("holds an upgrade's request open: the writer's lease, or 423 when it waited too long and stays a reader", async () => {
    const { a, b } = await agents();
    const reader = await held(a, { mode: "shared" });
    const other = await held(b, { mode: "shared" });
    const prefer = { Prefer: "wait=10" };
    const late = await ask(a, { max_wait_seconds: 1 }, prefer);
    expect(refusal(late)).toEqual([423, "RESOURCE_LOCKED"]);
    expect(detailsOf(late)).toMatchObject({ holder: { lock_id: other.id } });
    expect((await read(reader, a)).upgrade_pending).toBeUndefined();
    const upgraded = ask(a, {}, prefer);
    await eventually(async () => expect((await read(reader, a)).upgrade_pending).toBe(true));
    // What it holds already is no reason to wait.
    expect(ok(await ask(a, { mode: "shared" }, prefer), 201)).toMatchObject({ id: reader.id, reentrant: true });
    await release(other, b);
    expect(ok<Lock>(await upgraded, 201)).toMatchObject({ id: reader.id, mode: "exclusive", fencing_token: 3 });
  });

  it.each([
    [{ session_id: "task:1:1" }, "session_id"],
    [{ session_id: "" }, "session_id"],
    [{ ttl_seconds: 4 }, "ttl_seconds"],
    [{ ttl_seconds: 301 }, "ttl_seconds"],
    [{ max_wait_seconds: 301 }, "max_wait_seconds"],
    [{ mode: "both" }, "mode"],
    [{ priority: 101 }, "priority"],
    [{ purpose: "x".repeat(201) }, "purpose"],
    [{ resource_id: "" }, "resource_id"],
    [{ resource_id: "x".repeat(513) }, "resource_id"],
    [{ resource_type: "table" }, "resource_type"],
    [{ agent_id: "b" }, "agent_id"],
    [{ resource_type: "task" }, "resource_id"],
  ])("names what is wrong (%#)", async (more, field) => {
    cachedAgent ??= new Stage().agent("a");
    const answer = await ask(await cachedAgent, more);
    expect(refusal(answer)).toEqual([400, "VALIDATION_ERROR"]);
    expect(detailsOf(answer).field).toBe(field);
  });

  it("replays under an Idempotency-Key, with another body 422; another lock is another request", async () => {
    const { a, b } = await agents();
    const key = { "Idempotency-Key": "k" };
    const first = await ask(a, {}, key);
    await release(first.body, a);
    await held(b);
    const again = await ask(a, {}, key);
    expect([again.status, again.headers.get("Idempotency-Replayed")]).toEqual([201, "true"]);
    expect(again.body).toEqual(first.body);
    expect(refusal(await ask(a, { ttl_seconds: 60 }, key))).toEqual([422, "IDEMPOTENCY_KEY_REUSED"]);
    expect((await ask(a, { resource_id: "something/else" }, key)).status).toBe(201);
  });
});

let cachedAgent: Promise<Person> | undefined;

describe("Prefer: wait=N", () => {
  it("holds the request open until the lock is granted, and is the answer of a replay from then on", async () => {
    const { a, b } = await agents();
    const lease = await held(a);
    const headers = { Prefer: "respond-async, wait=30", "Idempotency-Key": "patient" };
    const waiting = ask(b, {}, headers);
    await eventually(async () => expect((await queued(b)).queue_position).toBe(1));
    await release(lease, a);
    const granted = await waiting;
    expect(granted.headers.get("Preference-Applied")).toBe("wait=30");
    expect(ok<Lock>(granted, 201)).toMatchObject({ status: "held", fencing_token: 2 });
    const replay = await ask(b, {}, headers);
    expect([replay.status, replay.body]).toEqual([201, granted.body]);
  });

  it("answers at once what needs no waiting, and 202 when the time is over", async () => {
    const { a, b } = await agents();
    const now = await ask(a, {}, { Prefer: "wait=60" });
    expect([now.status, now.headers.get("Preference-Applied")]).toEqual([201, "wait=60"]);
    const later = await ask(b, {}, { Prefer: "wait=1" });
    expect([later.status, later.headers.get("Preference-Applied")]).toEqual([202, "wait=1"]);
    expect((await ask(b, {}, { Prefer: "wait=0" })).headers.get("Preference-Applied")).toBeNull();
    expect((await ask(a, {}, { Prefer: "wait=3600" })).headers.get("Preference-Applied")).toBe("wait=60");
  });

  it("is 423 when max_wait_seconds are over first", async () => {
    const { stage, a, b } = await agents();
    stopClock();
    await held(a, { ttl_seconds: 300 });
    const waiting = ask(b, { max_wait_seconds: 20 }, { Prefer: "wait=60" });
    await eventually(async () => expect((await queued(b)).queue_position).toBe(1));
    pass(20_000);
    await stage.ring(KEY);
    const answer = await waiting;
    expect(refusal(answer)).toEqual([423, "RESOURCE_LOCKED"]);
    expect(detailsOf(answer)).toMatchObject({ holder: { agent_id: "a" } });
  });
});

describe("task and agent locks", () => {
  it("a task's is there for a task that exists", async () => {
    const { stage, a, b } = await agents();
    const alice = await stage.user("alice", "author");
    const { id } = await stage.draft(alice);
    const wanted = { resource_type: "task", resource_id: id };
    const lease = await held(a, wanted);
    expect(lease).toMatchObject({ resource_type: "task", resource_id: id, fencing_token: 1 });
    expect(refusal(await ask(b, { ...wanted, wait_for_available: false }))).toEqual([423, "RESOURCE_LOCKED"]);
    const claim = await queued(b, wanted);
    await release(lease, a);
    expect(await read(claim, b)).toMatchObject({ status: "held", fencing_token: 2 });
    const unknown = idOf(freshTaskAddress(Date.now()));
    for (const resource_id of [unknown, "01890a5d-ac96-774b-bcce-b302099a8057", lease.id]) {
      expect(refusal(await ask(a, { ...wanted, resource_id }))).toEqual([404, "TASK_NOT_FOUND"]);
    }
    const stranger = await new Stage().agent("a");
    expect(refusal(await ask(stranger, wanted))).toEqual([404, "TASK_NOT_FOUND"]);
    await stage.expectVerified(`task:${id}`);
  });

  it("an agent's permits are its own: as many as max_tasks, and one more as soon as that is raised", async () => {
    const stage = new Stage();
    const a = await stage.agent("a", { max_tasks: 2 });
    const b = await stage.agent("b");
    const permit = (session_id: string) => ({ resource_type: "agent", resource_id: "a", session_id });
    expect(refusal(await ask(b, permit("x")))).toEqual([403, "FORBIDDEN"]);
    expect(refusal(await ask(a, { resource_type: "agent", resource_id: "b" }))).toEqual([403, "FORBIDDEN"]);
    expect(refusal(await ask(a, { resource_type: "agent", resource_id: "nobody" }))).toEqual([403, "FORBIDDEN"]);
    const ada = await stage.user("ada", "admin");
    expect(refusal(await ask(ada, { resource_type: "agent", resource_id: "nobody" }))).toEqual([
      404,
      "AGENT_NOT_FOUND",
    ]);
    const one = await held(a, permit("1"));
    await held(a, permit("2"));
    const third = await queued(a, permit("3"));
    expect(refusal(await ask(a, { ...permit("4"), wait_for_available: false }))).toEqual([423, "RESOURCE_LOCKED"]);
    await release(one, a);
    expect(await read(third, a)).toMatchObject({ status: "held" });
    const fourth = await queued(a, permit("4"));
    ok(await stage.root.patch("/agents/a", { max_tasks: 3 }));
    expect(await read(fourth, a)).toMatchObject({ status: "held", fencing_token: 4 });
    expect((await ask(ada, { ...permit("5"), max_wait_seconds: 5 })).status).toBe(202);
  });
});

describe("when objects die", () => {
  it("holders, queue and tokens are the same after every object was evicted or aborted", async () => {
    const { stage, a, b, c } = await agents();
    const lease = await held(a, { ttl_seconds: 300, purpose: "long" });
    const claims = [await queued(b), await queued(c, { mode: "shared" }), await queued(a, { session_id: "2" })];
    const owners = [b, c, a];
    const look = async () => ({
      lease: await read(lease, a),
      claims: await Promise.all(claims.map((claim, at) => read(claim, owners[at] ?? a))),
    });
    const known = await look();
    const unhurried = ({ lease: held, claims: waiting }: typeof known) => ({
      held,
      waiting: waiting.map(({ estimated_wait_seconds: _, ...rest }) => rest),
    });
    await evictDurableObject(stage.stub(KEY));
    expect(unhurried(await look())).toEqual(unhurried(known));
    await abortAllDurableObjects();
    expect(unhurried(await look())).toEqual(unhurried(known));
    expect((await held(a)).id).toBe(lease.id);
    await release(lease, a);
    await abortAllDurableObjects();
    const [first, second, third] = claims;
    if (first === undefined || second === undefined || third === undefined) throw new Error("three claims");
    expect(await read(first, b)).toMatchObject({ status: "held", fencing_token: 2 });
    expect(await read(second, c)).toMatchObject({ status: "queued", queue_position: 1 });
    await release(first, b);
    await stage.abort(KEY);
    await release(second, c);
    await evictDurableObject(stage.stub(KEY));
    expect(await read(third, a)).toMatchObject({ status: "held", fencing_token: 4 });
    await release(third, a);
    await stage.abort(KEY);
    expect((await held(b)).fencing_token).toBe(5);
    await stage.expectVerified(KEY);
  });

  it("tokens rise and never repeat over many holders, with a death after each", async () => {
    const { stage, a, b } = await agents();
    const tokens: (number | undefined)[] = [];
    for (let n = 0; n < 12; n += 1) {
      const agent = n % 2 === 0 ? a : b;
      const lease = await held(agent);
      tokens.push(lease.fencing_token);
      await (n % 3 === 0 ? evictDurableObject(stage.stub(KEY)) : stage.abort(KEY));
      await release(lease, agent);
      if (n % 4 === 0) await stage.abort(KEY);
    }
    expect(tokens).toEqual(Array.from({ length: 12 }, (_, n) => n + 1));
    await stage.expectVerified(KEY);
  });

  it("a lease that lapsed while nobody was there is over when somebody comes", async () => {
    const { stage, a, b } = await agents();
    stopClock();
    const lease = await held(a, { ttl_seconds: 30 });
    const claim = await queued(b, { max_wait_seconds: 300 });
    await stage.abort(KEY);
    pass(31_000);
    expect(refusal(await a.post("/locks/heartbeat", { lock_id: lease.id }))).toEqual([404, "LOCK_EXPIRED"]);
    await stage.abort(KEY);
    expect(await read(claim, b)).toMatchObject({ status: "held", fencing_token: 2 });
    expect(refusal(await a.get(`/locks/${lease.id}`))).toEqual([404, "LOCK_EXPIRED"]);
  });
});

it("fifty agents that want one lock get it one at a time, in the order in which they asked", async () => {
  const stage = new Stage();
  const a = await stage.agent("a");
  const first = await held(a, { session_id: "s0" });
  const sessions = Array.from({ length: 50 }, (_, n) => `s${n + 1}`);
  const claims: Lock[] = [];
  for (const session_id of sessions) claims.push(await queued(a, { session_id }));
  await release(first, a);
  for (const [at, claim] of claims.entries()) {
    expect(await read(claim, a)).toMatchObject({ status: "held", fencing_token: at + 2 });
    const next = claims[at + 1];
    if (next !== undefined) expect(await read(next, a)).toMatchObject({ status: "queued", queue_position: 1 });
    await release(claim, a);
  }
  const racing = await Promise.all(sessions.map((session_id) => ask(a, { ...attempt, session_id })));
  expect(racing.filter(({ status }) => status === 201)).toHaveLength(1);
  expect(racing.filter(({ status }) => status === 423)).toHaveLength(49);
});
