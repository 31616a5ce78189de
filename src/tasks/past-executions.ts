/** A task's earlier executions, told from its journal: the task itself remembers the last one only. Pure. */
import type { ChainedEntry } from "../actor/journal.ts";
import { timestamp } from "../actor/timestamp.ts";
import type { ExecutionRow, ReadModelChange } from "../db/read-model.ts";
import type { TaskRecord } from "./task.ts";

/** Rows of the executions before the present one, as they stood when each was over; `entries` is the task's whole chain. */
export function pastExecutions(
  { id, config, attempts }: TaskRecord,
  entries: readonly ChainedEntry[],
): ReadModelChange[] {
  const rows = new Map<number, ExecutionRow>();
  for (const { entry } of entries) {
    const attempt = entry.details?.attempt;
    if (typeof attempt !== "number" || attempt >= attempts) continue;
    const began = rows.get(attempt);
    if (entry.action === "task.applying") {
      rows.set(attempt, {
        task_id: id,
        attempt,
        type: config.type,
        agent_id: entry.who.id,
        started_at: inMillis(entry.at),
        completed_at: null,
        result: null,
        duration_seconds: null,
      });
    } else if (entry.action === "task.retrying" && began !== undefined) {
      const completed_at = inMillis(entry.at);
      const duration_seconds = (Date.parse(completed_at) - Date.parse(began.started_at)) / 1000;
      rows.set(attempt, { ...began, completed_at, duration_seconds });
    }
  }
  return [...rows.values()].map((row) => ({ table: "executions", id: `${id}:${row.attempt}`, row }));
}

/** The journal counts in its last three digits; rows have milliseconds. */
function inMillis(at: string): string {
  return timestamp(Date.parse(at));
}
