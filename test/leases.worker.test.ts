/** What is done with a lease: by its holder, by its time, by others (04-locks-and-deadlocks). */
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { freshTaskAddress, idOf } from "../src/actor/ids.ts";
import type { Lock, Verification } from "../src/locks/contract.ts";
import type { Answer } from "./support/api.ts";
import { agents, held, KEY, type Loose, lock, queued, read, release } from "./support/one-lock.ts";
import { detailsOf, eventually, ok, type Person, pass, refusal, Stage, stopClock } from "./support/stage.ts";

function downgrade(agent: Person, { id }: { readonly id: string }, headers = {}): Promise<Answer<Lock>> {
  return agent.post<Lock>("/locks/downgrade", { lock_id: id }, headers);
}

async function verified(who: Person, fencing_token: number, more: Loose = {}): Promise<Verification> {
  return ok(await who.post<Verification>("/locks/verify", { ...lock, fencing_token, ...more }));
}

afterEach(() => {
  vi.useRealTimers();
});

describe("a lease's end", () => {
  it("comes at its time though no alarm has rung: an expired lease is never extended or read as held", async () => {
    const { a, b } = await agents();
    stopClock();
    const lease = await held(a, { ttl_seconds: 30 });
    pass(29_999);
    const longer = ok<Lock>(await a.post("/locks/heartbeat", { lock_id: lease.id, ttl_extension_seconds: 10 }));
    expect(longer.expires_at).toBe("2090-01-01T00:00:39.999Z");
    pass(10_000);
    for (const answer of [
      await a.post("/locks/heartbeat", { lock_id: lease.id }),
      await a.get(`/locks/${lease.id}`),
      await a.post("/locks/release", { lock_id: lease.id }, { "Idempotency-Key": "late" }),
      await a.post("/locks/release", { lock_id: lease.id }, { "Idempotency-Key": "late" }),
    ]) {
      expect(refusal(answer)).toEqual([404, "LOCK_EXPIRED"]);
      expect(detailsOf(answer)).toEqual({ ended_reason: "expired" });
    }
    expect((await held(b)).fencing_token).toBe(2);
  });

  it("grants whoever waits when the alarm rings, however late", async () => {
    const { stage, a, b } = await agents();
    stopClock();
    await held(a, { ttl_seconds: 5 });
    const claim = await queued(b, { max_wait_seconds: 300 });
    pass(200_000);
    await stage.ring(KEY);
    expect(await read(claim, b)).toMatchObject({ status: "held", expires_at: "2090-01-01T00:03:50.000Z" });
  });

  it("never grants a waiter whose own time is over, though its alarm is late", async () => {
    const { a, b, c } = await agents();
    stopClock();
    const lease = await held(a, { ttl_seconds: 300 });
    const impatient = await queued(b, { max_wait_seconds: 5 });
    const patient = await queued(c, { max_wait_seconds: 60 });
    pass(6_000);
    await release(lease, a);
    expect(await read(patient, c)).toMatchObject({ status: "held" });
    const answer = await b.get(`/locks/${impatient.id}`);
    expect(refusal(answer)).toEqual([404, "LOCK_NOT_FOUND"]);
    expect(detailsOf(answer)).toEqual({ ended_reason: "wait_timeout" });
  });

  it("lets each reader's lease end by itself", async () => {
    const { a, b } = await agents();
    stopClock();
    const short = await held(a, { mode: "shared", ttl_seconds: 5 });
    const long = await held(b, { mode: "shared", ttl_seconds: 60 });
    pass(5_000);
    expect((await read(long, b)).holders).toHaveLength(1);
    expect(refusal(await a.get(`/locks/${short.id}`))).toEqual([404, "LOCK_EXPIRED"]);
  });

  it("can be asked about for ten minutes, by its owner and admins, then was never there", async () => {
    const { stage, a, b, c } = await agents();
    stopClock();
    const released = await held(a);
    const cancelled = await queued(b);
    await release(cancelled, b);
    await release(released, a);
    const forced = await held(c);
    ok(await stage.root.post("/locks/release", { lock_id: forced.id, force: true, reason: "incident" }), 204);
    const ended = [
      [released, a, "LOCK_NOT_FOUND", "released"],
      [cancelled, b, "LOCK_NOT_FOUND", "cancelled"],
      [forced, c, "LOCK_NOT_FOUND", "forced"],
    ] as const;
    pass(9 * 60_000);
    for (const [{ id }, owner, code, reason] of ended) {
      for (const who of [owner, stage.root]) {
        const answer = await who.get(`/locks/${id}`);
        expect(refusal(answer)).toEqual([404, code]);
        expect(detailsOf(answer)).toEqual({ ended_reason: reason });
      }
      const beat = await owner.post("/locks/heartbeat", { lock_id: id });
      expect([...refusal(beat), detailsOf(beat).ended_reason]).toEqual([404, code, reason]);
      const again = await owner.post("/locks/release", { lock_id: id });
      expect([...refusal(again), detailsOf(again).ended_reason]).toEqual([404, code, reason]);
    }
    pass(61_000);
    for (const [{ id }, owner] of ended) {
      const answer = await owner.get(`/locks/${id}`);
      expect(refusal(answer)).toEqual([404, "LOCK_NOT_FOUND"]);
      expect(detailsOf(answer)).toEqual({});
    }
  });
});

