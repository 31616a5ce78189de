/**
 * Tickets (05-realtime-and-audit, "WebSocket"): `cswt_{workspace}.{hub}.{32 random bytes}.{mac}`. One opens one socket or stream, once,
 * within a minute. The hub keeps its hash; the MAC under the root token keeps invented ones from reaching any hub. Pure.
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { type HubAddress, hubKey, parseHub } from "./hub-address.ts";

export const TICKET_MS = 60_000;

export interface Ticket {
  readonly workspace: string;
  readonly hub: HubAddress;
  /** hex SHA-256 of its text */
  readonly hash: string;
}

const SHAPE = /^cswt_([a-z0-9-]{1,64})\.([A-Z]{2}-\d{1,3})\.([\w-]{43})\.([\w-]{43})$/;

/** The text of a new ticket. */
export function newTicket(
  rootToken: string,
  workspace: string,
  hub: HubAddress,
  random: Uint8Array = crypto.getRandomValues(new Uint8Array(32)),
): string {
  const place = hubKey(hub).slice("hub:".length).replace("/", "-");
  const text = `${workspace}.${place}.${Buffer.from(random).toString("base64url")}`;
  return `cswt_${text}.${mac(rootToken, text)}`;
}

/** What a ticket says; null if it is none of ours. Whether it still opens anything, the hub knows. */
export function readTicket(rootToken: string, ticket: string): Ticket | null {
  const [, workspace, place, secret, given] = SHAPE.exec(ticket) ?? [];
  if (workspace === undefined || place === undefined || secret === undefined || given === undefined) return null;
  const expected = mac(rootToken, `${workspace}.${place}.${secret}`);
  if (!timingSafeEqual(Buffer.from(given), Buffer.from(expected))) return null;
  const hub = parseHub(place.replace("-", "/"));
  return hub === undefined ? null : { workspace, hub, hash: ticketHash(ticket) };
}

export function ticketHash(ticket: string): string {
  return createHash("sha256").update(ticket).digest("hex");
}

function mac(rootToken: string, text: string): string {
  return createHmac("sha256", rootToken).update(`ticket:${text}`).digest("base64url");
}
