import type { TaskState } from "../tasks/contract.ts";

/** An admin's wish to approve without the reviewers; it takes a second admin. */
export interface Override {
  readonly requested_by: string;
  readonly reason: string;
  readonly incident_ticket: string;
  /** RFC 3339 */
  readonly requested_at: string;
  readonly revision: number;
  readonly apply_immediately: boolean;
  readonly confirmed_by?: string;
}

/** What an override changes for its task. */
interface Overridden {
  readonly state: TaskState;
  readonly revision: number;
  readonly override?: Override;
}

/** The override that waits for its second admin; none once an edit or a quorum went ahead of it (03, "Routes"). */
export function openOverride({ state, revision, override }: Overridden): Override | undefined {
  const waits = state === "REVIEWING" && override?.revision === revision && override.confirmed_by === undefined;
  return waits ? override : undefined;
}

/** Whether this revision is applied whether or not it drifted: an override said so, and was confirmed. */
export function skipsDrift({ revision, override }: Overridden): boolean {
  return override?.revision === revision && override.confirmed_by !== undefined && override.apply_immediately;
}
