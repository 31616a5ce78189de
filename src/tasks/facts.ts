/** What preview, risk and assignment have to know of configuration and history, read from D1 in one batch. */
import type { Reviewer } from "../approvals/assignment.ts";
import type { ReviewerPolicy } from "../approvals/contract.ts";
import type { DelegationPolicy } from "../approvals/delegation-contract.ts";
import { activeDelegations, delegationOf, type StoredDelegation } from "../approvals/delegations.ts";
import { enabledPolicies, policyOf, type StoredPolicy } from "../approvals/policies.ts";
import type { PreviewFacts } from "./preview.ts";
import type { RiskFacts } from "./risk.ts";

/** The facts of a task: with what its resources' actors know, all that computePreview, assessRisk and assign ask for. */
export interface ConfigurationFacts
  extends Pick<PreviewFacts, "dependents" | "active" | "median_duration_seconds">,
    Pick<RiskFacts, "criticality" | "history"> {
  /** The enabled ones, ordered by id. */
  readonly policies: readonly ReviewerPolicy[];
  /** The active ones, expired ones too. */
  readonly delegations: readonly DelegationPolicy[];
  /** Everybody who could be asked, ordered by id. */
  readonly reviewers: readonly Reviewer[];
}

export interface FactsQuestion {
  /** The keys of the task's resources. */
  readonly keys: readonly string[];
  readonly task_type: string;
  /** The task itself, which is no other task on its resources. */
  readonly task_id?: string;
  /** Users to be looked at whatever their roles: requested reviewers, and those whom policies on trial name. */
  readonly people?: readonly string[];
}

/** A blast that wide is at its highest risk long before. */
const MAX_EDGES = 10_000;
/** 03-tasks-and-approvals, "Risk". */
const MAX_EXECUTIONS = 200;

const CRITICALITY = `
  SELECT key, criticality FROM catalogue
  WHERE workspace = ?1 AND key IN (SELECT value FROM json_each(?2)) AND criticality IS NOT NULL`;

/** UNION drops what was reached before, so cycles end; the queue is first in, first out, so the nearest come first. */
const DEPENDENTS = `
  WITH RECURSIVE reached (key) AS (
    SELECT value FROM json_each(?2)
    UNION
    SELECT dependent.value
    FROM reached
    CROSS JOIN catalogue ON catalogue.workspace = ?1 AND catalogue.key = reached.key
    CROSS JOIN json_each(catalogue.dependents) AS dependent
    LIMIT ?3
  )
  SELECT reached.key AS key, dependent.value AS dependent
  FROM reached
  CROSS JOIN catalogue ON catalogue.workspace = ?1 AND catalogue.key = reached.key
  CROSS JOIN json_each(catalogue.dependents) AS dependent
  LIMIT ?3`;

/** From the few tasks that are open, not from all that ever touched the resource. */
const ACTIVE = `
  SELECT touched.key AS key, tasks.id AS task_id
  FROM tasks
  CROSS JOIN task_resources AS touched ON touched.workspace = ?1 AND touched.task_id = tasks.id
  WHERE tasks.workspace = ?1 AND tasks.state IN ('APPROVED', 'APPLYING') AND tasks.id <> ?3
    AND touched.key IN (SELECT value FROM json_each(?2))
  ORDER BY touched.key, tasks.id`;

const EXECUTIONS = `
  SELECT result, duration_seconds FROM executions
  WHERE workspace = ?1 AND type = ?2 AND completed_at IS NOT NULL AND result IS NOT NULL
  ORDER BY completed_at DESC LIMIT ${MAX_EXECUTIONS}`;

const REVIEWERS = `
  SELECT id, name, roles, (
    SELECT count(*) FROM approvals
    WHERE approvals.workspace = ?1 AND approvals.reviewer_id = users.id AND approvals.status = 'PENDING'
  ) AS pending
  FROM users
  WHERE workspace = ?1 AND active = 1 AND (
    EXISTS (SELECT 1 FROM json_each(users.roles) WHERE value IN ('reviewer', 'admin'))
    OR id IN (SELECT value FROM json_each(?2))
    OR id IN (
      SELECT named.value FROM policies CROSS JOIN json_each(policies.body, '$.required_reviewers') AS named
      WHERE policies.workspace = ?1
    )
    OR id IN (SELECT body ->> 'delegate_to' FROM delegations WHERE workspace = ?1)
  )
  ORDER BY id`;

interface Execution {
  readonly result: string;
  readonly duration_seconds: number | null;
}

/** Reads the facts as they stand in D1, which may trail the actors by less than a second. */
export async function readConfigurationFacts(
  db: D1Database,
  workspace: string,
  { keys, task_type, task_id = "", people = [] }: FactsQuestion,
): Promise<ConfigurationFacts> {
  const asked = JSON.stringify(keys);
  const answers = await db.batch([
    db.prepare(CRITICALITY).bind(workspace, asked),
    db.prepare(DEPENDENTS).bind(workspace, asked, MAX_EDGES),
    db.prepare(ACTIVE).bind(workspace, asked, task_id),
    db.prepare(EXECUTIONS).bind(workspace, task_type),
    enabledPolicies(db, workspace),
    db.prepare(REVIEWERS).bind(workspace, JSON.stringify(people)),
    activeDelegations(db, workspace),
  ]);
  const rows = <Row>(at: number): readonly Row[] => (answers[at]?.results ?? []) as Row[];
  const executions = rows<Execution>(3);
  const median = medianOf(
    executions.flatMap(({ duration_seconds }) => (duration_seconds === null ? [] : [duration_seconds])),
  );
  return {
    criticality: Object.fromEntries(
      rows<{ key: string; criticality: number }>(0).map(({ key, criticality }) => [key, criticality]),
    ),
    dependents: grouped(rows<{ key: string; dependent: string }>(1).map(({ key, dependent }) => [key, dependent])),
    active: grouped(rows<{ key: string; task_id: string }>(2).map(({ key, task_id }) => [key, task_id])),
    history: { failed: executions.filter(hasFailed).length, total: executions.length },
    ...(median !== undefined && { median_duration_seconds: median }),
    policies: rows<StoredPolicy>(4).map(policyOf),
    reviewers: rows<Omit<Reviewer, "roles"> & { roles: string }>(5).map(({ roles, ...person }) => ({
      ...person,
      roles: JSON.parse(roles) as string[],
    })),
    delegations: rows<StoredDelegation>(6).map(delegationOf),
  };
}

function hasFailed({ result }: Execution): boolean {
  return result === "failure" || result === "timeout";
}

function grouped(pairs: readonly (readonly [string, string])[]): Record<string, string[]> {
  return Object.fromEntries(
    [...Map.groupBy(pairs, ([key]) => key)].map(([key, group]) => [key, group.map(([, value]) => value)]),
  );
}

/** The middle value, or the mean of the two in the middle; undefined of nothing. */
export function medianOf(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]];
  return low === undefined || high === undefined ? undefined : (low + high) / 2;
}
