/** What happens to a lock, as events of its channel (05-realtime-and-audit, "Channels"). Pure. */
import type { Entry } from "../actor/journal.ts";
import type { EventBody } from "../realtime/channel-api.ts";
import { picked, reasonOf, timeOf } from "../realtime/payload.ts";

/** The event of a lock's entry; null for what has none (a downgrade) and for entries about anything else. */
export function lockEventOf(entry: Entry): EventBody | null {
  const about = { resource_type: entry.subject_type, resource_id: entry.subject_id };
  const one = { ...picked(entry, ["lock_id"]), ...about, ...picked(entry, ["agent_id"]) };
  const { ended_reason, forced } = entry.details ?? {};
  switch (entry.action) {
    case "lock.acquired": {
      const fields = ["session_id", "mode", "fencing_token", "acquired_at", "expires_at"];
      return { event: "lock:acquired", payload: { ...one, ...picked(entry, fields) } };
    }
    case "lock.queued":
      return { event: "lock:queued", payload: { ...one, ...picked(entry, ["queue_position"]) } };
    case "lock.released": {
      const reason = ended_reason === undefined ? {} : { reason: ended_reason };
      const byForce = forced === true || ended_reason === "forced" ? { forced: true } : {};
      const payload = { ...one, released_at: timeOf(entry), ...reason, ...reasonOf(entry), ...byForce };
      return { event: "lock:released", payload };
    }
    case "lock.aborted": {
      const payload = { ...one, released_at: timeOf(entry), reason: "deadlock", forced: true };
      return { event: "lock:released", payload };
    }
    case "lock.expired":
      return { event: "lock:expired", payload: { ...one, ...picked(entry, ["expired_at"]) } };
    case "lock.reordered":
      return { event: "lock:reordered", payload: { ...one, ...picked(entry, ["ahead_of"]) } };
    case "lock.queue_full":
      return { event: "lock:queue_full", payload: { ...about, ...picked(entry, ["depth"]) } };
    default:
      return null;
  }
}

/**
 * Whether the claimant is told by an event of their own: what came about without their asking just now (05, "Who gets what").
 * A deadlock's victim is told of the deadlock instead.
 */
export function reachesClaimant({ action, details = {} }: Entry): boolean {
  switch (action) {
    case "lock.acquired":
      return details.waited === true;
    case "lock.released":
      return details.forced === true || details.ended_reason === "forced";
    case "lock.expired":
    case "lock.reordered":
      return true;
    default:
      return false;
  }
}
