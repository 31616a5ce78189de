import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { freshTaskAddress, idOf } from "../src/actor/ids.ts";
import type { Lock, Verification } from "../src/locks/contract.ts";
import type { Answer } from "./support/api.ts";
import { detailsOf, eventually, ok, type Person, pass, refusal, Stage, stopClock } from "./support/stage.ts";

type Loose = Record<string, unknown>;

const KEY = "db:one";
const lock = { resource_type: "resource", resource_id: KEY };

async function held(agent: Person, more: Loose = {}): Promise<Lock> {
  return ok(await agent.post<Lock>("/locks/acquire", { ...lock, ...more }), 201);
}

async function queued(agent: Person, more: Loose = {}): Promise<Lock> {
  return ok(await agent.post<Lock>("/locks/acquire", { ...lock, ...more }), 202);
}

function downgrade(agent: Person, { id }: { readonly id: string }, headers = {}): Promise<Answer<Lock>> {
  return agent.post<Lock>("/locks/downgrade", { lock_id: id }, headers);
}

async function read(agent: Person, { id }: Lock): Promise<Lock> {
  return ok(await agent.get<Lock>(`/locks/${id}`));
}

async function verified(who: Person, fencing_token: number, more: Loose = {}): Promise<Verification> {
  return ok(await who.post<Verification>("/locks/verify", { ...lock, fencing_token, ...more }));
}

async function agents() {
  const stage = new Stage();
  const [a, b, c] = await Promise.all([stage.agent("a"), stage.agent("b"), stage.agent("c")]);
  return { stage, a, b, c };
}

afterEach(() => {
  vi.useRealTimers();
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
    expect(await read(b, next)).toMatchObject({ status: "held", mode: "shared", fencing_token: 2 });
    expect(await read(c, later)).toMatchObject({ status: "queued", queue_position: 1 });
    expect(await read(b, last)).toMatchObject({ status: "queued", queue_position: 2 });
    await evictDurableObject(stage.stub(`resource:${KEY}`));
    expect(await read(a, writer)).toMatchObject({ mode: "shared", fencing_token: 1 });
    await stage.expectVerified();
    const { entries } = ok<{ entries: Loose[] }>(await stage.root.get("/audit?action=lock.downgraded"));
    expect(entries).toMatchObject([{ who: { id: "a" }, details: { lock_id: writer.id, mode: "shared" } }]);
  });

  it("leaves a reader as it is, gives up an upgrade that waits, and makes a queued writer a queued reader", async () => {
    const { a, b, c } = await agents();
    const one = await held(a, { mode: "shared" });
    const other = await held(b, { mode: "shared" });
    expect(ok(await downgrade(a, one))).toMatchObject({ id: one.id, mode: "shared", fencing_token: 1 });
    ok(await a.post("/locks/acquire", lock), 201);
    expect(await read(a, one)).toMatchObject({ upgrade_pending: true });
    expect(ok<Lock>(await downgrade(a, one)).upgrade_pending).toBeUndefined();
    ok(await b.post("/locks/release", { lock_id: other.id }), 204);
    expect(await read(a, one)).toMatchObject({ mode: "shared", fencing_token: 1 });
    const claim = await queued(c);
    const late = await queued(b, { mode: "shared" });
    expect(ok(await downgrade(c, claim))).toMatchObject({ id: claim.id, status: "held", mode: "shared" });
    expect(await read(b, late)).toMatchObject({ status: "held", mode: "shared" });
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

  it("has no meaning for permits, which have no modes", async () => {
    const { a } = await agents();
    const permit = await held(a, { resource_type: "agent", resource_id: "a" });
    expect(ok(await downgrade(a, permit))).toMatchObject({ id: permit.id, mode: "exclusive", fencing_token: 1 });
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
    expect(await verified(alice, 3)).toEqual({ current: false, highest: 2 });
    ok(await a.post("/locks/release", { lock_id: one.id }), 204);
    expect(await verified(alice, 1)).toEqual({ current: false, highest: 2 });
    ok(await b.post("/locks/acquire", lock), 201);
    expect(await verified(alice, 2)).toEqual({ current: false, highest: 3 });
    expect(await verified(alice, 3)).toEqual({ current: true, highest: 3 });
    ok(await b.post("/locks/downgrade", { lock_id: two.id }));
    await evictDurableObject(stage.stub(`resource:${KEY}`));
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
    [{ fencing_token: 0 }, "fencing_token"],
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
