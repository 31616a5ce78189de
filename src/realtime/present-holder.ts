/** A holder as the configuration has them now. */
import { type Holder, noticed } from "./holder.ts";

const PRESENT = {
  user: present("users", "NULL"),
  agent: present("agents", "p.scopes"),
} as const;

function present(table: "users" | "agents", scopes: string): string {
  return `
    SELECT p.roles, p.active, ${scopes} AS scopes, t.token_id, t.expires_at FROM ${table} p
    LEFT JOIN tokens t
      ON t.workspace = p.workspace AND t.token_id = ?4 AND t.principal_kind = ?3 AND t.principal_id = p.id
    WHERE p.workspace = ?1 AND p.id = ?2`;
}

interface PresentRow {
  readonly roles: string;
  readonly active: number;
  readonly scopes: string | null;
  readonly token_id: string | null;
  readonly expires_at: string | null;
}

/** With the roles, and the end of the token, that D1 knows; null if they hold nothing any more. Throws when D1 fails. */
export async function presentHolder(
  db: D1Database,
  workspace: string,
  holder: Holder,
  now: number,
): Promise<Holder | null> {
  const { kind, id, token_id } = holder;
  // Stands in no table.
  if (kind === "user" && id === "root") return holder;
  const row = await db
    .prepare(PRESENT[kind])
    .bind(workspace, id, kind, token_id ?? null)
    .first<PresentRow>();
  if (row === null || (token_id !== undefined && row.token_id === null)) return null;
  const expires_at = row.expires_at === null ? holder.expires_at : Date.parse(row.expires_at);
  if (expires_at !== undefined && expires_at <= now) return null;
  const scopes: string[] = row.scopes === null ? [] : JSON.parse(row.scopes);
  const standing = {
    active: row.active === 1,
    roles: JSON.parse(row.roles) as string[],
    scopes: scopes.length === 0 ? null : scopes,
  };
  const then = expires_at === undefined ? holder : { ...holder, expires_at };
  return noticed(then, { do: "stands", principal: { kind, id }, standing });
}
