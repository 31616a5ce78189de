/** A task's rows in D1's read models, from its state as it is (docs/design/journal-and-ledger.md). Pure. */
import type { Entry } from "../actor/journal.ts";
import { timestamp } from "../actor/timestamp.ts";
import { stuckNow } from "../approvals/stuck.ts";
import type { ReadModelChange } from "../db/read-model.ts";
import { resourcesByKey } from "./resource-key.ts";
import { type Request, requestView, type TaskRecord, taskView } from "./task.ts";
import { jsonBytes, type Task } from "./task-contract.ts";

/** A row of D1 takes 2 MB; config and metadata, which a list always shows, take less than 300 KB. */
const MAX_BODY_BYTES = 1_000_000;

/**
 * Everything that a reader of lists sees of this task once these of its entries are told. Of a deleted one nothing but its
 * executions, which tell the next task of its type how likely it fails. Comments, output, preview, queue and requests of
 * earlier revisions are read from the task itself.
 */
export function taskRows(task: TaskRecord, entries: readonly Pick<Entry, "subject_id">[]): ReadModelChange[] {
  const { id, config, metadata, execution } = task;
  if (task.deleted) return rowsGone(task);
  return [
    {
      table: "tasks",
      id,
      row: {
        id,
        state: task.state,
        revision: task.revision,
        type: config.type,
        author_id: metadata.author_id,
        priority: config.priority,
        risk_score: task.risk.score,
        risk_level: task.risk.level,
        created_at: metadata.created_at,
        updated_at: metadata.updated_at,
        tags: metadata.tags,
        resources: [...resourcesByKey(config.resources)].map(([key, ref]) => ({ key, type: ref.type, id: ref.id })),
        body: listed(task),
      },
    },
    ...stuckRows(task),
    ...changedRequests(task, entries).map((request): ReadModelChange => {
      const view = requestView(request);
      return {
        table: "approvals",
        id: view.id,
        row: {
          id: view.id,
          task_id: id,
          reviewer_id: view.reviewer_id,
          revision: view.revision,
          status: view.status,
          priority: view.priority,
          created_at: view.created_at,
          responded_at: view.responded_at ?? null,
          body: view,
        },
      };
    }),
    ...(execution === undefined
      ? []
      : [
          {
            table: "executions" as const,
            id: `${id}:${execution.attempt}`,
            row: {
              task_id: id,
              attempt: execution.attempt,
              type: config.type,
              agent_id: execution.agent_id,
              started_at: timestamp(execution.started_at),
              completed_at: execution.completed_at === undefined ? null : timestamp(execution.completed_at),
              result: execution.result ?? null,
              duration_seconds:
                execution.completed_at === undefined ? null : (execution.completed_at - execution.started_at) / 1000,
            },
          },
        ]),
  ];
}

/** The task as lists show it. What would not fit is left out, what is read least first: all of it is on the task itself. */
function listed(task: TaskRecord): object {
  const current = task.requests.filter(({ revision }) => revision === task.revision);
  const { preview: _p, queue: _q, ...view } = taskView({ ...task, requests: current, comments: [] });
  let body = view.execution === undefined ? view : { ...view, execution: slim(view.execution) };
  for (const part of ["approval_requests", "approvals", "requirements"] as const) {
    if (jsonBytes(body) > MAX_BODY_BYTES) body = { ...body, [part]: [] };
  }
  return body;
}

/**
 * Requests that these entries may have changed: those of the current revision, as an escalation moves some that it does not
 * name, and those that are named. All others are as they were: a task edited a thousand times has thousands.
 */
function changedRequests(
  { requests, revision }: TaskRecord,
  entries: readonly Pick<Entry, "subject_id">[],
): readonly Request[] {
  const named = new Set(entries.map(({ subject_id }) => subject_id));
  return requests.filter((request) => request.revision === revision || named.has(request.id));
}

/** One that was stuck once says so, or that it is over, with whatever else there is to say. */
function stuckRows(task: TaskRecord): ReadModelChange[] {
  const { id, stuck } = task;
  if (stuck === undefined) return [];
  const requirements = stuckNow(task);
  const row = requirements.length === 0 ? null : { id, since: stuck.since, requirements };
  return [{ table: "stuck_tasks", id, row }];
}

function rowsGone({ id, requests }: TaskRecord): ReadModelChange[] {
  return [
    { table: "tasks", id, row: null },
    ...requests.map((one) => ({ table: "approvals" as const, id: one.id, row: null })),
  ];
}

/** An execution without what may be large: output, error and stash are read from the task itself. */
function slim({ output: _o, error: _e, rollback, ...execution }: NonNullable<Task["execution"]>): Task["execution"] {
  return rollback === undefined ? execution : { ...execution, rollback: { status: rollback.status } };
}
