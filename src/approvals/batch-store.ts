/** The batches that an inbox has decided, as far as a task may still ask. */
import type { ActorKey } from "../actor/remote.ts";
import type { BatchOutcome } from "./batch-outcome.ts";

export const BATCH_MIGRATION = `
  CREATE TABLE batches (
    id TEXT PRIMARY KEY, outcome TEXT NOT NULL, tasks TEXT NOT NULL, at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX batches_at ON batches (at);`;

/** Nobody asks after a day, unless it could not be told all that time. */
const KEPT_MS = 24 * 60 * 60 * 1000;

export class BatchStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  outcome(batchId: string): BatchOutcome | undefined {
    const rows = this.#sql.exec<{ outcome: BatchOutcome }>("SELECT outcome FROM batches WHERE id = ?", batchId);
    return rows.toArray()[0]?.outcome;
  }

  /** Never overwrites. Forgets what is old and was told to all its `tasks`; `now` in ms. */
  record(batchId: string, outcome: BatchOutcome, tasks: readonly ActorKey[], now: number): void {
    this.#sql.exec(
      `DELETE FROM batches WHERE at < ? AND NOT EXISTS (
         SELECT 1 FROM json_each(batches.tasks) AS task CROSS JOIN outbox ON outbox.target = task.value)`,
      now - KEPT_MS,
    );
    this.#sql.exec("INSERT OR IGNORE INTO batches VALUES (?, ?, ?, ?)", batchId, outcome, JSON.stringify(tasks), now);
  }
}
