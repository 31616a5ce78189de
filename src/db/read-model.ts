/** Rows of D1's read models as actors ship them with their journal entries (docs/design/journal-and-ledger.md). */

export interface TaskRow {
  readonly id: string;
  readonly state: string;
  readonly revision: number;
  readonly type: string;
  readonly author_id: string;
  readonly priority: number;
  readonly risk_score: number | null;
  readonly risk_level: string | null;
  readonly created_at: string;
  readonly updated_at: string;
  readonly tags: readonly string[];
  readonly resources: readonly { readonly key: string; readonly type: string; readonly id: string }[];
  /** the Task as served, without its preview */
  readonly body: unknown;
}

export interface ApprovalRow {
  readonly id: string;
  readonly task_id: string;
  readonly reviewer_id: string;
  readonly revision: number;
  readonly status: string;
  readonly priority: string;
  readonly created_at: string;
  readonly responded_at: string | null;
  readonly body: unknown;
}

export interface LockRow {
  readonly id: string;
  readonly resource_type: string;
  readonly resource_id: string;
  readonly agent_id: string;
  readonly session_id: string;
  readonly status: "held" | "queued";
  readonly mode: string;
  readonly fencing_token: number | null;
  readonly since: string;
}

export interface ExecutionRow {
  readonly task_id: string;
  readonly attempt: number;
  readonly type: string;
  readonly agent_id: string;
  readonly started_at: string;
  readonly completed_at: string | null;
  readonly result: string | null;
  readonly duration_seconds: number | null;
}

/** A task under review with requirements that can no longer be met. */
export interface StuckRow {
  readonly id: string;
  readonly since: string;
  readonly requirements: readonly { readonly policy_id: string; readonly why: string }[];
}

/** Presence of an agent that was heard of, as it was told last. */
export interface PresenceRow {
  readonly id: string;
  readonly status: "online" | "stale" | "offline";
  readonly since: string;
}

/** An upsert (row) or a deletion (row: null) of one row; applied in the order shipped, so the last one wins. */
export type ReadModelChange =
  | { readonly table: "tasks"; readonly id: string; readonly row: TaskRow | null }
  | { readonly table: "stuck_tasks"; readonly id: string; readonly row: StuckRow | null }
  | { readonly table: "approvals"; readonly id: string; readonly row: ApprovalRow | null }
  | { readonly table: "locks"; readonly id: string; readonly row: LockRow | null }
  | { readonly table: "executions"; readonly id: string; readonly row: ExecutionRow | null }
  | { readonly table: "agent_presence"; readonly id: string; readonly row: PresenceRow | null };
