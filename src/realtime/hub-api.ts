/** What others may ask of a hub. */
import type { ActorApi } from "../actor/actor-api.ts";
import type { Caller } from "../actor/caller.ts";
import { actorName } from "../actor/ids.ts";
import { type ActorKey, addressOfKey, type Remote, remote } from "../actor/remote.ts";
import type { Failure, Result } from "../actor/result.ts";
import type { Env } from "../env.ts";
import type { HubApi } from "./channel-api.ts";
import type { Holder } from "./holder.ts";
import { type HubAddress, hubKey, locationHint } from "./hub-address.ts";

/** On whose word a socket is opened: of a token that the worker verified, or of a ticket by its hash. */
export type Entry = { readonly holder: Holder } | { readonly ticket: string };

export interface HubDoor extends HubApi, ActorApi {
  /** Keeps a ticket for {@link TICKET_MS}; answers when it ends (ms). */
  issue(caller: Caller, key: ActorKey, hash: string, holder: Holder): Promise<Result<{ readonly expires_at: number }>>;
  /** Whom a ticket was made for; with `take` it is used up. */
  ticketHolder(key: ActorKey, hash: string, take: boolean): Promise<Result<Holder>>;
  /** How many sockets it has right now. */
  openSockets(key: ActorKey): Promise<number>;
  /** An upgrade as {@link upgradeRequest} makes it: 101 with the client's end of the socket, or a {@link Failure} as JSON. */
  fetch(request: Request): Promise<Response>;
}

/** A hub, placed near its continent if this is the first that anybody hears of it. */
export function hubOf(env: Env, workspace: string, hub: HubAddress): Remote<HubDoor> {
  const { kind, address } = addressOfKey(hubKey(hub));
  return remote<HubDoor>(env.HUB, actorName(workspace, kind, address), locationHint(hub));
}

const ENTRY_HEADER = "X-Hub-Entry";

/** What the worker asks a hub with, made anew: nothing that a client sent reaches the hub. */
export function upgradeRequest(key: ActorKey, entry: Entry): Request {
  const text = encodeURIComponent(JSON.stringify({ key, entry }));
  return new Request("https://hub/", { headers: { Upgrade: "websocket", [ENTRY_HEADER]: text } });
}

export function readUpgrade(request: Request): { readonly key: ActorKey; readonly entry: Entry } {
  return JSON.parse(decodeURIComponent(request.headers.get(ENTRY_HEADER) ?? ""));
}

/** The end of the socket, or why there is none. */
export async function upgraded(response: Response): Promise<Result<Response>> {
  if (response.webSocket !== null) return { ok: true, value: response };
  return { ok: false, error: await response.json<Failure>() };
}
