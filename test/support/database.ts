/** D1 as a whole: what it holds of a workspace, and losing it. */
import { env } from "cloudflare:workers";
import { AUDIT_LOG_COLUMNS } from "../../src/db/audit-log-columns.ts";
import { COUNTED, type Total } from "../../src/db/totals.ts";

/** Everything that D1 holds, but for what records who used which token when: telemetry, written past every journal. */
const TABLES = {
  users: "id",
  agents: "id",
  tokens: "token_id",
  policies: "id",
  delegations: "id",
  catalogue: "key",
  tasks: "id",
  task_resources: "task_id, key",
  approvals: "id",
  stuck_tasks: "id",
  locks: "id",
  executions: "task_id, attempt",
  audit_retained: "actor",
  audit_log: "actor, seq",
} as const;

type Row = Readonly<Record<string, unknown>>;
export type Dump = Readonly<Record<string, readonly Row[]>>;

/** All rows of a workspace by table. Ids of audit rows are left out: they are the order of arrival in D1. */
export async function dump(workspace: string): Promise<Dump> {
  const tables = Object.entries(TABLES);
  const answers = await env.DB.batch<Row>(
    tables.map(([table, order]) =>
      env.DB.prepare(`SELECT * FROM ${table} WHERE workspace = ? ORDER BY ${order}`).bind(workspace),
    ),
  );
  return Object.fromEntries(
    tables.map(([table], at) => [
      table,
      (answers[at]?.results ?? []).map((row) => {
        const { last_used_at: _used, ...kept } = row;
        if (table !== "audit_log") return kept;
        const { id: _, ...entry } = kept;
        return entry;
      }),
    ]),
  );
}

type Totals = Readonly<Record<string, number>>;

/** How many rows each list has by state, status, result or action: as D1 keeps it, and as somebody who counts finds it. */
export async function totals(workspace: string): Promise<{ readonly kept: Totals; readonly counted: Totals }> {
  const counts = Object.entries(COUNTED).map(
    ([list, column]) =>
      `SELECT '${list}' AS list, coalesce(${column}, '') AS value, count(*) AS rows FROM ${list} WHERE workspace = ?1 GROUP BY 2`,
  );
  const [kept, counted] = await env.DB.batch<Total>([
    env.DB.prepare("SELECT * FROM totals WHERE workspace = ?1 AND rows <> 0").bind(workspace),
    env.DB.prepare(counts.join(" UNION ALL ")).bind(workspace),
  ]);
  const byName = (rows: readonly Total[] = []) =>
    Object.fromEntries(rows.map(({ list, value, rows: number }) => [`${list} ${value}`, number]));
  return { kept: byName(kept?.results), counted: byName(counted?.results) };
}

/** Loses what D1 holds of a workspace, past the triggers: the tables are there, and empty. */
export async function lose(workspace: string, tables: readonly string[] = Object.keys(TABLES)): Promise<void> {
  await pastTriggers(() =>
    env.DB.batch(tables.map((table) => env.DB.prepare(`DELETE FROM ${table} WHERE workspace = ?`).bind(workspace))),
  );
}

/** The trail as in a new database, whose ids begin at 1, while `work` runs; what others wrote before comes back after it, in its order. */
export async function withNewTrail(work: () => Promise<void>): Promise<void> {
  const run = (...statements: readonly string[]) =>
    pastTriggers(() => env.DB.batch(statements.map((statement) => env.DB.prepare(statement))));
  const columns = AUDIT_LOG_COLUMNS.filter((column) => column !== "id").map((column) => `"${column}"`);
  await run(
    "CREATE TABLE earlier AS SELECT * FROM audit_log",
    "DELETE FROM audit_log",
    "DELETE FROM sqlite_sequence WHERE name = 'audit_log'",
  );
  try {
    await work();
  } finally {
    await run(`INSERT INTO audit_log (${columns}) SELECT ${columns} FROM earlier ORDER BY id`, "DROP TABLE earlier");
  }
}

/** Does to the trail what its triggers refuse, as somebody with the rights to drop them could. */
export async function pastTriggers(work: () => Promise<unknown>): Promise<void> {
  const restore = await dropTriggers();
  try {
    await work();
  } finally {
    await restore();
  }
}

/** Takes the triggers away until what it resolves to is called. */
export async function dropTriggers(): Promise<() => Promise<void>> {
  const { results } = await env.DB.prepare("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").all<{
    name: string;
    sql: string;
  }>();
  for (const { name } of results) await env.DB.prepare(`DROP TRIGGER ${name}`).run();
  return async () => {
    for (const { sql } of results) await env.DB.prepare(sql).run();
  };
}