describe("POST /locks/heartbeat", () => {
  it("tells a queued claim its position and extends nothing of it", async () => {
    const { stage, a, b } = await agents();
    stopClock();
    await held(a, { ttl_seconds: 300 });
    const claim = await queued(b, { max_wait_seconds: 30 });
    pass(20_000);
    const beat = ok<Lock>(await b.post("/locks/heartbeat", { lock_id: claim.id, ttl_extension_seconds: 300 }));
    expect(beat).toMatchObject({ status: "queued", queue_position: 1 });
    pass(10_000);
    await stage.ring(KEY);
    expect(refusal(await b.get(`/locks/${claim.id}`))).toEqual([404, "LOCK_NOT_FOUND"]);
  });

  it("takes up to a hundred at once, each with an answer of its own", async () => {
    const { a, b } = await agents();
    const mine = await held(a);
    const other = await held(b, { resource_id: "elsewhere" });
    const nothing = `${mine.id.slice(0, -8)}000000ff`;
    const { results } = ok<{ results: Loose[] }>(
      await a.post("/locks/heartbeat", { lock_ids: [mine.id.toUpperCase(), other.id, nothing] }),
    );
    expect(results).toEqual([
      { lock_id: mine.id, ok: true, expires_at: expect.any(String) },
      { lock_id: other.id, ok: false, error: { code: "NOT_LOCK_HOLDER", message: expect.any(String) } },
      { lock_id: nothing, ok: false, error: { code: "LOCK_NOT_FOUND", message: expect.any(String) } },
    ]);
    const foreign = "01890a5d-ac96-774b-bcce-b302099a8057";
    const mixed = ok<{ results: Loose[] }>(await a.post("/locks/heartbeat", { lock_ids: [foreign, mine.id] }));
    expect(mixed.results).toMatchObject([
      { lock_id: foreign, ok: false },
      { lock_id: mine.id, ok: true },
    ]);
    for (const body of [
      {},
      { lock_id: mine.id, lock_ids: [mine.id] },
      { lock_ids: [] },
      { lock_ids: Array(101).fill(mine.id) },
      { lock_id: "x" },
    ]) {
      expect(refusal(await a.post("/locks/heartbeat", body)), JSON.stringify(body).slice(0, 60)).toEqual([
        400,
        "VALIDATION_ERROR",
      ]);
    }
  });
});

