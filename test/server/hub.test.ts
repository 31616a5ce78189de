import { expect, test } from "vitest";
import type { Lock } from "../../src/locks/contract.ts";
import type { Event } from "../../src/realtime/contract.ts";
import { crash } from "../support/crash.ts";
import { castOf } from "../support/main-job.ts";
import { Persistent } from "../support/persistent.ts";
import { startServer, until } from "../support/server.ts";
import { Socket } from "../support/socket.ts";
import type { Session } from "../support/wire.ts";

const KEY = "service:prod/web";
const CHANNEL = `resource:${KEY}`;
const CRASHES = 2;

/** Takes and gives back one lock, over and over, whatever dies, until it is told to stop. */
async function work(agent: Persistent, goesOn: () => boolean): Promise<void> {
  while (goesOn()) {
    const { status, body } = await agent.post<Lock>("/locks/acquire", { resource_type: "resource", resource_id: KEY });
    if (status === 201) await agent.post("/locks/release", { lock_id: body.id });
  }
}

async function published(reader: Session): Promise<Event[]> {
  const all: Event[] = [];
  for (let after = 0; ; ) {
    const path = `/channels/${encodeURIComponent(CHANNEL)}/events?limit=500&after=${after}`;
    const { events, next_seq } = await reader.get<{ events: Event[]; next_seq: number }>(path);
    if (events.length === 0) return all;
    all.push(...events);
    after = next_seq;
  }
}

// Three starts of a server, which a busy machine makes slow.
test("who listens through crashes, and asks for what came since, has every event once and in order", {
  timeout: 120_000,
}, async () => {
  let server = await startServer();
  const { author, agent } = await castOf(server.url);
  let going = true;
  const working = work(new Persistent(agent), () => going);
  const heard: Event[] = [];
  for (let life = 0; life <= CRASHES; life += 1) {
    const socket = await Socket.open(author);
    expect(socket.extensions, "compression would cost each event as often as it is sent").toBe("");
    socket.subscribe([CHANNEL], { [CHANNEL]: heard.at(-1)?.seq ?? 0 });
    await until(() => socket.events.length > 20);
    if (life < CRASHES) {
      await crash(server);
      await socket.ended;
      server = await server.restart();
    } else {
      going = false;
      await working;
      const last = (await published(author)).at(-1)?.seq;
      await until(() => socket.events.at(-1)?.seq === last);
      await socket.close();
    }
    heard.push(...socket.events);
  }
  const all = await published(author);
  expect(heard.length).toBeGreaterThan(40);
  expect(heard).toEqual(all);
  await server.end();
});
