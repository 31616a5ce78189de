/** The workspace's feeds: `locks` and `system`, told from what stands in D1, each row once and in D1's order. */
import { evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { LOCK_ACTIONS } from "../src/audit/feed-events.ts";
import type { Lock } from "../src/locks/contract.ts";
import type { ChannelApi } from "../src/realtime/channel-api.ts";
import { type Publisher, replayed } from "../src/realtime/publishers.ts";
import { eventsOf, expectUnbroken, HUB, listen, pageOf, subscribe, told } from "./support/channel.ts";
import { crash, databaseWith, failingDatabase, gate, giveDatabase, inLedger, ledgerStub } from "./support/ledger.ts";
import { eventually, ok, type Person, Stage } from "./support/stage.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

async function lockTwice(agent: Person, key: string): Promise<void> {
  for (let n = 0; n < 2; n += 1) {
    const wanted = { resource_type: "resource", resource_id: key };
    const { id } = ok<Lock>(await agent.post("/locks/acquire", wanted), 201);
    ok(await agent.post("/locks/release", { lock_id: id }), 204);
  }
}

/** Ids of the workspace's rows in D1, in order. */
async function idsOf(stage: Stage, pattern = "*"): Promise<number[]> {
  const { results } = await env.DB.prepare(
    "SELECT id FROM audit_log WHERE workspace = ?1 AND action GLOB ?2 ORDER BY id",
  )
    .bind(stage.workspace, pattern)
    .all<{ id: number }>();
  return results.map(({ id }) => id);
}

/** Until everything of these lock lives stands in D1. */
async function settled(stage: Stage, rows: number): Promise<void> {
  await eventually(async () => expect(await idsOf(stage, "lock.*")).toHaveLength(rows));
}

/** Four lock events before a task was submitted, and four after. */
async function lockedBesideATask(): Promise<Stage> {
  const stage = new Stage();
  const { alice, robo } = await stage.cast();
  await lockTwice(robo, "db:one");
  await stage.submitted(alice);
  await lockTwice(robo, "db:two");
  await settled(stage, 8);
  return stage;
}

describe("a replay", () => {
  it.each([
    ["leaves others their turn before it goes on", 2, ["others", "page"]],
    ["that is at its end does not wait", 1, ["page"]],
  ])("%s", async (_, head, expected) => {
    const turns: string[] = [];
    const actor = { events: async () => ({ ok: true, value: { events: [{ seq: 1 }], head, reset: false } }) };
    const others = setTimeout(() => turns.push("others"), 0);
    await replayed({ key: "config", actor } as unknown as Publisher, { channel: "system", after: 0, limit: 1 });
    turns.push("page");
    clearTimeout(others);
    expect(turns).toEqual(expected);
  });
});

describe("system", () => {
  it("tells every audited entry once, in D1's order, by the name that the table of events has for it", async () => {
    const stage = new Stage();
    const { alice, robo } = await stage.cast();
    const { id } = await stage.submitted(alice);
    await lockTwice(robo, "db:one");
    await settled(stage, 4);
    await told(stage, "system", "approval:requested");
    const events = await eventsOf(stage, "system");
    expect(events.map(({ seq }) => seq)).toEqual(await idsOf(stage));
    const names = events.map(({ event }) => event);
    expect(names.filter((name) => name === "task:state_changed")).toHaveLength(3);
    expect(names).toEqual(expect.arrayContaining(["user.created", "agent.created", "lock:acquired", "lock:released"]));
    const made = events.find(({ event }) => event === "user.created");
    expect(made).toMatchObject({
      channel: "system",
      timestamp: expect.stringMatching(/\d{6}Z$/),
      payload: { subject_type: "user", who: { id: "root" } },
    });
    const edge = events.find(({ payload }) => payload.new_state === "SUBMITTED");
    expect(edge?.payload).toEqual({
      task_id: id,
      previous_state: "DRAFT",
      new_state: "SUBMITTED",
      triggered_by: "alice",
    });
  });

  it("of another workspace is none of its business", async () => {
    const [one, two] = [new Stage(), new Stage()];
    await Promise.all([one.cast(), two.cast()]);
    const seqs = (await eventsOf(one, "system")).map(({ seq }) => seq);
    expect(seqs).toEqual(await idsOf(one));
    expect(seqs.filter((seq) => seq > 0).length).toBeGreaterThan(3);
  });
});

describe("locks", () => {
  it("tells every lock event and nothing else, each with the one before it", async () => {
    const stage = await lockedBesideATask();
    const events = await eventsOf(stage, "locks");
    expect(events.map(({ seq }) => seq)).toEqual(await idsOf(stage, "lock.*"));
    const [first, second] = events;
    expect(first).toMatchObject({ event: "lock:acquired", prev: 0, payload: { resource_id: "db:one" } });
    const rest = await eventsOf(stage, "locks", first?.seq);
    expect(rest[0]).toEqual(second);
    const { events: page, head } = await pageOf(stage, "locks", { after: second?.seq ?? 0, limit: 3 });
    expect(page).toEqual(events.slice(2, 5));
    expect(head).toBe(events.at(-1)?.seq);
  });
});

describe("a feed of which there is more than a reader takes", () => {
  it.each(["locks", "system"])("%s is a reset, and no more than that is not", async (channel) => {
    const stage = await lockedBesideATask();
    const events = await eventsOf(stage, channel);
    const [first] = events;
    const head = events.at(-1)?.seq;
    expect(await pageOf(stage, channel, { most: events.length })).toEqual({ events, head, reset: false });
    const most = events.length - 1;
    expect(await pageOf(stage, channel, { most })).toEqual({ events: [], head, reset: true });
    expect((await pageOf(stage, channel, { after: first?.seq ?? 0, most })).events).toEqual(events.slice(1));
    expect((await pageOf(stage, channel, { most, limit: 1 })).reset).toBe(true);
  });
});

describe("a long poll", () => {
  it("is answered by the flush that brings something of its feed", async () => {
    const stage = new Stage();
    const { robo } = await stage.cast();
    const { head } = await pageOf(stage, "locks");
    const poll = pageOf(stage, "locks", { after: head, wait_ms: 20_000 });
    await stage.user("dora", "author");
    await lockTwice(robo, "db:one");
    const { events } = await poll;
    expect(events[0]).toMatchObject({ event: "lock:acquired", prev: head });
  });
});

describe("a hub that follows a feed", () => {
  it("is pushed what comes after the head it was told, in order, nothing twice", async () => {
    const stage = new Stage();
    const { robo } = await stage.cast();
    const pushed = await listen(stage, "locks");
    const head = await subscribe(stage, "locks");
    for (let n = 0; n < 5; n += 1) await lockTwice(robo, `db:${n}`);
    await eventually(async () => expect(pushed).toHaveLength(20));
    expect(pushed).toEqual(await eventsOf(stage, "locks", head));
  });

  it("gets what was flushed while D1 did not answer its reads, once D1 is back", async () => {
    const stage = new Stage();
    const { robo } = await stage.cast();
    vi.spyOn(console, "error").mockImplementation(() => {});
    const pushed = await listen(stage, "locks");
    await subscribe(stage, "locks");
    await giveDatabase(stage.workspace, failingDatabase());
    await lockTwice(robo, "db:one");
    await stage.ring("resource:db:one");
    expect(pushed).toEqual([]);
    await giveDatabase(stage.workspace, env.DB);
    await inLedger(stage.workspace, (ledger) => ledger.flushed());
    await eventually(async () => expect(pushed).toHaveLength(4));
    expectUnbroken(pushed);
  });

  it("asks in vain while D1 does not answer: 503, and it is not subscribed", async () => {
    const stage = new Stage();
    await stage.cast();
    vi.spyOn(console, "error").mockImplementation(() => {});
    await giveDatabase(stage.workspace, failingDatabase());
    const ledger = ledgerStub(stage.workspace) as unknown as ChannelApi;
    const unavailable = { ok: false, error: { code: "UNAVAILABLE" } };
    expect(await ledger.subscribe("config", "locks", HUB, 1)).toMatchObject(unavailable);
    expect(await ledger.events("config", { channel: "locks", after: 0, limit: 1 })).toMatchObject(unavailable);
    expect(await ledger.events("config", { channel: "nope", after: 0, limit: 1 })).toMatchObject({
      error: { code: "NOT_FOUND" },
    });
  });
});

describe("a ledger that dies between a flush and its events", () => {
  it("tells them in its next life, each once and in order", async () => {
    const stage = new Stage();
    const { robo } = await stage.cast();
    await lockTwice(robo, "db:before");
    await settled(stage, 4);
    const head = await subscribe(stage, "locks");
    // The flush gets through; the read of what it brought never comes back.
    const { opened } = gate();
    let reads = 0;
    await giveDatabase(
      stage.workspace,
      databaseWith(async (_, statements) => {
        // The read of this feed: two heads, and a statement an action.
        if (statements <= LOCK_ACTIONS.length) return;
        reads += 1;
        await opened;
      }),
    );
    await lockTwice(robo, "db:one");
    await settled(stage, 8);
    await eventually(async () => expect(reads).toBe(1));
    await crash(stage.workspace);
    const pushed = await listen(stage, "locks");
    await lockTwice(robo, "db:two");
    await settled(stage, 12);
    await eventually(async () => expect(pushed.at(-1)?.seq).toBe((await idsOf(stage, "lock.*")).at(-1)));
    const known = pushed.filter(({ seq }, at) => pushed.findIndex((other) => other.seq === seq) === at);
    expect(known).toEqual(await eventsOf(stage, "locks", head));
  });

  it("goes on pushing after an eviction without being subscribed to again", async () => {
    const stage = new Stage();
    const { robo } = await stage.cast();
    const head = await subscribe(stage, "locks");
    await evictDurableObject(ledgerStub(stage.workspace));
    const pushed = await listen(stage, "locks");
    await lockTwice(robo, "db:one");
    await eventually(async () => expect(pushed).toHaveLength(4));
    expect(pushed).toEqual(await eventsOf(stage, "locks", head));
  });
});
