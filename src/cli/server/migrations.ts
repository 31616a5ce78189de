import { StartFailure } from "./start-failure.ts";

/** As much of a D1 database as a migration needs. */
export interface MigratedDatabase<Statement> {
  prepare(sql: string): Statement & { bind(...values: unknown[]): Statement; all(): Promise<{ results: unknown[] }> };
  /** All or nothing. */
  batch(statements: Statement[]): Promise<unknown>;
}

/** One file of the migrations folder. */
export interface Migration {
  readonly name: string;
  readonly statements: readonly string[];
}

// The very table of `wrangler d1 migrations apply`, so that either tool goes on where the other stopped.
const APPLIED_TABLE = `CREATE TABLE IF NOT EXISTS d1_migrations (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT UNIQUE,
  applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
)`;

/**
 * Applies what is not yet applied, each migration with its mark in one transaction.
 * @returns the names of those that it applied
 * @throws StartFailure naming the migration that the database refused; those before it stay applied
 */
export async function applyMigrations<Statement>(
  db: MigratedDatabase<Statement>,
  migrations: readonly Migration[],
): Promise<string[]> {
  await db.batch([db.prepare(APPLIED_TABLE)]);
  const { results } = await db.prepare("SELECT name FROM d1_migrations").all();
  const applied = new Set(results.map((row) => (row as { name: string }).name));
  const missing = migrations.filter(({ name }) => !applied.has(name));
  for (const { name, statements } of missing) {
    const mark = db.prepare("INSERT INTO d1_migrations (name) VALUES (?)").bind(name);
    try {
      await db.batch([...statements.map((sql) => db.prepare(sql)), mark]);
    } catch (error) {
      throw new StartFailure(`migration ${name} failed: ${error instanceof Error ? error.message : error}`);
    }
  }
  return missing.map(({ name }) => name);
}
