/** Channels without a WebSocket: long polls and server-sent events, straight from the publisher (05, fallback). */
import type { Env } from "../env.ts";
import type { Principal } from "../http/access.ts";
import { endpoint, unwrap } from "../http/endpoint.ts";
import type { App } from "../http/endpoint-spec.ts";
import { refuseInvalid } from "../http/failure.ts";
import { queryInteger } from "../http/validation.ts";
import { causeOf, log } from "../log.ts";
import { z } from "../zod.ts";
import { channelExists } from "./channel-existence.ts";
import { channelName, channelNamed, mayHave } from "./channels.ts";
import { Event } from "./contract.ts";
import { eventStream, HEARTBEAT_MS } from "./event-stream.ts";
import { holderOf } from "./holder.ts";
import { presentHolder } from "./present-holder.ts";
import { type Publisher, publisherAt, replayed } from "./publishers.ts";
import { TicketQuery, ticketPrincipal } from "./socket-routes.ts";

const tag = "Realtime";
const params = z.strictObject({
  channel: z.string().openapi({ description: "percent-encoded", example: "resource:database:prod%2Forders" }),
});
const errors = ["NOT_FOUND", "TASK_NOT_FOUND", "USER_NOT_FOUND", "AGENT_NOT_FOUND"] as const;
const MAX_SEQ = 999_999_999_999_999;
/** Events of one answer, unless it is asked for fewer. */
const PAGE = 100;
/** A stream looks that often whether its token still lives (ms). */
const TRUST_MS = 30_000;

const EventsAnswer = z.lazy(() =>
  z
    .strictObject({
      events: z.array(Event),
      next_seq: z.number().int().min(0).openapi({ description: "the next `after`" }),
      reset: z
        .literal(true)
        .optional()
        .openapi({ description: "what follows `after` is not kept any more: re-read, and go on from next_seq" }),
    })
    .openapi("ChannelEvents"),
);

export function channelRoutes(app: App): void {
  endpoint(
    app,
    {
      method: "get",
      path: "/channels/{channel}/events",
      tag,
      summary: "Events of a channel after a seq, waited for if there are none yet",
      access: { roles: "any" },
      params,
      query: z.strictObject({
        after: queryInteger(0, MAX_SEQ).optional().openapi({ description: "default: all that is kept" }),
        limit: queryInteger(1, 500).optional(),
        wait: queryInteger(0, 25).optional(),
      }),
      answers: { 200: EventsAnswer },
      errors,
    },
    async ({ env, principal, params: { channel: text }, query: { after, limit = PAGE, wait = 0 } }) => {
      const { channel, key, actor } = await watched(env, principal, text);
      const page = unwrap(await actor.events(key, { channel, after, limit, wait_ms: wait * 1000 }));
      if (page.reset) return { status: 200, body: { events: [], next_seq: page.head, reset: true } };
      return { status: 200, body: { events: page.events, next_seq: page.events.at(-1)?.seq ?? after ?? page.head } };
    },
  );

  endpoint(
    app,
    {
      method: "get",
      path: "/channels/{channel}/stream",
      tag,
      summary: "Events of a channel as server-sent events",
      description:
        "`id` is the seq, `data` the event. Begins after `Last-Event-ID`, or now. A comment comes every 15 s. `event: reset`: what " +
        "was asked for is not kept any more, re-read and go on. Ends when the token dies; a ticket does not open it again.",
      access: { roles: "any" },
      ticket: (env, ticket) => ticketPrincipal(env, ticket, true),
      headers: { "Last-Event-ID": "the seq after which to begin" },
      params,
      query: TicketQuery,
      answers: { 200: z.string() },
      streams: ["text/event-stream"],
      errors,
    },
    async ({ env, principal, params: { channel: text }, header }) => {
      const last = lastEventId(header("Last-Event-ID"));
      const { channel, key, actor } = await watched(env, principal, text);
      // Also finds out, before anything is streamed, whether there is such a channel.
      const { head } = unwrap(await actor.events(key, { channel, after: last ?? 0, limit: 1 }));
      const stream = eventStream({
        channel,
        after: last ?? head,
        next: async (after) => {
          const page = await replayed({ key, actor }, { channel, after, limit: PAGE, wait_ms: HEARTBEAT_MS });
          return page.ok ? page.value : null;
        },
        allowed: trust(env, principal, text),
      });
      return new Response(stream, {
        headers: { "Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-store" },
      });
    },
  );
}

/** A channel that the principal may have, and its publisher. Ends the request if there is none. */
async function watched(
  env: Env,
  principal: Principal,
  text: string,
): Promise<Publisher & { readonly channel: string }> {
  const channel = unwrap(channelNamed(text));
  const holder = holderOf(principal);
  unwrap(mayHave(channel, holder));
  unwrap(await channelExists(env.DB, principal.workspace, channel, holder));
  return { channel: channelName(channel), ...publisherAt(env, principal.workspace, channel) };
}

function lastEventId(header: string | undefined): number | undefined {
  if (header === undefined || header === "") return undefined;
  if (/^\d{1,15}$/.test(header)) return Number(header);
  return refuseInvalid({ field: "Last-Event-ID", issue: "must be the id of an event: a whole number" });
}

/** Whether the principal may still have the channel, looked up every {@link TRUST_MS}. */
function trust(env: Env, principal: Principal, text: string): () => Promise<boolean> {
  const channel = unwrap(channelNamed(text));
  let until = Date.now() + TRUST_MS;
  return async () => {
    const now = Date.now();
    if (now < until) return true;
    try {
      const holder = await presentHolder(env.DB, principal.workspace, holderOf(principal), now);
      until = now + TRUST_MS;
      return holder !== null && mayHave(channel, holder).ok;
    } catch (thrown) {
      // No token is revoked while D1 fails: revoking needs it, too.
      log("warn", "stream.holder_unreadable", { cause: causeOf(thrown) });
      return true;
    }
  };
}