describe("whose a lease is", () => {
  it("its holder's: others may not read, extend or release it, admins read it and release it by force with a reason", async () => {
    const { stage, a, b } = await agents();
    const alice = await stage.user("alice", "author", "reviewer");
    const ada = await stage.user("ada", "admin");
    const { id } = await held(a);
    for (const answer of [
      await b.get(`/locks/${id}`),
      await b.post("/locks/heartbeat", { lock_id: id }),
      await b.post("/locks/release", { lock_id: id }),
      await ada.post("/locks/heartbeat", { lock_id: id }),
      await ada.post("/locks/release", { lock_id: id }),
    ]) {
      expect(refusal(answer)).toEqual([403, "NOT_LOCK_HOLDER"]);
    }
    for (const answer of [
      await b.post("/locks/release", { lock_id: id, force: true, reason: "mine now" }),
      await alice.get(`/locks/${id}`),
      await alice.post("/locks/acquire", lock),
      await alice.post("/locks/heartbeat", { lock_id: id }),
      await alice.post("/locks/release", { lock_id: id }),
    ]) {
      expect(refusal(answer)).toEqual([403, "FORBIDDEN"]);
    }
    expect((await ada.get<Lock>(`/locks/${id}`)).body).toMatchObject({ holder: { agent_id: "a" } });
    const unreasoned = await ada.post("/locks/release", { lock_id: id, force: true });
    expect([...refusal(unreasoned), detailsOf(unreasoned).field]).toEqual([400, "VALIDATION_ERROR", "reason"]);
    ok(await ada.post("/locks/release", { lock_id: id, force: true, reason: "the agent hangs" }), 204);
    expect((await held(b)).fencing_token).toBe(2);
    await stage.expectVerified(KEY);
    const { entries } = ok<{ entries: Loose[] }>(await stage.root.get("/audit?action=lock.released"));
    expect(entries).toMatchObject([
      { who: { id: "ada" }, why: { reason: "the agent hangs" }, details: { agent_id: "a", forced: true } },
    ]);
    expect(entries[0]?.who).not.toHaveProperty("session_id");
  });

  it("is nobody's in another workspace: 404 for every route", async () => {
    const { a } = await agents();
    const { id } = await held(a);
    const stranger = await new Stage().agent("a");
    for (const answer of [
      await stranger.get(`/locks/${id}`),
      await stranger.post("/locks/heartbeat", { lock_id: id }),
      await stranger.post("/locks/release", { lock_id: id }),
    ]) {
      expect(refusal(answer)).toEqual([404, "LOCK_NOT_FOUND"]);
    }
    expect(await read({ id } as Lock, a)).toMatchObject({ status: "held" });
  });

  it("ids: 400 without their shape, 404 for what is no lease", async () => {
    const { a } = await agents();
    const { id } = await held(a);
    const task = idOf(freshTaskAddress(Date.now()));
    for (const unknown of ["01890a5d-ac96-774b-bcce-b302099a8057", `${id.slice(0, -8)}00000000`, task]) {
      for (const answer of [
        await a.get(`/locks/${unknown}`),
        await a.post("/locks/heartbeat", { lock_id: unknown }),
        await a.post("/locks/release", { lock_id: unknown }),
      ]) {
        expect(refusal(answer), unknown).toEqual([404, "LOCK_NOT_FOUND"]);
      }
    }
    expect(refusal(await a.get("/locks/nonsense"))).toEqual([400, "VALIDATION_ERROR"]);
  });
});

