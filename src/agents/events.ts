/** An agent's presence as events of its channel (05-realtime-and-audit, "Channels"). Pure. */
import type { Entry } from "../actor/journal.ts";
import type { EventBody } from "../realtime/channel-api.ts";
import { picked } from "../realtime/payload.ts";

const EVENTS: Readonly<Record<string, string>> = {
  "agent.online": "agent:online",
  "agent.stale": "agent:stale",
  "agent.offline": "agent:offline",
};

export function presenceEventOf(entry: Entry): EventBody | null {
  const event = EVENTS[entry.action];
  if (event === undefined) return null;
  return { event, payload: { agent_id: entry.subject_id, ...picked(entry, ["last_heartbeat_at"]) } };
}
