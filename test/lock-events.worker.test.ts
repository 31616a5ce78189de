/** Who is told of what happens to a lock (05-realtime-and-audit, "Who gets what"), row by row. */
import { runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Lock } from "../src/locks/contract.ts";
import { eventsOf, namesOf, pageOf, payloadOf, told } from "./support/channel.ts";
import { onCommits } from "./support/commits.ts";
import { eventually, ok, type Person, pass, refusal, Stage, stopClock } from "./support/stage.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const KEY = "database:prod/orders";
const CHANNEL = `resource:${KEY}`;
const lockOf = { resource_type: "resource", resource_id: KEY };

interface Row {
  readonly action: string;
  readonly why?: { readonly reason?: string };
}

async function pair(): Promise<{ stage: Stage; a: Person; b: Person }> {
  const stage = new Stage();
  const [a, b] = await Promise.all([stage.agent("a"), stage.agent("b")]);
  return { stage, a, b };
}

async function acquire(who: Person, more: Record<string, unknown> = {}, status = 201): Promise<Lock> {
  return ok<Lock>(await who.post("/locks/acquire", { ...lockOf, ...more }), status);
}

async function release(who: Person, { id }: Lock, more: Record<string, unknown> = {}): Promise<void> {
  ok(await who.post("/locks/release", { lock_id: id, ...more }), 204);
}

describe("a lock that is taken at once and given back by its holder", () => {
  it("is told on its own channel, field by field, and on no channel of the holder's", async () => {
    const { stage, a } = await pair();
    stopClock();
    const lease = await acquire(a, { session_id: "s" });
    pass(1_000);
    await release(a, lease);
    const [acquired, released, ...more] = await eventsOf(stage, CHANNEL);
    const about = { lock_id: lease.id, ...lockOf, agent_id: "a" };
    expect(acquired).toEqual({
      event: "lock:acquired",
      timestamp: "2090-01-01T00:00:00.000000Z",
      channel: CHANNEL,
      seq: 1,
      prev: 0,
      payload: {
        ...about,
        session_id: "s",
        mode: "exclusive",
        fencing_token: 1,
        acquired_at: "2090-01-01T00:00:00.000Z",
        expires_at: "2090-01-01T00:00:30.000Z",
      },
    });
    expect(released).toMatchObject({ event: "lock:released", seq: 2, prev: 1 });
    expect(released?.payload).toEqual({ ...about, released_at: "2090-01-01T00:00:01.000Z" });
    expect(more).toEqual([]);
    expect(await pageOf(stage, "agent:a")).toMatchObject({ events: [], head: 0 });
  });

  it("costs two commits, the lock's own, and no commit of anybody else's", async () => {
    const { stage, a } = await pair();
    await release(a, await acquire(a));
    const commits: string[] = [];
    onCommits(stage.workspace, ({ place: { kind } }, { who }) => {
      if (who.kind !== "system") commits.push(kind);
    });
    await release(a, await acquire(a));
    expect(commits).toEqual(["resource", "resource"]);
  });

  it("tells the time of the first grant when it is upgraded", async () => {
    const { stage, a } = await pair();
    stopClock();
    await acquire(a, { mode: "shared" });
    pass(5_000);
    await acquire(a, { mode: "exclusive" });
    const { payload } = (await told(stage, CHANNEL, "lock:acquired"))[1] ?? {};
    expect(payload).toMatchObject({ mode: "exclusive", fencing_token: 2, acquired_at: "2090-01-01T00:00:00.000Z" });
  });
});

