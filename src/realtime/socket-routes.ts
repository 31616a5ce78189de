/** WebSockets and the tickets that open them (05-realtime-and-audit, "WebSocket"). */
import type { Env } from "../env.ts";
import type { Principal } from "../http/access.ts";
import { endpoint, replayHeader, unwrap } from "../http/endpoint.ts";
import type { App } from "../http/endpoint-spec.ts";
import { refuse, refuseInvalid } from "../http/failure.ts";
import { principalRef } from "../users/principal-ref.ts";
import { Timestamp } from "../wire.ts";
import { z } from "../zod.ts";
import { holderOf, principalOf } from "./holder.ts";
import { type HubAddress, hubFor, hubKey, hubShards } from "./hub-address.ts";
import { type Entry, hubOf, upgraded, upgradeRequest } from "./hub-api.ts";
import { newTicket, readTicket, type Ticket, ticketHash } from "./ticket.ts";

const tag = "Realtime";

export const TicketQuery = z.lazy(() =>
  z.strictObject({
    ticket: z.string().optional().openapi({ description: "in place of a token, from POST /ws/tickets; good once" }),
  }),
);

const TicketIssued = z.lazy(() =>
  z
    .strictObject({
      ticket: z
        .string()
        .optional()
        .openapi({ description: "good for one socket or stream: shown now and never again" }),
      secret_shown: z.literal(true).optional().openapi({ description: "in place of the ticket, in a replayed answer" }),
      expires_at: Timestamp,
    })
    .openapi("TicketIssued"),
);

export function socketRoutes(app: App): void {
  endpoint(
    app,
    {
      method: "post",
      path: "/ws/tickets",
      tag,
      summary: "Make a ticket that opens one WebSocket or stream within a minute",
      description: "For browsers, which can send no Authorization header with these. It may do what the token may do.",
      access: { roles: "any" },
      answers: { 201: TicketIssued },
    },
    async ({ env, caller, principal, request }) => {
      const hub = hubOfCaller(env, principal, request);
      const ticket = newTicket(env.ROOT_TOKEN ?? "", caller.workspace, hub);
      const issued = await hubOf(env, caller.workspace, hub).issue(
        caller,
        hubKey(hub),
        ticketHash(ticket),
        holderOf(principal),
      );
      const { expires_at } = unwrap(issued);
      const shown = issued.ok && issued.replayed ? { secret_shown: true } : { ticket };
      const body = { ...shown, expires_at: new Date(expires_at).toISOString() };
      return { status: 201, body, headers: replayHeader(issued) };
    },
  );

  endpoint(
    app,
    {
      method: "get",
      path: "/ws",
      tag,
      summary: "Upgrade to a WebSocket",
      description:
        'Say `{ "action": "subscribe", "channels": [...], "since"?: { channel: seq } }` and `{ "action": "unsubscribe", ' +
        '"channels": [...] }`; `ping` is answered `pong`. `subscribed` tells the head of each channel, then come the events ' +
        "after `since` and what happens from then on: nothing missing, nothing twice. `reset`: that past is not kept, or is " +
        "more than 10,000 events: re-read and go on. At most 100 channels a socket and 32 KiB a message. Closes with 4401 when the token dies.",
      access: { roles: "any" },
      ticket: async (env, ticket) => ticketPrincipal(env, ticket, false),
      headers: { Upgrade: "websocket" },
      query: TicketQuery,
      answers: { 101: null },
    },
    async ({ env, principal, request, query }) => {
      if (request.headers.get("Upgrade")?.toLowerCase() !== "websocket") {
        refuseInvalid({ field: "Upgrade", issue: "must be websocket" });
      }
      const text = request.headers.has("Authorization") ? undefined : query.ticket;
      const ticket = text === undefined ? undefined : ticketOf(env, text);
      const hub = ticket?.hub ?? hubOfCaller(env, principal, request);
      const entry: Entry = ticket === undefined ? { holder: holderOf(principal) } : { ticket: ticket.hash };
      return unwrap(
        await upgraded(await hubOf(env, principal.workspace, hub).fetch(upgradeRequest(hubKey(hub), entry))),
      );
    },
  );
}

/** Whom a ticket in a query was made for; with `take` it is used up. Ends the request with UNAUTHENTICATED. */
export async function ticketPrincipal(env: Env, text: string, take: boolean): Promise<Principal> {
  const { workspace, hub, hash } = ticketOf(env, text);
  const holder = unwrap(await hubOf(env, workspace, hub).ticketHolder(hubKey(hub), hash, take));
  return principalOf(workspace, holder);
}

function hubOfCaller(env: Env, { who }: Principal, request: Request): HubAddress {
  return hubFor(principalRef(who), request.cf?.continent, hubShards(env.HUB_SHARDS));
}

function ticketOf(env: Env, text: string): Ticket {
  const ticket = readTicket(env.ROOT_TOKEN ?? "", text);
  return ticket ?? refuse("UNAUTHENTICATED", "this is not a valid ticket");
}
