/** The publishers of channels, as hubs and routes call them: the actor of each channel (05-realtime-and-audit, "How"). */
import { giveWay } from "../actor/give-way.ts";
import { type ActorKey, actorOf, type Remote } from "../actor/remote.ts";
import type { Result } from "../actor/result.ts";
import type { Env } from "../env.ts";
import type { ChannelApi, EventsPage, EventsQuery } from "./channel-api.ts";
import { type Channel, channelNamed, publisherOf } from "./channels.ts";
import type { Publishers } from "./forwarding.ts";

/**
 * Events that a hub takes of the past at once. It sends them whether anybody reads or not, and what a client does not read stays in the
 * memory that a whole hub has to live in: a Durable Object is told nothing of it.
 */
export const MOST_REPLAYED = 10_000;

export interface Publisher {
  readonly key: ActorKey;
  readonly actor: Remote<ChannelApi>;
}

export function publisherAt(env: Env, workspace: string, channel: Channel): Publisher {
  const key = publisherOf(channel);
  return { key, actor: actorOf<ChannelApi>(env, workspace, key) };
}

/** A page of events for a reader who goes on to the head. Where it is not the last one, others have their turn before it is used. */
export async function replayed({ key, actor }: Publisher, query: EventsQuery): Promise<Result<EventsPage>> {
  const page = await actor.events(key, query);
  if (page.ok && (page.value.events.at(-1)?.seq ?? page.value.head) < page.value.head) await giveWay();
  return page;
}

/** The hub that calls, by its key, and which life of it this is: a call that an earlier one made may arrive after one of this. */
interface CallingHub {
  readonly key: () => ActorKey;
  readonly life: () => number;
}

/** What a hub calls publishers through. One that cannot answer now throws, as one that is out of reach does. */
export function publishersFor(env: Env, workspace: string, hub: CallingHub): Publishers {
  const at = (name: string): Publisher => {
    const channel = channelNamed(name);
    if (!channel.ok) throw new Error(`no channel: ${name}`);
    return publisherAt(env, workspace, channel.value);
  };
  return {
    subscribe: async (name) => {
      const { key, actor } = at(name);
      return available(await actor.subscribe(key, name, hub.key(), hub.life()));
    },
    unsubscribe: (name) => {
      const { key, actor } = at(name);
      return actor.unsubscribe(key, name, hub.key(), hub.life());
    },
    events: async (name, after, limit, begins) => {
      const query = { channel: name, after, limit, ...(begins && { most: MOST_REPLAYED }) };
      return available(await replayed(at(name), query));
    },
  };
}

function available<T>(result: Result<T>): Result<T> {
  if (!result.ok && result.error.code === "UNAVAILABLE") throw new Error(result.error.message);
  return result;
}