describe("a lock that others hold", () => {
  it("tells on its own channel who queues, and tells whoever waited, on their channel, too, when it is theirs", async () => {
    const { stage, a, b } = await pair();
    const lease = await acquire(a);
    const claim = await acquire(b, {}, 202);
    const queued = await payloadOf(stage, CHANNEL, "lock:queued");
    expect(queued).toEqual({ lock_id: claim.id, ...lockOf, agent_id: "b", queue_position: 1 });
    await release(a, lease);
    const own = (await told(stage, CHANNEL, "lock:acquired"))[1];
    const theirs = await payloadOf(stage, "agent:b", "lock:acquired");
    expect(theirs).toEqual(own?.payload);
    expect(theirs).toMatchObject({ lock_id: claim.id, fencing_token: 2 });
    expect(await namesOf(stage, "agent:a")).toEqual([]);
  });

  it("tells when its queue is full, once a minute", async () => {
    const { stage, a, b } = await pair();
    await acquire(a);
    await runInDurableObject(stage.stub(CHANNEL), (actor) => {
      const inside = actor as unknown as { env: Record<string, unknown> };
      inside.env = { ...inside.env, LOCK_QUEUE_MAX: "0" };
    });
    const refused = async () => refusal(await b.post("/locks/acquire", lockOf));
    expect([await refused(), await refused()]).toEqual([
      [503, "QUEUE_FULL"],
      [503, "QUEUE_FULL"],
    ]);
    expect(await payloadOf(stage, CHANNEL, "lock:queue_full")).toEqual({ ...lockOf, depth: 0 });
  });

  it("tells a reader whom a deadlock's resolution lets in early, and ahead of whom", async () => {
    const { stage, a, b } = await pair();
    const c = await stage.agent("c");
    await acquire(a, { mode: "shared" });
    const writer = await acquire(b, {}, 202);
    const reader = await acquire(c, { mode: "shared" }, 202);
    const lock = stage.stub(CHANNEL) as unknown as { letIn(key: string, claim: string): Promise<unknown> };
    await lock.letIn(CHANNEL, reader.id);
    const payload = { lock_id: reader.id, ...lockOf, agent_id: "c", ahead_of: [writer.id] };
    expect(await payloadOf(stage, CHANNEL, "lock:reordered")).toEqual(payload);
    expect(await payloadOf(stage, "agent:c", "lock:reordered")).toEqual(payload);
    expect(await namesOf(stage, "agent:c")).toEqual(["lock:reordered", "lock:acquired"]);
  });
});

describe("a reason given with a release", () => {
  it("stands in the event and the trail of what was given up, not of what comes about by it", async () => {
    const { stage, a, b } = await pair();
    const lease = await acquire(a);
    const claim = await acquire(b, {}, 202);
    await release(b, claim, { reason: "changed my mind" });
    const next = await acquire(b, {}, 202);
    await release(a, lease, { reason: "done early" });
    const events = await eventsOf(stage, CHANNEL);
    expect(events.filter(({ event }) => event === "lock:released").map(({ payload }) => payload)).toMatchObject([
      { lock_id: claim.id, reason: "changed my mind" },
      { lock_id: lease.id, reason: "done early" },
    ]);
    await stage.expectVerified(CHANNEL);
    const { entries } = ok<{ entries: Row[] }>(await stage.root.get("/audit?action=lock.*&sort_order=asc"));
    expect(entries.slice(-3)).toMatchObject([
      { action: "lock.queued" },
      { action: "lock.released", why: { reason: "done early" }, details: { lock_id: lease.id } },
      { action: "lock.acquired", who: { id: "system" }, details: { lock_id: next.id } },
    ]);
    expect(entries.filter(({ why }) => why !== undefined)).toHaveLength(2);
  });
});

