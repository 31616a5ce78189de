/**
 * D1's tables: configuration (users, agents, tokens, policies, delegations, catalogue), written through the configuration journal only,
 * and history (audit trail, read models), written by ledgers only. Every table and unique key starts with `workspace`.
 * JSON columns are text. Times are RFC 3339 text, so that they sort as they are. An index of a list is its filter, then its order, then
 * what else is filtered by, so that neither a page nor its count reads rows that it does not show (test/list-plans.worker.test.ts).
 */
import { sql } from "drizzle-orm";
import { index, integer, primaryKey, real, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";

const workspace = () => text("workspace").notNull();
/** When something was made, and when it was changed last. */
const changes = () => ({ created_at: text("created_at").notNull(), updated_at: text("updated_at").notNull() });
const json = <T>(name: string) => text(name, { mode: "json" }).$type<T>();

export const users = sqliteTable(
  "users",
  {
    workspace: workspace(),
    id: text("id").notNull(),
    name: text("name").notNull(),
    email: text("email"),
    roles: json<string[]>("roles").notNull(),
    manager_id: text("manager_id"),
    oidc_subject: text("oidc_subject"),
    active: integer("active", { mode: "boolean" }).notNull(),
    ...changes(),
  },
  (t) => [
    primaryKey({ columns: [t.workspace, t.id] }),
    uniqueIndex("users_oidc_subject").on(t.workspace, t.oidc_subject),
  ],
);

export const agents = sqliteTable(
  "agents",
  {
    workspace: workspace(),
    id: text("id").notNull(),
    name: text("name").notNull(),
    description: text("description"),
    roles: json<string[]>("roles").notNull(),
    scopes: json<string[]>("scopes").notNull(),
    capabilities: json<string[]>("capabilities").notNull(),
    max_tasks: integer("max_tasks").notNull(),
    heartbeat_interval_seconds: integer("heartbeat_interval_seconds").notNull(),
    labels: json<Record<string, string>>("labels").notNull(),
    config: json<Record<string, unknown>>("config").notNull(),
    active: integer("active", { mode: "boolean" }).notNull(),
    ...changes(),
  },
  (t) => [primaryKey({ columns: [t.workspace, t.id] })],
);

export const tokens = sqliteTable(
  "tokens",
  {
    workspace: workspace(),
    token_id: text("token_id").notNull(),
    /** hex SHA-256 of the token; the token itself is shown once and kept nowhere */
    hash: text("hash").notNull(),
    principal_kind: text("principal_kind", { enum: ["user", "agent"] }).notNull(),
    principal_id: text("principal_id").notNull(),
    scopes: json<string[]>("scopes"),
    created_at: text("created_at").notNull(),
    expires_at: text("expires_at"),
    last_used_at: text("last_used_at"),
  },
  (t) => [
    primaryKey({ columns: [t.workspace, t.token_id] }),
    // A bearer token does not say its workspace, so this look-up cannot start with it.
    index("tokens_hash").on(t.hash),
    index("tokens_principal").on(t.workspace, t.principal_kind, t.principal_id),
  ],
);

export const policies = sqliteTable(
  "policies",
  {
    workspace: workspace(),
    id: text("id").notNull(),
    /** the ReviewerPolicy as served, without id and times */
    body: json<Record<string, unknown>>("body").notNull(),
    ...changes(),
  },
  (t) => [primaryKey({ columns: [t.workspace, t.id] })],
);

/** To whom reviewers delegate. */
export const delegations = sqliteTable(
  "delegations",
  {
    workspace: workspace(),
    id: text("id").notNull(),
    owner_id: text("owner_id").notNull(),
    /** the DelegationPolicy as served, without id, owner and times */
    body: json<Record<string, unknown>>("body").notNull(),
    ...changes(),
  },
  (t) => [
    primaryKey({ columns: [t.workspace, t.id] }),
    index("delegations_owner").on(t.workspace, t.owner_id, t.created_at, t.id),
  ],
);

/** Where events are sent (docs/design/webhooks.md). */
export const webhooks = sqliteTable(
  "webhooks",
  {
    workspace: workspace(),
    id: text("id").notNull(),
    /** the rest of the record; of its secrets only the names from which they are derived */
    body: json<Record<string, unknown>>("body").notNull(),
    ...changes(),
  },
  (t) => [primaryKey({ columns: [t.workspace, t.id] })],
);

export const catalogue = sqliteTable(
  "catalogue",
  {
    workspace: workspace(),
    key: text("key").notNull(),
    type: text("type").notNull(),
    id: text("id").notNull(),
    namespace: text("namespace"),
    criticality: integer("criticality"),
    name: text("name"),
    owner: text("owner"),
    dependents: json<string[]>("dependents").notNull(),
    labels: json<Record<string, string>>("labels").notNull(),
    ...changes(),
  },
  (t) => [primaryKey({ columns: [t.workspace, t.key] })],
);

/** Append-only by triggers (migrations/0001): no UPDATE, no DELETE, and an INSERT of a row that exists is ignored. */
export const auditLog = sqliteTable(
  "audit_log",
  {
    id: integer("id").primaryKey({ autoIncrement: true }),
    workspace: workspace(),
    actor: text("actor").notNull(),
    seq: integer("seq").notNull(),
    subject_type: text("subject_type").notNull(),
    subject_id: text("subject_id").notNull(),
    action: text("action").notNull(),
    from_state: text("from_state"),
    to_state: text("to_state"),
    who: text("who").notNull(),
    at: text("at").notNull(),
    where: text("where").notNull(),
    why: text("why"),
    request_id: text("request_id").notNull(),
    details: text("details"),
    prev_hash: text("prev_hash").notNull(),
    hash: text("hash").notNull(),
    who_id: text("who_id").generatedAlwaysAs(sql`(json_extract("who", '$.id'))`, { mode: "virtual" }),
    task_id: text("task_id").generatedAlwaysAs(
      sql`(CASE WHEN "subject_type" = 'task' THEN "subject_id" ELSE json_extract("details", '$.task_id') END)`,
      { mode: "virtual" },
    ),
  },
  (t) => [
    uniqueIndex("audit_chain").on(t.workspace, t.actor, t.seq),
    index("audit_subject").on(t.workspace, t.subject_id, t.id, t.subject_type),
    index("audit_task").on(t.workspace, t.task_id, t.id),
    index("audit_who").on(t.workspace, t.who_id, t.id),
    index("audit_request").on(t.workspace, t.request_id),
    index("audit_at").on(t.workspace, t.at),
    index("audit_workspace").on(t.workspace, t.id),
    index("audit_action").on(t.workspace, t.action, t.id),
  ],
);

/** How far each chain was retired to a file (docs/design/retention.md): up to here the trigger on `audit_log` lets rows be deleted. */
export const auditRetained = sqliteTable(
  "audit_retained",
  {
    workspace: workspace(),
    actor: text("actor").notNull(),
    seq: integer("seq").notNull(),
  },
  (t) => [primaryKey({ columns: [t.workspace, t.actor] })],
);

export const tasks = sqliteTable(
  "tasks",
  {
    workspace: workspace(),
    id: text("id").notNull(),
    state: text("state").notNull(),
    revision: integer("revision").notNull(),
    type: text("type").notNull(),
    author_id: text("author_id").notNull(),
    priority: integer("priority").notNull(),
    risk_score: integer("risk_score"),
    risk_level: text("risk_level"),
    ...changes(),
    tags: text("tags").notNull(),
    body: text("body").notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.workspace, t.id] }),
    index("tasks_created").on(t.workspace, t.created_at, t.id),
    index("tasks_updated").on(t.workspace, t.updated_at, t.id),
    index("tasks_state").on(t.workspace, t.state, t.created_at, t.id),
    index("tasks_author").on(t.workspace, t.author_id, t.created_at, t.id),
    index("tasks_type").on(t.workspace, t.type, t.created_at, t.id),
    index("tasks_risk_level").on(t.workspace, t.risk_level, t.created_at, t.id),
    index("tasks_risk").on(t.workspace, t.risk_score, t.id),
  ],
);

