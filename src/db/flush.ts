/**
 * One flush of a ledger: audit rows, read models and configuration as statements of one atomic D1 batch. Many rows a
 * statement through `json_each(?)` (34,000 rows/s against 746 one by one, 06-performance); every statement may be repeated.
 */
import type { ChainedEntry } from "../actor/journal.ts";
import { AUDIT_LOG_COLUMNS } from "./audit-log-columns.ts";
import type { ConfigurationChange } from "./configuration.ts";
import type { ReadModelChange } from "./read-model.ts";

export interface Flush {
  readonly entries: readonly ChainedEntry[];
  /** Entries that D1 lost, with the ids that they get: no higher than what followers of the feeds know already. */
  readonly restored?: readonly (ChainedEntry & { readonly id: number })[];
  readonly changes: readonly ReadModelChange[];
  readonly configuration: readonly ConfigurationChange[];
}

/** What an entry tells of its row: the id is D1's, the workspace the ledger's. */
const ENTRY_COLUMNS = AUDIT_LOG_COLUMNS.filter((column) => column !== "id" && column !== "workspace");

const READ_MODELS = {
  tasks: {
    key: ["id"],
    columns: [
      "id",
      "state",
      "revision",
      "type",
      "author_id",
      "priority",
      "risk_score",
      "risk_level",
      "created_at",
      "updated_at",
      "tags",
      "body",
    ],
  },
  approvals: {
    key: ["id"],
    columns: ["id", "task_id", "reviewer_id", "revision", "status", "priority", "created_at", "responded_at", "body"],
  },
  stuck_tasks: { key: ["id"], columns: ["id", "since", "requirements"] },
  locks: {
    key: ["id"],
    columns: [
      "id",
      "resource_type",
      "resource_id",
      "agent_id",
      "session_id",
      "status",
      "mode",
      "fencing_token",
      "since",
    ],
  },
  executions: {
    key: ["task_id", "attempt"],
    columns: ["task_id", "attempt", "type", "agent_id", "started_at", "completed_at", "result", "duration_seconds"],
  },
  agent_presence: { key: ["id"], columns: ["id", "status", "since"] },
} as const;

const CONFIGURATION = {
  users: {
    key: ["id"],
    columns: ["id", "name", "email", "roles", "manager_id", "oidc_subject", "active", "created_at", "updated_at"],
  },
  agents: {
    key: ["id"],
    columns: [
      "id",
      "name",
      "description",
      "roles",
      "scopes",
      "capabilities",
      "max_tasks",
      "heartbeat_interval_seconds",
      "labels",
      "config",
      "active",
      "created_at",
      "updated_at",
    ],
  },
  tokens: {
    key: ["token_id"],
    columns: ["token_id", "hash", "principal_kind", "principal_id", "scopes", "created_at", "expires_at"],
  },
  policies: { key: ["id"], columns: ["id", "body", "created_at", "updated_at"] },
  webhooks: { key: ["id"], columns: ["id", "body", "created_at", "updated_at"] },
  delegations: { key: ["id"], columns: ["id", "owner_id", "body", "created_at", "updated_at"] },
  catalogue: {
    key: ["key"],
    columns: [
      "key",
      "type",
      "id",
      "namespace",
      "criticality",
      "name",
      "owner",
      "dependents",
      "labels",
      "created_at",
      "updated_at",
    ],
  },
} as const;

/** The rows of a parameter: read for each column anew, every one of them would be written out and parsed again. */
const GIVEN = "WITH given AS MATERIALIZED (SELECT value FROM json_each(?2))";

/** JSON of one parameter, in bytes of UTF-8: D1 takes 2 MB. */
const PARAMETER_BYTES = 1_000_000;

export function flushStatements(db: D1Database, workspace: string, flush: Flush): D1PreparedStatement[] {
  return [
    ...flush.configuration.flatMap((change) => configurationStatements(db, workspace, change)),
    ...readModelStatements(db, workspace, flush.changes),
    ...auditStatements(db, workspace, flush.entries),
    ...auditStatements(db, workspace, flush.restored ?? [], ["id", ...ENTRY_COLUMNS]),
  ];
}

/** The rest of an INSERT after its table: upserts on the key, or without one takes the rows as they are. */
interface Insertion {
  readonly table: string;
  readonly columns: readonly string[];
  readonly key?: readonly string[];
}

/** Many rows a statement, as many statements as the size of a parameter asks for. */
function inserts(
  db: D1Database,
  workspace: string,
  insertion: Insertion,
  rows: readonly object[],
): D1PreparedStatement[] {
  const statements: D1PreparedStatement[] = [];
  let texts: string[] = [];
  let bytes = 0;
  const finish = () => {
    if (texts.length === 0) return;
    const values = insertion.columns.map((_, at) => `value ->> ${at}`);
    const sql = `${GIVEN} ${insertSql(insertion, `${values.join(", ")} FROM given`)}`;
    statements.push(db.prepare(sql).bind(workspace, `[${texts.join()}]`));
    texts = [];
    bytes = 0;
  };
  for (const row of rows) {
    const cells = cellsOf(row, insertion.columns);
    const text = JSON.stringify(cells);
    const size = Buffer.byteLength(text);
    if (bytes + size > PARAMETER_BYTES) finish();
    if (size > PARAMETER_BYTES) {
      // Too large for a parameter together, its columns still are not one by one.
      const values = insertion.columns.map((_, at) => `?${at + 2}`);
      statements.push(db.prepare(insertSql(insertion, values.join(", "))).bind(workspace, ...cells));
    } else {
      texts.push(text);
      bytes += size;
    }
  }
  finish();
  return statements;
}

