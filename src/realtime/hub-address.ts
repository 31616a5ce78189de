/** Which hub serves whom (01-architecture, "Actors"): one per continent and share of the principals. Pure. */
import { createHash } from "node:crypto";
import type { ActorKey } from "../actor/remote.ts";
import type { PrincipalRef } from "../users/principal-ref.ts";
import type { HubNotice } from "./holder.ts";

/** By continent, where the platform is asked to place the hub; it has no place of its own for Antarctica. */
const HINTS = {
  AF: "afr",
  AN: undefined,
  AS: "apac",
  EU: "weur",
  NA: "enam",
  OC: "oc",
  SA: "sam",
  /** unknown */
  XX: undefined,
} as const satisfies Record<string, DurableObjectLocationHint | undefined>;

export type Continent = keyof typeof HINTS;

export interface HubAddress {
  readonly continent: Continent;
  /** from 0 */
  readonly shard: number;
}

const DEFAULT_SHARDS = 4;

/** The var HUB_SHARDS; 4 if it is no number of hubs. */
export function hubShards(text: string): number {
  return /^[1-9]\d{0,2}$/.test(text) ? Number(text) : DEFAULT_SHARDS;
}

/** The hub of a principal on a continent, as the platform names it; an unknown one is `XX`. */
export function hubFor(principal: PrincipalRef, continent: unknown, shards: number): HubAddress {
  const digest = createHash("sha256").update(`${principal.kind}:${principal.id}`).digest();
  const known = typeof continent === "string" && Object.hasOwn(HINTS, continent);
  return {
    continent: known ? (continent as Continent) : "XX",
    shard: new DataView(digest.buffer, digest.byteOffset).getUint32(0) % shards,
  };
}

/** `hub:{continent}/{shard}`. */
export function hubKey({ continent, shard }: HubAddress): ActorKey {
  return `hub:${continent}/${shard}`;
}

/** Reads `{continent}/{shard}`; undefined if no hub is called so. */
export function parseHub(text: string): HubAddress | undefined {
  const [, continent, shard] = /^([A-Z]{2})\/(0|[1-9]\d{0,2})$/.exec(text) ?? [];
  if (continent === undefined || shard === undefined || !Object.hasOwn(HINTS, continent)) return undefined;
  return { continent: continent as Continent, shard: Number(shard) };
}

/** Of these hubs, those that may hold sockets of whom the notice is about; a revoked token does not say whose it was. */
export function hubsConcerned(notice: HubNotice, hubs: readonly ActorKey[], shards: number): ActorKey[] {
  if (notice.do === "token.revoked") return [...hubs];
  const { shard } = hubFor(notice.principal, "XX", shards);
  return hubs.filter((key) => parseHub(key.slice("hub:".length))?.shard === shard);
}

/** Where to ask the platform to place the hub; undefined: wherever it is called from. */
export function locationHint({ continent }: HubAddress): DurableObjectLocationHint | undefined {
  return HINTS[continent];
}