/** Which tasks touch a resource: for the list's filters and the warning about others at work on it. */
export const taskResources = sqliteTable(
  "task_resources",
  {
    workspace: workspace(),
    key: text("key").notNull(),
    task_id: text("task_id").notNull(),
    type: text("type").notNull(),
    resource_id: text("resource_id").notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.workspace, t.key, t.task_id] }),
    index("task_resources_task").on(t.workspace, t.task_id),
    index("task_resources_id").on(t.workspace, t.resource_id),
  ],
);

export const approvals = sqliteTable(
  "approvals",
  {
    workspace: workspace(),
    id: text("id").notNull(),
    task_id: text("task_id").notNull(),
    reviewer_id: text("reviewer_id").notNull(),
    revision: integer("revision").notNull(),
    status: text("status").notNull(),
    priority: text("priority").notNull(),
    created_at: text("created_at").notNull(),
    responded_at: text("responded_at"),
    body: text("body").notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.workspace, t.id] }),
    index("approvals_reviewer").on(t.workspace, t.reviewer_id, t.status),
    index("approvals_task").on(t.workspace, t.task_id),
    index("approvals_decided")
      .on(t.workspace, t.responded_at, t.created_at)
      .where(sql`"responded_at" IS NOT NULL AND "status" <> 'DELEGATED'`),
  ],
);