describe("POST /locks/downgrade", () => {
  it("makes a writer a reader under the same token, and lets in the readers up to the next writer", async () => {
    const { stage, a, b, c } = await agents();
    const writer = await held(a);
    const next = await queued(b, { mode: "shared" });
    const later = await queued(c);
    const last = await queued(b, { mode: "shared", session_id: "last" });
    const reader = ok<Lock>(await downgrade(a, writer));
    expect(reader).toMatchObject({ id: writer.id, status: "held", mode: "shared", fencing_token: 1 });
    expect(reader.holders.map(({ agent_id }) => agent_id)).toEqual(["a", "b"]);
    expect(await read(next, b)).toMatchObject({ status: "held", mode: "shared", fencing_token: 2 });
    expect(await read(later, c)).toMatchObject({ status: "queued", queue_position: 1 });
    expect(await read(last, b)).toMatchObject({ status: "queued", queue_position: 2 });
    await evictDurableObject(stage.stub(KEY));
    expect(await read(writer, a)).toMatchObject({ mode: "shared", fencing_token: 1 });
    await stage.expectVerified();
    const { entries } = ok<{ entries: Loose[] }>(await stage.root.get("/audit?action=lock.downgraded"));
    expect(entries).toMatchObject([
      { who: { id: "a", session_id: "a" }, details: { lock_id: writer.id, mode: "shared" } },
    ]);
  });

  it("leaves a reader as it is, gives up an upgrade that waits, and makes a queued writer a queued reader", async () => {
    const { a, b, c } = await agents();
    const one = await held(a, { mode: "shared" });
    const other = await held(b, { mode: "shared" });
    expect(ok(await downgrade(a, one))).toMatchObject({ id: one.id, mode: "shared", fencing_token: 1 });
    expect(await queued(a)).toMatchObject({ id: one.id, upgrade_pending: true });
    expect(ok<Lock>(await downgrade(a, one)).upgrade_pending).toBeUndefined();
    ok(await b.post("/locks/release", { lock_id: other.id }), 204);
    expect(await read(one, a)).toMatchObject({ mode: "shared", fencing_token: 1 });
    const claim = await queued(c);
    const late = await queued(b, { mode: "shared" });
    expect(ok(await downgrade(c, claim))).toMatchObject({ id: claim.id, status: "held", mode: "shared" });
    expect(await read(late, b)).toMatchObject({ status: "held", mode: "shared" });
  });

  it("does not end the wait of a request that is held open: one that asks for less goes on waiting", async () => {
    const { a, b } = await agents();
    const lease = await held(a);
    const waiting = b.post<Lock>("/locks/acquire", lock, { Prefer: "wait=30" });
    const claim = await eventually(() => queued(b));
    ok(await downgrade(b, claim), 200);
    ok(await a.post("/locks/release", { lock_id: lease.id }), 204);
    expect(ok<Lock>(await waiting, 201)).toMatchObject({ id: claim.id, mode: "shared", status: "held" });
  });

  it("has no meaning for permits, which have no modes, and for tasks, which have one", async () => {
    const { stage, a } = await agents();
    const { id } = await stage.draft(await stage.user("alice", "author"));
    for (const one of [
      await held(a, { resource_type: "agent", resource_id: "a" }),
      await held(a, { resource_type: "task", resource_id: id }),
    ]) {
      expect(ok(await downgrade(a, one))).toEqual(one);
    }
  });

  it("is the holder's alone: 403 for others and admins, 404 for what has ended, 400 for no id", async () => {
    const { stage, a, b } = await agents();
    const ada = await stage.user("ada", "admin");
    const alice = await stage.user("alice", "author");
    stopClock();
    const lease = await held(a, { ttl_seconds: 30 });
    for (const who of [b, ada]) expect(refusal(await downgrade(who, lease))).toEqual([403, "NOT_LOCK_HOLDER"]);
    expect(refusal(await downgrade(alice, lease))).toEqual([403, "FORBIDDEN"]);
    pass(30_000);
    const late = await downgrade(a, lease);
    expect([...refusal(late), detailsOf(late).ended_reason]).toEqual([404, "LOCK_EXPIRED", "expired"]);
    const again = await held(a);
    ok(await a.post("/locks/release", { lock_id: again.id }), 204);
    const gone = await downgrade(a, again);
    expect([...refusal(gone), detailsOf(gone).ended_reason]).toEqual([404, "LOCK_NOT_FOUND", "released"]);
    const stranger = await new Stage().agent("a");
    for (const [who, id] of [
      [a, `${lease.id.slice(0, -8)}000000ff`],
      [a, "01890a5d-ac96-774b-bcce-b302099a8057"],
      [stranger, lease.id],
    ] as const) {
      expect(refusal(await downgrade(who, { id }))).toEqual([404, "LOCK_NOT_FOUND"]);
    }
    for (const body of [{}, { lock_id: "x" }, { lock_id: lease.id, mode: "shared" }]) {
      expect(refusal(await a.post("/locks/downgrade", body))).toEqual([400, "VALIDATION_ERROR"]);
    }
  });

  it("answers the same again under an Idempotency-Key, though the lease has ended since", async () => {
    const { a } = await agents();
    const key = { "Idempotency-Key": "down" };
    const lease = await held(a);
    const first = await downgrade(a, lease, key);
    ok(await a.post("/locks/release", { lock_id: lease.id }), 204);
    const again = await downgrade(a, lease, key);
    expect([again.status, again.headers.get("Idempotency-Replayed"), again.body]).toEqual([200, "true", first.body]);
  });
});