function insertSql({ table, columns, key }: Insertion, values: string): string {
  const names = columns.map((column) => `"${column}"`).join(", ");
  const insert = `INSERT INTO ${table} ("workspace", ${names}) SELECT ?1, ${values}`;
  if (key === undefined) return insert;
  const updates = columns
    .filter((column) => !key.includes(column))
    .map((column) => `"${column}" = excluded."${column}"`)
    .join(", ");
  const conflict = ["workspace", ...key].map((column) => `"${column}"`).join(", ");
  // Without a WHERE, SQLite would read ON CONFLICT as a join's condition.
  return `${insert} WHERE true ON CONFLICT (${conflict}) DO UPDATE SET ${updates}`;
}

/** What stands in these columns: objects and arrays as JSON text, so that SQLite stores exactly what was written; booleans as it has them. */
function cellsOf(row: object, columns: readonly string[]): unknown[] {
  const byColumn: Readonly<Record<string, unknown>> = { ...row };
  return columns.map((column) => {
    const value = byColumn[column] ?? null;
    if (typeof value === "boolean") return Number(value);
    return typeof value === "object" && value !== null ? JSON.stringify(value) : value;
  });
}

function auditStatements(
  db: D1Database,
  workspace: string,
  entries: readonly ChainedEntry[],
  columns: readonly string[] = ENTRY_COLUMNS,
): D1PreparedStatement[] {
  const rows = entries.map(({ entry, ...links }) => ({ ...entry, ...links }));
  return inserts(db, workspace, { table: "audit_log", columns }, rows);
}

function readModelStatements(
  db: D1Database,
  workspace: string,
  changes: readonly ReadModelChange[],
): D1PreparedStatement[] {
  const statements: D1PreparedStatement[] = [];
  for (const [table, { key, columns }] of Object.entries(READ_MODELS)) {
    // The last change of a row wins: shipments stand in the order in which they were accepted.
    const last = new Map(changes.filter((change) => change.table === table).map((change) => [change.id, change]));
    const gone = [...last.values()].filter((change) => change.row === null).map((change) => change.id);
    const put = [...last.values()].flatMap((change) => (change.row === null ? [] : [change.row]));
    if (gone.length > 0) {
      statements.push(
        db
          .prepare(`DELETE FROM ${table} WHERE workspace = ?1 AND "${key[0]}" IN (SELECT value FROM json_each(?2))`)
          .bind(workspace, JSON.stringify(gone)),
      );
    }
    statements.push(...inserts(db, workspace, { table, columns, key }, put));
    if (table === "tasks" && last.size > 0)
      statements.push(...taskResourceStatements(db, workspace, [...last.values()]));
  }
  return statements;
}

function taskResourceStatements(
  db: D1Database,
  workspace: string,
  changes: readonly ReadModelChange[],
): D1PreparedStatement[] {
  const rows = changes.flatMap((change) =>
    change.table === "tasks" && change.row !== null
      ? change.row.resources.map(({ key, type, id }) => [key, change.id, type, id])
      : [],
  );
  const ids = JSON.stringify(changes.map((change) => change.id));
  return [
    db
      .prepare("DELETE FROM task_resources WHERE workspace = ?1 AND task_id IN (SELECT value FROM json_each(?2))")
      .bind(workspace, ids),
    db
      .prepare(
        `${GIVEN} INSERT OR IGNORE INTO task_resources (workspace, key, task_id, type, resource_id)
         SELECT ?1, value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM given`,
      )
      .bind(workspace, JSON.stringify(rows)),
  ];
}

function configurationStatements(
  db: D1Database,
  workspace: string,
  change: ConfigurationChange,
): D1PreparedStatement[] {
  if ("put" in change) return inserts(db, workspace, { table: change.put, ...CONFIGURATION[change.put] }, [change.row]);
  const removed = [removal(db, workspace, change)];
  if (change.remove === "agents") {
    const presence = db.prepare("DELETE FROM agent_presence WHERE workspace = ?1 AND id = ?2");
    removed.push(presence.bind(workspace, change.id));
  }
  return removed;
}

function removal(
  db: D1Database,
  workspace: string,
  change: Extract<ConfigurationChange, { remove: string }>,
): D1PreparedStatement {
  if ("principal_id" in change) {
    return db
      .prepare("DELETE FROM tokens WHERE workspace = ?1 AND principal_kind = ?2 AND principal_id = ?3")
      .bind(workspace, change.principal_kind, change.principal_id);
  }
  if (change.remove === "tokens") {
    return db.prepare("DELETE FROM tokens WHERE workspace = ?1 AND token_id = ?2").bind(workspace, change.token_id);
  }
  if (change.remove === "catalogue") {
    return db.prepare("DELETE FROM catalogue WHERE workspace = ?1 AND key = ?2").bind(workspace, change.key);
  }
  return db.prepare(`DELETE FROM ${change.remove} WHERE workspace = ?1 AND id = ?2`).bind(workspace, change.id);
}
