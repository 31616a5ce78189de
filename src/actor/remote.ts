/** Calls to other actors. Every actor's RPC surface is an interface in its folder; this is the one cast behind the stubs. */

import type { Env } from "../env.ts";
import type { ActorKind, Address } from "./ids.ts";
import { actorName, hashedAddress, parseId, singletonAddress } from "./ids.ts";

/** An actor's interface as seen from outside: the same methods, always asynchronous. */
export type Remote<Api> = {
  readonly [M in keyof Api]: Api[M] extends (...args: infer A) => infer R ? (...args: A) => Promise<Awaited<R>> : never;
};

/** `near`: where to place the actor if nobody called it before; a wish. */
export function remote<Api>(
  namespace: DurableObjectNamespace,
  name: string,
  near?: DurableObjectLocationHint,
): Remote<Api> {
  const options = near === undefined ? {} : { locationHint: near };
  return namespace.get(namespace.idFromName(name), options) as unknown as Remote<Api>;
}

/** What effects and the ledger call an actor by: `task:{id}`, `resource:{key}`, `agent:{id}`, `inbox:{user}`,
 * `hub:{continent}/{shard}`, `webhook:{id}`, `dispatch`, `coordinator`, `config` (the ledger). */
export type ActorKey = string;

interface Place {
  readonly kind: ActorKind;
  readonly address: Address;
}

/** Each message asks twice where its target lives: an answer costs a hash. Per isolate. */
const places = new Map<ActorKey, Place>();
const MOST_PLACES = 10_000;

/** Where the actor of a key lives. Throws on an unknown kind: keys are made by our own code only. */
export function addressOfKey(key: ActorKey): Place {
  const known = places.get(key);
  if (known !== undefined) return known;
  const place = placeOfKey(key);
  if (places.size >= MOST_PLACES) places.clear();
  places.set(key, place);
  return place;
}

function placeOfKey(key: ActorKey): Place {
  const colon = key.indexOf(":");
  const kind = colon < 0 ? key : key.slice(0, colon);
  const name = colon < 0 ? "" : key.slice(colon + 1);
  switch (kind) {
    case "task": {
      const parsed = parseId(name);
      if (parsed?.kind !== "task" || parsed.member !== 0) throw new Error(`not a task's key: ${key}`);
      return { kind, address: parsed.address };
    }
    case "resource":
    case "agent":
    case "inbox":
    case "hub":
    case "webhook":
      return { kind, address: hashedAddress(kind, name) };
    case "dispatch":
    case "coordinator":
      return { kind, address: singletonAddress(kind) };
    case "config":
      return { kind: "ledger", address: singletonAddress("ledger") };
    default:
      throw new Error(`not an actor's key: ${key}`);
  }
}

export function namespaceOf(env: Env, kind: ActorKind): DurableObjectNamespace {
  switch (kind) {
    case "task":
      return env.TASK;
    case "resource":
      return env.RESOURCE;
    case "agent":
      return env.AGENT;
    case "inbox":
      return env.INBOX;
    case "coordinator":
      return env.COORDINATOR;
    case "dispatch":
      return env.DISPATCH;
    case "ledger":
      return env.LEDGER;
    case "hub":
      return env.HUB;
    case "webhook":
      return env.WEBHOOK;
  }
}

/** The actor at an address: what an id was parsed to. */
export function actorAt<Api>(env: Env, workspace: string, kind: ActorKind, address: Address): Remote<Api> {
  return remote<Api>(namespaceOf(env, kind), actorName(workspace, kind, address));
}

/** The actor of a key. */
export function actorOf<Api>(env: Env, workspace: string, key: ActorKey): Remote<Api> {
  const { kind, address } = addressOfKey(key);
  return actorAt<Api>(env, workspace, kind, address);
}
