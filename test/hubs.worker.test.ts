import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, test, vi } from "vitest";
import { RENEWAL_MS } from "../src/realtime/channel-api.ts";
import { hubFor, hubKey, hubShards } from "../src/realtime/hub-address.ts";
import { Listener } from "./support/listener.ts";
import { eventually, ok, type Person, pass, Stage, stopClock, WEB } from "./support/stage.ts";

afterEach(() => void vi.useRealTimers());

const CHANNEL = `resource:${WEB}`;

function hubOf(person: Pick<Person, "id">, kind: "user" | "agent" = "user"): string {
  return hubKey(hubFor({ kind, id: person.id }, undefined, hubShards(env.HUB_SHARDS)));
}

/** Takes and gives back the lock of a service: two events. */
async function cycle(agent: Person, resource_id = WEB): Promise<void> {
  const { id } = ok<{ id: string }>(
    await agent.post("/locks/acquire", { resource_type: "resource", resource_id, wait_for_available: false }),
    201,
  );
  ok(await agent.post("/locks/release", { lock_id: id }), 204);
}

/** All events of the channel, as the publisher has them. */
async function published(reader: Person, channel: string): Promise<number[]> {
  const path = `/channels/${encodeURIComponent(channel)}/events?limit=500`;
  return ok<{ events: { seq: number }[] }>(await reader.get(path)).events.map(({ seq }) => seq);
}

describe("a subscriber", () => {
  test("is told the head first, then every event as it happens, in the words of the channel", async () => {
    const stage = new Stage();
    const { alice, robo } = await stage.cast();
    await cycle(robo);
    const socket = await Listener.open(alice.token);
    expect(ok(await alice.get("/stats"))).toMatchObject({ sockets: 1 });
    const heads = await socket.subscribe([CHANNEL]);
    expect(heads).toEqual({ [CHANNEL]: expect.any(Number) });
    await cycle(robo);
    const events = await eventually(async () => {
      expect(socket.events(CHANNEL)).toHaveLength(2);
      return socket.events(CHANNEL);
    });
    expect(events.map(({ event }) => event)).toEqual(["lock:acquired", "lock:released"]);
    expect(events[0]).toMatchObject({ channel: CHANNEL, prev: heads[CHANNEL], payload: { resource_id: WEB } });
    expect(events[1]?.prev).toBe(events[0]?.seq);
  });

  test("gets what came after since before what is live: nothing missing, nothing twice", async () => {
    const stage = new Stage();
    const { alice, robo } = await stage.cast();
    for (let n = 0; n < 3; n += 1) await cycle(robo);
    const all = await published(alice, CHANNEL);
    const socket = await Listener.open(alice.token);
    await socket.subscribe([CHANNEL], { [CHANNEL]: all[1] ?? 0 });
    await cycle(robo);
    const now = await published(alice, CHANNEL);
    await eventually(async () => expect(socket.seqs(CHANNEL)).toEqual(now.slice(2)));
  });

  test("whose since is of a future that never was is told to re-read", async () => {
    const stage = new Stage();
    const { alice, robo } = await stage.cast();
    await cycle(robo);
    const socket = await Listener.open(alice.token);
    const heads = await socket.subscribe([CHANNEL], { [CHANNEL]: 1_000_000 });
    await eventually(async () =>
      expect(socket.told).toContainEqual({ event: "reset", channel: CHANNEL, payload: { seq: heads[CHANNEL] } }),
    );
    await cycle(robo);
    await eventually(async () => expect(socket.events(CHANNEL)).toHaveLength(2));
  });

  test("hears no more of a channel that it left, and its hub gives up what nobody hears", async () => {
    const stage = new Stage();
    const { alice, robo } = await stage.cast();
    const socket = await Listener.open(alice.token);
    await socket.subscribe([CHANNEL, "user:alice"]);
    socket.say({ action: "unsubscribe", channels: [CHANNEL] });
    await eventually(async () =>
      expect(socket.told).toContainEqual({ event: "unsubscribed", payload: { channels: [CHANNEL] } }),
    );
    await cycle(robo);
    socket.say("ping");
    await eventually(async () => expect(socket.texts).toContain("pong"));
    expect(socket.events(CHANNEL)).toEqual([]);
    await eventually(async () => expect(await channelsOf(stage, alice)).toEqual(["user:alice"]));
    socket.close();
    await eventually(async () => expect(await channelsOf(stage, alice)).toEqual([]));
  });

  test("is heard over the same hub as others of its channel, which follows it once", async () => {
    const stage = new Stage();
    const { alice, robo } = await stage.cast();
    const sockets = await Promise.all([1, 2, 3].map(() => Listener.open(alice.token)));
    for (const socket of sockets) await socket.subscribe([CHANNEL]);
    await cycle(robo);
    for (const socket of sockets) await eventually(async () => expect(socket.events(CHANNEL)).toHaveLength(2));
    const [subscribers] = await rows(stage, CHANNEL, "SELECT body FROM documents WHERE key = 'subscribers'");
    expect(JSON.parse(String(subscribers?.body))).toEqual([
      { channel: CHANNEL, hub: hubOf(alice), life: expect.any(Number), until: expect.any(Number) },
    ]);
  });
});