describe("a lease that is lost", () => {
  it("by expiry is told to its holder, with the time at which it ended", async () => {
    const { stage, a } = await pair();
    stopClock();
    const lease = await acquire(a, { ttl_seconds: 5 });
    pass(9_000);
    expect(await stage.ring(CHANNEL)).toBe(true);
    const payload = { lock_id: lease.id, ...lockOf, agent_id: "a", expired_at: "2090-01-01T00:00:05.000Z" };
    expect(await payloadOf(stage, CHANNEL, "lock:expired")).toEqual(payload);
    expect(await payloadOf(stage, "agent:a", "lock:expired")).toEqual(payload);
  });

  it("by force is told to its holder with the admin's reason, as forced", async () => {
    const { stage, a } = await pair();
    const adm = await stage.user("adm", "admin");
    const lease = await acquire(a);
    await release(adm, lease, { force: true, reason: "maintenance" });
    const theirs = await payloadOf(stage, "agent:a", "lock:released");
    expect(theirs).toMatchObject({ lock_id: lease.id, forced: true, reason: "maintenance" });
    expect(await payloadOf(stage, CHANNEL, "lock:released")).toEqual(theirs);
  });

  it("of a person is told on their own channel", async () => {
    const { stage } = await pair();
    const adm = await stage.user("adm", "admin");
    stopClock();
    const lease = await acquire(adm, { ttl_seconds: 5 });
    pass(9_000);
    expect(await stage.ring(CHANNEL)).toBe(true);
    expect(await payloadOf(stage, "user:adm", "lock:expired")).toMatchObject({ lock_id: lease.id, agent_id: "adm" });
  });

  it("with a claim's own wait is told to whoever waited", async () => {
    const { stage, a, b } = await pair();
    stopClock();
    await acquire(a, { ttl_seconds: 300 });
    const claim = await acquire(b, { max_wait_seconds: 10 }, 202);
    pass(10_000);
    expect(await stage.ring(CHANNEL)).toBe(true);
    const payload = await payloadOf(stage, "agent:b", "lock:expired");
    expect(payload).toMatchObject({ lock_id: claim.id, expired_at: "2090-01-01T00:00:10.000Z" });
    expect(await namesOf(stage, "agent:a")).toEqual([]);
  });

  it("to a deadlock: its victim is told of the deadlock and when to come again; the lock and the feed tell it, too", async () => {
    const { stage, a, b } = await pair();
    const other = { resource_type: "resource", resource_id: "database:prod/other" };
    await acquire(a);
    ok(await b.post("/locks/acquire", other), 201);
    ok(await a.post("/locks/acquire", other), 202);
    await b.post("/locks/acquire", lockOf);
    const victim = await eventually(async () => {
      const { deadlocks } = ok<{ deadlocks: { resolution: { victim_agent_id: string } }[] }>(
        await stage.root.get("/locks/deadlocks"),
      );
      expect(deadlocks).toHaveLength(1);
      return deadlocks[0]?.resolution.victim_agent_id ?? "";
    });
    const payload = await payloadOf(stage, `agent:${victim}`, "lock:deadlock_detected");
    expect(Object.keys(payload).sort()).toEqual(["cycle", "detected_at", "resolution", "retry_after_ms"]);
    expect(payload).toMatchObject({ resolution: { victim_agent_id: victim }, retry_after_ms: expect.any(Number) });
    const onFeed = await payloadOf(stage, "locks", "lock:deadlock_detected");
    expect(onFeed).toMatchObject({ resolution: { victim_agent_id: victim } });
    const survivor = victim === "a" ? "b" : "a";
    expect(await namesOf(stage, `agent:${survivor}`)).toEqual(["lock:acquired"]);
    const lost = victim === "a" ? CHANNEL : `resource:${other.resource_id}`;
    expect(await payloadOf(stage, lost, "lock:released")).toMatchObject({ reason: "deadlock", forced: true });
  });
});

describe("locks of the other kinds", () => {
  it("tell on the channel of what they protect, once only", async () => {
    const { stage, a, b } = await pair();
    stopClock();
    await acquire(a, { resource_type: "agent", resource_id: "a", ttl_seconds: 5 });
    pass(9_000);
    await stage.ring("agent:a");
    expect(await namesOf(stage, "agent:a")).toEqual(["lock:acquired", "lock:expired"]);
    const alice = await stage.user("alice", "author");
    const { id } = await stage.draft(alice);
    await acquire(b, { resource_type: "task", resource_id: id });
    expect(await payloadOf(stage, `task:${id}`, "lock:acquired")).toMatchObject({
      resource_type: "task",
      agent_id: "b",
    });
  });
});
