/** What preview, risk and assignment have to know of configuration and history, read from D1 in one statement. */
import type { Reviewer } from "../approvals/assignment.ts";
import { byId } from "../approvals/by-id.ts";
import type { ReviewerPolicy } from "../approvals/contract.ts";
import type { DelegationPolicy } from "../approvals/delegation-contract.ts";
import {
  ACTIVE_DELEGATIONS,
  DELEGATION_COLUMNS,
  delegationOf,
  type StoredDelegation,
} from "../approvals/delegations.ts";
import { ENABLED_POLICIES, POLICY_COLUMNS, policyOf, type StoredPolicy } from "../approvals/policies.ts";
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

/** UNION drops what was reached before, so cycles end; the queue is first in, first out, so the nearest come first. */
const DEPENDENTS = `
  WITH RECURSIVE reached (key) AS (
    SELECT value FROM json_each(?2)
    UNION
    SELECT dependent.value
    FROM reached
    CROSS JOIN catalogue ON catalogue.workspace = ?1 AND catalogue.key = reached.key
    CROSS JOIN json_each(catalogue.dependents) AS dependent
    LIMIT ${MAX_EDGES}
  )
  SELECT json_array(reached.key, dependent.value) AS fact
  FROM reached
  CROSS JOIN catalogue ON catalogue.workspace = ?1 AND catalogue.key = reached.key
  CROSS JOIN json_each(catalogue.dependents) AS dependent
  LIMIT ${MAX_EDGES}`;

/** From the few tasks that are open, not from all that ever touched the resource. */
const ACTIVE = `
  SELECT json_array(touched.key, tasks.id) AS fact
  FROM tasks
  CROSS JOIN task_resources AS touched ON touched.workspace = ?1 AND touched.task_id = tasks.id
  WHERE tasks.workspace = ?1 AND tasks.state IN ('APPROVED', 'APPLYING') AND tasks.id <> ?3
    AND touched.key IN (SELECT value FROM json_each(?2))
  ORDER BY touched.key, tasks.id`;

const HISTORY = `
  SELECT json_object(
    'total', count(*),
    'failed', count(*) FILTER (WHERE result IN ('failure', 'timeout')),
    'durations', json_group_array(duration_seconds) FILTER (WHERE duration_seconds IS NOT NULL)
  ) AS fact
  FROM (
    SELECT result, duration_seconds FROM executions
    WHERE workspace = ?1 AND type = ?4 AND completed_at IS NOT NULL AND result IS NOT NULL
    ORDER BY completed_at DESC LIMIT ${MAX_EXECUTIONS}
  )`;

const REVIEWERS = `
  SELECT json_object('id', id, 'name', name, 'roles', json(roles), 'pending', (
    SELECT count(*) FROM approvals
    WHERE approvals.workspace = ?1 AND approvals.reviewer_id = users.id AND approvals.status = 'PENDING'
  )) AS fact
  FROM users
  WHERE workspace = ?1 AND active = 1 AND (
    EXISTS (SELECT 1 FROM json_each(users.roles) WHERE value IN ('reviewer', 'admin'))
    OR id IN (SELECT value FROM json_each(?5))
    OR id IN (
      SELECT named.value FROM policies CROSS JOIN json_each(policies.body, '$.required_reviewers') AS named
      WHERE policies.workspace = ?1
    )
    OR id IN (SELECT body ->> 'delegate_to' FROM delegations WHERE workspace = ?1)
  )`;

/** By kind of fact: its rows, each as JSON. ?1 is the workspace, ?2 the keys, ?3 the task, ?4 its type, ?5 people. */
const QUERIES = {
  criticality: `
    SELECT json_array(key, criticality) AS fact FROM catalogue
    WHERE workspace = ?1 AND key IN (SELECT value FROM json_each(?2)) AND criticality IS NOT NULL`,
  dependents: DEPENDENTS,
  active: ACTIVE,
  history: HISTORY,
  policies: asObjects(POLICY_COLUMNS, ENABLED_POLICIES),
  reviewers: REVIEWERS,
  delegations: asObjects(DELEGATION_COLUMNS, ACTIVE_DELEGATIONS),
};

/** SQLite as D1 runs it takes no more in one UNION. */
const MOST_TERMS = 4;

/** One statement: a call to D1 costs by its statements, and by the rows that it answers. */
const FACTS = union(Object.entries(QUERIES).map(([kind, query]) => `SELECT '${kind}' AS kind, fact FROM (${query})`));

interface History {
  readonly total: number;
  readonly failed: number;
  readonly durations: readonly number[];
}

/** Reads the facts as they stand in D1, which may trail the actors by less than a second. */
export async function readConfigurationFacts(
  db: D1Database,
  workspace: string,
  { keys, task_type, task_id = "", people = [] }: FactsQuestion,
): Promise<ConfigurationFacts> {
  const { results } = await db
    .prepare(FACTS)
    .bind(workspace, JSON.stringify(keys), task_id, task_type, JSON.stringify(people))
    .all<{ kind: keyof typeof QUERIES; fact: string }>();
  const byKind = Map.groupBy(results, ({ kind }) => kind);
  const facts = <Fact>(kind: keyof typeof QUERIES): Fact[] =>
    (byKind.get(kind) ?? []).map(({ fact }) => JSON.parse(fact) as Fact);
  const { total = 0, failed = 0, durations = [] } = facts<History>("history")[0] ?? {};
  const median = medianOf(durations);
  return {
    criticality: Object.fromEntries(facts<[string, number]>("criticality")),
    dependents: grouped(facts("dependents")),
    active: grouped(facts("active")),
    history: { failed, total },
    ...(median !== undefined && { median_duration_seconds: median }),
    policies: facts<StoredPolicy>("policies").map(policyOf).sort(byId),
    reviewers: facts<Reviewer>("reviewers").sort(byId),
    delegations: facts<StoredDelegation>("delegations").map(delegationOf),
  };
}

function union(queries: readonly string[]): string {
  if (queries.length <= MOST_TERMS) return queries.join(" UNION ALL ");
  const parts = [queries.slice(0, MOST_TERMS), queries.slice(MOST_TERMS)];
  return union(parts.map((part) => `SELECT * FROM (${union(part)})`));
}

/** Rows of a query, each as one object. */
function asObjects(columns: string, query: string): string {
  const pairs = columns.split(", ").map((column) => `'${column}', ${column}`);
  return `SELECT json_object(${pairs.join(", ")}) AS fact FROM (${query})`;
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