describe("POST /locks/verify", () => {
  it("tells whether a lease held now has the token, and the highest there was", async () => {
    const { stage, a, b } = await agents();
    const alice = await stage.user("alice", "author");
    const one = await held(a, { mode: "shared" });
    const two = await held(b, { mode: "shared" });
    for (const token of [1, 2]) expect(await verified(alice, token)).toEqual({ current: true, highest: 2 });
    for (const token of [0, 3]) expect(await verified(alice, token)).toEqual({ current: false, highest: 2 });
    ok(await a.post("/locks/release", { lock_id: one.id }), 204);
    expect(await verified(alice, 1)).toEqual({ current: false, highest: 2 });
    ok(await b.post("/locks/acquire", lock), 201);
    expect(await verified(alice, 2)).toEqual({ current: false, highest: 3 });
    expect(await verified(alice, 3)).toEqual({ current: true, highest: 3 });
    ok(await b.post("/locks/downgrade", { lock_id: two.id }));
    await evictDurableObject(stage.stub(KEY));
    expect(await verified(alice, 3)).toEqual({ current: true, highest: 3 });
  });

  it("goes by the clock, though no alarm has rung", async () => {
    const { a } = await agents();
    stopClock();
    await held(a, { ttl_seconds: 30 });
    pass(29_999);
    expect(await verified(a, 1)).toEqual({ current: true, highest: 1 });
    pass(1);
    expect(await verified(a, 1)).toEqual({ current: false, highest: 1 });
  });

  it("knows permits and tasks, and 404 for those that are not there", async () => {
    const { stage, a } = await agents();
    const alice = await stage.user("alice", "author");
    const { id } = await stage.draft(alice);
    const [task, permit] = [
      { resource_type: "task", resource_id: id },
      { resource_type: "agent", resource_id: "a" },
    ];
    for (const name of [task, permit]) {
      expect(await verified(alice, 1, name)).toEqual({ current: false, highest: 0 });
      await held(a, name);
      expect(await verified(alice, 1, name)).toEqual({ current: true, highest: 1 });
    }
    const unknown = { ...lock, fencing_token: 1, resource_type: "task", resource_id: idOf(freshTaskAddress(1)) };
    expect(refusal(await alice.post("/locks/verify", unknown))).toEqual([404, "TASK_NOT_FOUND"]);
    const nobody = { ...lock, fencing_token: 1, resource_type: "agent", resource_id: "nobody" };
    expect(refusal(await alice.post("/locks/verify", nobody))).toEqual([404, "AGENT_NOT_FOUND"]);
  });

  it("stores nothing of a lock that never was, and sees no other workspace's", async () => {
    const { stage, a } = await agents();
    await held(a);
    const stranger = await new Stage().agent("a");
    expect(await verified(stranger, 1)).toEqual({ current: false, highest: 0 });
    expect(await verified(a, 1, { resource_id: "db:never" })).toEqual({ current: false, highest: 0 });
    await runInDurableObject(stage.stub("resource:db:never"), (_, { storage }) => {
      const tables = storage.sql.exec("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf%' ESCAPE '\\'");
      expect(tables.toArray()).toEqual([]);
    });
  });

  it.each([
    [{ fencing_token: -1 }, "fencing_token"],
    [{ fencing_token: 1.5 }, "fencing_token"],
    [{ fencing_token: "1" }, "fencing_token"],
    [{ fencing_token: 1, resource_id: "" }, "resource_id"],
    [{ fencing_token: 1, resource_type: "task", resource_id: "mine" }, "resource_id"],
    [{ fencing_token: 1, mode: "shared" }, "mode"],
    [{}, "fencing_token"],
  ])("names what is wrong (%#)", async (more, field) => {
    agent ??= new Stage().agent("a");
    const answer = await (await agent).post("/locks/verify", { ...lock, ...more });
    expect(refusal(answer)).toEqual([400, "VALIDATION_ERROR"]);
    expect(detailsOf(answer).field).toBe(field);
  });
});

let agent: Promise<Person> | undefined;
