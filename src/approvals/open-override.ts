import type { Override, TaskRecord } from "../tasks/task.ts";

/** The override that waits for its second admin; none once an edit or a quorum went ahead of it (03, "Routes"). */
export function openOverride({
  state,
  revision,
  override,
}: Pick<TaskRecord, "state" | "revision" | "override">): Override | undefined {
  const waits = state === "REVIEWING" && override?.revision === revision && override.confirmed_by === undefined;
  return waits ? override : undefined;
}
