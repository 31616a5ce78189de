/** A task's life as events of its channel (05-realtime-and-audit, "Channels"). Pure. */
import type { Entry } from "../actor/journal.ts";
import { approvalEventOf, RESOLVED } from "../approvals/events.ts";
import { lockEventOf } from "../locks/events.ts";
import type { EventBody } from "../realtime/channel-api.ts";
import { noteIn } from "../realtime/notes.ts";
import { picked, reasonOf } from "../realtime/payload.ts";

/** What `task:{id}` tells of an entry of the task's journal: its life, its requests, its lock. */
export function taskChannelEventOf(entry: Entry): EventBody | null {
  const approval = approvalEventOf(entry);
  if (approval !== null) return approval.event === RESOLVED ? null : approval;
  return noteIn(entry) ?? taskEventOf(entry) ?? lockEventOf(entry);
}

/** The event of an entry about the task itself; null for any other entry. */
export function taskEventOf(entry: Entry): EventBody | null {
  const { action, subject_type, subject_id: task_id, who, from_state, to_state } = entry;
  if (subject_type !== "task") return null;
  if (to_state !== undefined && to_state !== from_state) {
    const edge = { previous_state: from_state ?? null, new_state: to_state, triggered_by: who.id };
    return { event: "task:state_changed", payload: { task_id, ...edge, ...reasonOf(entry) } };
  }
  switch (action) {
    case "task.updated": {
      const payload = { task_id, ...picked(entry, ["revision", "changed"]), updated_by: who.id };
      return { event: "task:updated", payload };
    }
    case "task.commented":
      return { event: "task:commented", payload: { task_id, ...picked(entry, ["comment_id"]), author_id: who.id } };
    case "task.progress":
      return { event: "task:progress", payload: { task_id, ...picked(entry, ["progress", "message"]) } };
    default:
      return null;
  }
}
