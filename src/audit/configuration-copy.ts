/**
 * The ledger's own copy of D1's configuration, row by row and changed in the same commit as the journal: the journal tells what
 * was changed with secrets masked and tokens left out, so that it alone could not bring a lost table back.
 */
import { fitting } from "../actor/storage.ts";
import type { AgentRow, ConfigurationChange, TokenRow, UserRow } from "../db/configuration.ts";
import type { TokenHolder } from "../users/token-holder.ts";
import { rowsOf } from "./ledger-core.ts";

export const COPY_MIGRATION = `
  CREATE TABLE copies (
    place INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, key TEXT NOT NULL, principal TEXT, body TEXT NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX copies_key ON copies (kind, key);
  CREATE INDEX copies_principal ON copies (kind, principal);`;

/** JSON of one page, one row at least. */
const PAGE_CHARS = 500_000;
const PAGE_ROWS = 500;

type Put = Extract<ConfigurationChange, { put: string }>;
type Removal = Extract<ConfigurationChange, { remove: string }>;

/** Part of the commit that journals these changes. */
export function copyConfiguration(sql: SqlStorage, changes: readonly ConfigurationChange[]): void {
  for (const change of changes) {
    if ("put" in change) put(sql, change);
    else remove(sql, change);
  }
}

/** The next rows after `place` (0: from the first), as changes that write them again; the last of them stands at `last`. */
export function copiedConfiguration(sql: SqlStorage, place: number): { readonly puts: Put[]; readonly last: number } {
  const rows = sql.exec<{ place: number; kind: string; body: string }>(
    "SELECT place, kind, body FROM copies WHERE place > ? ORDER BY place LIMIT ?",
    place,
    PAGE_ROWS,
  );
  const page = fitting(rows, PAGE_CHARS, ({ body }) => body.length);
  const puts = page.map(({ kind, body }) => ({ put: kind, row: JSON.parse(body) }) as Put);
  return { puts, last: page.at(-1)?.place ?? place };
}

/** Who holds this token; null if nobody does. */
export function copiedHolder(sql: SqlStorage, workspace: string, tokenId: string, hash: string): TokenHolder | null {
  const token = copyOf<TokenRow>(sql, "tokens", tokenId);
  if (token === undefined || token.hash !== hash) return null;
  const { token_id, principal_kind: kind, principal_id: id, scopes, expires_at } = token;
  const user = kind === "user" ? copyOf<UserRow>(sql, "users", id) : undefined;
  const agent = kind === "agent" ? copyOf<AgentRow>(sql, "agents", id) : undefined;
  const principal = user ?? agent;
  if (principal === undefined) return null;
  const { name, roles, active } = principal;
  return {
    workspace,
    token_id,
    kind,
    id,
    name,
    roles,
    active,
    scopes,
    agent_scopes: agent?.scopes ?? null,
    expires_at,
  };
}

function copyOf<Row>(sql: SqlStorage, kind: Put["put"], key: string): Row | undefined {
  const [copy] = rowsOf<{ body: string }>(sql, "SELECT body FROM copies WHERE kind = ? AND key = ?", kind, key);
  return copy && (JSON.parse(copy.body) as Row);
}

export function countCopies(sql: SqlStorage): number {
  return rowsOf<{ n: number }>(sql, "SELECT count(*) AS n FROM copies")[0]?.n ?? 0;
}

function put(sql: SqlStorage, { put: kind, row }: Put): void {
  sql.exec(
    `INSERT INTO copies (kind, key, principal, body) VALUES (?, ?, ?, ?)
     ON CONFLICT (kind, key) DO UPDATE SET principal = excluded.principal, body = excluded.body`,
    kind,
    keyOf(row),
    "principal_id" in row ? `${row.principal_kind}:${row.principal_id}` : null,
    JSON.stringify(row),
  );
}

function keyOf(row: Put["row"]): string {
  if ("token_id" in row) return row.token_id;
  return "key" in row ? row.key : row.id;
}

function remove(sql: SqlStorage, change: Removal): void {
  if ("principal_id" in change) {
    const principal = `${change.principal_kind}:${change.principal_id}`;
    sql.exec("DELETE FROM copies WHERE kind = 'tokens' AND principal = ?", principal);
    return;
  }
  const key = "token_id" in change ? change.token_id : "key" in change ? change.key : change.id;
  sql.exec("DELETE FROM copies WHERE kind = ? AND key = ?", change.remove, key);
}