test("an admin hears all locks and the whole trail, in D1's order, over one socket", async () => {
  const stage = new Stage();
  const ada = await stage.user("ada", "admin");
  const robo = await stage.agent("robo");
  const socket = await Listener.open(ada.token);
  await socket.subscribe(["locks", "system"], { locks: 0, system: 0 });
  await cycle(robo);
  for (const channel of ["locks", "system"]) {
    await eventually(async () => {
      const all = await published(ada, channel);
      expect(all.length).toBeGreaterThan(channel === "locks" ? 1 : 3);
      expect(socket.seqs(channel)).toEqual(all);
    });
  }
  expect(socket.events("locks").map(({ event }) => event)).toEqual(["lock:acquired", "lock:released"]);
});

/** Channels that a person's hub follows. */
async function channelsOf(stage: Stage, person: Person): Promise<unknown[]> {
  const found = await rows(stage, hubOf(person), "SELECT name FROM channels ORDER BY name");
  return found.map(({ name }) => name);
}

function rows(stage: Stage, key: string, query: string): Promise<Record<string, SqlStorageValue>[]> {
  return runInDurableObject(stage.stub(key), (_, state) => state.storage.sql.exec(query).toArray());
}

/** The life of a person's hub that a publisher knows. */
async function lifeOf(stage: Stage, person: Person, publisher: string): Promise<number> {
  const [stored] = await rows(stage, publisher, "SELECT body FROM documents WHERE key = 'subscribers'");
  const subscribers = JSON.parse(String(stored?.body)) as { hub: string; life: number }[];
  return subscribers.find(({ hub }) => hub === hubOf(person))?.life ?? Number.NaN;
}

describe("through hibernation, eviction and lost pushes", () => {
  test("what a hub said before it died does not end what it says now, though its clock is behind by now", async () => {
    stopClock();
    const stage = new Stage();
    const alice = await stage.user("alice", "author");
    await (await Listener.open(alice.token)).subscribe([CHANNEL]);
    await stage.abort(hubOf(alice));
    pass(-60_000);
    await (await Listener.open(alice.token)).subscribe(["user:alice"]);
    expect(await lifeOf(stage, alice, "inbox:alice")).toBeGreaterThan(await lifeOf(stage, alice, CHANNEL));
  });

  test("a socket whose hub was evicted goes on where it was", async () => {
    const stage = new Stage();
    const { alice, robo } = await stage.cast();
    const socket = await Listener.open(alice.token);
    await socket.subscribe([CHANNEL]);
    await cycle(robo);
    await eventually(async () => expect(socket.events(CHANNEL)).toHaveLength(2));
    await evictDurableObject(stage.stub(hubOf(alice)));
    await cycle(robo);
    await eventually(async () => expect(socket.seqs(CHANNEL)).toEqual(await published(alice, CHANNEL)));
    socket.say("ping");
    await eventually(async () => expect(socket.texts.at(-1)).toBe("pong"));
  });

  test("a push that was lost is made good by the next one, and the last one by the renewal", async () => {
    stopClock();
    const stage = new Stage();
    const { alice, robo } = await stage.cast();
    const socket = await Listener.open(alice.token);
    await socket.subscribe([CHANNEL]);
    const hub = hubOf(alice);
    // Whom a publisher does not know, it does not push to.
    await rows(stage, CHANNEL, "DELETE FROM documents WHERE key = 'subscribers'");
    await evictDurableObject(stage.stub(CHANNEL));
    await cycle(robo);
    expect(socket.events(CHANNEL)).toEqual([]);
    pass(RENEWAL_MS);
    expect(await stage.ring(hub)).toBe(true);
    const all = await published(alice, CHANNEL);
    await eventually(async () => expect(socket.seqs(CHANNEL)).toEqual(all));
    await cycle(robo);
    await eventually(async () => expect(socket.seqs(CHANNEL)).toEqual(await published(alice, CHANNEL)));
  });

  test("whatever is evicted while much happens at once, each subscriber has each event once and in order", async () => {
    stopClock();
    const stage = new Stage();
    const { alice, bob, robo } = await stage.cast();
    const channels = [CHANNEL, "resource:service:prod/api"];
    const listeners = [await Listener.open(alice.token), await Listener.open(bob.token)];
    for (const socket of listeners) await socket.subscribe(channels);
    const late: Listener[] = [];
    for (let round = 0; round < 6; round += 1) {
      const work = [cycle(robo), cycle(robo, "service:prod/api")];
      const evicted = [hubOf(alice), CHANNEL][round % 2] ?? "";
      if (round % 3 === 1) await rows(stage, CHANNEL, "DELETE FROM documents WHERE key = 'subscribers'");
      await Promise.all([...work, evictDurableObject(stage.stub(evicted))]);
      const socket = await Listener.open(round % 2 === 0 ? alice.token : bob.token);
      await socket.subscribe(channels, Object.fromEntries(channels.map((channel) => [channel, 0])));
      late.push(socket);
    }
    pass(RENEWAL_MS);
    for (const person of [alice, bob]) await stage.ring(hubOf(person));
    for (const channel of channels) {
      const all = await published(alice, channel);
      expect(all.length).toBe(12);
      for (const socket of [...listeners, ...late]) {
        await eventually(async () => expect(socket.seqs(channel)).toEqual(all));
      }
    }
  });
});
