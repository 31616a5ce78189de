/** Channels as a hub meets them: read at their publisher, or pushed to by it. */
import { runInDurableObject } from "cloudflare:test";
import { expect } from "vitest";
import type { ActorKey } from "../../src/actor/remote.ts";
import type { Result } from "../../src/actor/result.ts";
import type { ChannelApi, EventsPage, EventsQuery } from "../../src/realtime/channel-api.ts";
import type { Event } from "../../src/realtime/contract.ts";
import { eventually, type Stage } from "./stage.ts";

export const HUB = "hub:XX/0";

/** The key of the actor that publishes a channel. */
export function publisherOf(channel: string): ActorKey {
  if (channel === "locks" || channel === "system") return "config";
  return channel.startsWith("user:") ? `inbox:${channel.slice("user:".length)}` : channel;
}

function publisher(stage: Stage, channel: string): ChannelApi {
  return stage.stub(publisherOf(channel)) as unknown as ChannelApi;
}

export function value<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(`${result.error.code}: ${result.error.message}`);
  return result.value;
}

export async function pageOf(stage: Stage, channel: string, query: Partial<EventsQuery> = {}): Promise<EventsPage> {
  const asked = { channel, after: 0, limit: 1_000, ...query };
  return value(await publisher(stage, channel).events(publisherOf(channel), asked));
}

/** All that a channel told so far; each event has to name the one before it. */
export async function eventsOf(stage: Stage, channel: string, after = 0): Promise<Event[]> {
  const { events } = await pageOf(stage, channel, { after });
  expectUnbroken(events, after);
  return [...events];
}

/** Each once, in order, and nothing between them. */
export function expectUnbroken(events: readonly Event[], from = 0): void {
  const seqs = events.map(({ seq }) => seq);
  expect(events.map(({ prev }) => prev)).toEqual([
    ...(events.length > 0 ? [events[0]?.prev] : []),
    ...seqs.slice(0, -1),
  ]);
  if (from === 0 && events.length > 0) expect(events[0]?.prev).toBe(0);
  expect(seqs).toEqual([...new Set(seqs)].sort((a, b) => a - b));
}

/** The events of this name, once there is one at least. */
export function told(stage: Stage, channel: string, name: string): Promise<Event[]> {
  return eventually(async () => {
    const events = (await eventsOf(stage, channel)).filter(({ event }) => event === name);
    expect(events, `${name} on ${channel}`).not.toEqual([]);
    return events;
  });
}

/** The payload of the one event of this name. */
export async function payloadOf(stage: Stage, channel: string, name: string): Promise<Event["payload"]> {
  const [one, ...more] = await told(stage, channel, name);
  expect(more, `${name} once only`).toEqual([]);
  return one?.payload ?? {};
}

export async function namesOf(stage: Stage, channel: string): Promise<string[]> {
  return (await eventsOf(stage, channel)).map(({ event }) => event);
}

export async function subscribe(stage: Stage, channel: string): Promise<number> {
  return value(await publisher(stage, channel).subscribe(publisherOf(channel), channel, HUB, 1)).head;
}

/** Puts a hub of the test's own before the publisher's present life; answers what it is pushed from now on. */
export async function listen(
  stage: Stage,
  channel: string,
  answer: () => Promise<void> = async () => {},
): Promise<Event[]> {
  const pushed: Event[] = [];
  const push = (_key: ActorKey, name: string, events: readonly Event[]) => {
    if (name === channel) pushed.push(...structuredClone(events));
    return answer();
  };
  await runInDurableObject(stage.stub(publisherOf(channel)), (actor) => {
    const inside = actor as unknown as { env: Record<string, unknown> };
    inside.env = { ...inside.env, HUB: { idFromName: (name: string) => name, get: () => ({ push }) } };
  });
  return pushed;
}
