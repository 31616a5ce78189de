/**
 * Notes: events that have no audited entry of their own in the journal of the channel that tells them (05, "Channels"): what
 * one actor has for another's channel, and second events of one step. A note is an entry outside the chain whose action is
 * the event's name; audited actions hold no colon.
 */
import type { Entry, Happening } from "../actor/journal.ts";
import type { ActorKey } from "../actor/remote.ts";
import type { EventBody } from "./channel-api.ts";

/** An effect: events for the channel of the actor that it is sent to. */
export interface NotesEffect {
  readonly do: "notes";
  readonly notes: readonly EventBody[];
}

/** The entry by which a channel tells this event. */
export function noted({ event, payload }: EventBody): Happening {
  return { action: event, subject_type: "channel", subject_id: event, details: payload, audit: false };
}

/** The event that this entry is a note of, if it is one. */
export function noteIn({ action, details = {} }: Entry): EventBody | null {
  return action.includes(":") ? { event: action, payload: details } : null;
}

/** One effect for each channel's actor, its events in order. */
export function notesEffects(
  told: Iterable<readonly [ActorKey, EventBody]>,
): { readonly target: ActorKey; readonly body: NotesEffect }[] {
  const byTarget = new Map<ActorKey, EventBody[]>();
  for (const [target, note] of told) byTarget.set(target, [...(byTarget.get(target) ?? []), note]);
  return [...byTarget].map(([target, notes]) => ({ target, body: { do: "notes", notes } }));
}

export function isNotes(body: unknown): body is NotesEffect {
  return typeof body === "object" && body !== null && "do" in body && body.do === "notes";
}