/** Tasks under review whose requirements can no longer be met; `requirements` says which, and why. */
export const stuckTasks = sqliteTable(
  "stuck_tasks",
  {
    workspace: workspace(),
    id: text("id").notNull(),
    since: text("since").notNull(),
    requirements: text("requirements").notNull(),
  },
  (t) => [primaryKey({ columns: [t.workspace, t.id] }), index("stuck_tasks_since").on(t.workspace, t.since, t.id)],
);

export const locks = sqliteTable(
  "locks",
  {
    workspace: workspace(),
    id: text("id").notNull(),
    resource_type: text("resource_type").notNull(),
    resource_id: text("resource_id").notNull(),
    agent_id: text("agent_id").notNull(),
    session_id: text("session_id").notNull(),
    status: text("status").notNull(),
    mode: text("mode").notNull(),
    fencing_token: integer("fencing_token"),
    since: text("since").notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.workspace, t.id] }),
    index("locks_resource").on(t.workspace, t.resource_id, t.status, t.since, t.id, t.resource_type),
    index("locks_agent").on(t.workspace, t.agent_id, t.status, t.since, t.id),
    index("locks_since").on(t.workspace, t.status, t.since, t.id, t.resource_type),
  ],
);

export const executions = sqliteTable(
  "executions",
  {
    workspace: workspace(),
    task_id: text("task_id").notNull(),
    attempt: integer("attempt").notNull(),
    type: text("type").notNull(),
    agent_id: text("agent_id").notNull(),
    started_at: text("started_at").notNull(),
    completed_at: text("completed_at"),
    result: text("result"),
    duration_seconds: real("duration_seconds"),
  },
  (t) => [
    primaryKey({ columns: [t.workspace, t.task_id, t.attempt] }),
    index("executions_type").on(t.workspace, t.type, t.completed_at),
  ],
);

/** How agents that were heard of stand; it changes when they come, fall silent and go, not with their heartbeats. */
export const agentPresence = sqliteTable(
  "agent_presence",
  {
    workspace: workspace(),
    id: text("id").notNull(),
    status: text("status").notNull(),
    since: text("since").notNull(),
  },
  (t) => [primaryKey({ columns: [t.workspace, t.id] })],
);

/**
 * How many rows of a list have a state, status, result or action; kept by triggers alone, so that it is right whoever writes
 * (migrations/0009; docs/design/totals.md).
 */
export const totals = sqliteTable(
  "totals",
  {
    workspace: workspace(),
    list: text("list", { enum: ["tasks", "approvals", "locks", "executions", "audit_log"] }).notNull(),
    /** what the rows have in common; empty for null */
    value: text("value").notNull(),
    rows: integer("rows").notNull(),
  },
  (t) => [primaryKey({ columns: [t.workspace, t.list, t.value] })],
);
