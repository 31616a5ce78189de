/** The trail as events of the workspace's feeds, `locks` and `system` (05-realtime-and-audit, "Channels"). Pure. */
import type { Entry } from "../actor/journal.ts";
import { presenceEventOf } from "../agents/events.ts";
import { approvalEventOf } from "../approvals/events.ts";
import { lockEventOf } from "../locks/events.ts";
import type { EventBody } from "../realtime/channel-api.ts";
import { picked, reasonOf } from "../realtime/payload.ts";
import { taskEventOf } from "../tasks/events.ts";

export const FEEDS = ["locks", "system"] as const;
export type Feed = (typeof FEEDS)[number];

/** The actions that `locks` tells. */
export const LOCK_ACTIONS: readonly string[] = [
  "lock.acquired",
  "lock.queued",
  "lock.queue_full",
  "lock.released",
  "lock.expired",
  "lock.aborted",
  "lock.downgraded",
  "lock.reordered",
  "deadlock.resolved",
];

export function isFeed(channel: string): channel is Feed {
  return FEEDS.some((feed) => feed === channel);
}

/** Whether this feed tells of what was done. */
export function tells(feed: Feed, action: string): boolean {
  return feed === "system" || LOCK_ACTIONS.includes(action);
}

/** The one event of an audited entry: of the table of events, else named by its action. */
export function feedEventOf(entry: Entry): EventBody {
  return (
    deadlockEventOf(entry) ??
    approvalEventOf(entry) ??
    taskEventOf(entry) ??
    lockEventOf(entry) ??
    presenceEventOf(entry) ??
    unnamed(entry)
  );
}

function deadlockEventOf(entry: Entry): EventBody | null {
  if (entry.action !== "deadlock.resolved") return null;
  const payload = picked(entry, ["detected_at", "cycle", "resolution", "retry_after_ms"]);
  return { event: "lock:deadlock_detected", payload };
}

function unnamed(entry: Entry): EventBody {
  const { action, subject_type, subject_id, who, from_state, to_state, details = {} } = entry;
  const states = { ...(from_state !== undefined && { from_state }), ...(to_state !== undefined && { to_state }) };
  return { event: action, payload: { ...details, subject_type, subject_id, who, ...states, ...reasonOf(entry) } };
}
