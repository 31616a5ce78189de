import type { AgentPresence } from "./agent-api.ts";

/** `online` while heartbeats arrive within 3 intervals, then `stale`, after 10 `offline` (02, "Agents"). All in ms. */
export function presenceStatus(lastAt: number | undefined, intervalMs: number, now: number): AgentPresence["status"] {
  if (lastAt === undefined) return "never_seen";
  const silent = now - lastAt;
  if (silent <= 3 * intervalMs) return "online";
  return silent <= 10 * intervalMs ? "stale" : "offline";
}
