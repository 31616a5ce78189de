/** Who holds a token: as D1 has it, or as the ledger's copy of the configuration does (docs/design/journal-and-ledger.md). */

export interface TokenHolder {
  readonly workspace: string;
  readonly token_id: string;
  readonly kind: "user" | "agent";
  readonly id: string;
  readonly name: string;
  readonly roles: readonly string[];
  readonly active: boolean;
  /** null: all that the roles allow */
  readonly scopes: readonly string[] | null;
  /** What the agent is narrowed to, whichever token it comes with; null: it is a user. */
  readonly agent_scopes: readonly string[] | null;
  /** null: never */
  readonly expires_at: string | null;
  /** Telemetry, which only D1 has; undefined: it was not asked. */
  readonly last_used_at?: string | null;
}

const HOLDER_OF_TOKEN = `
  SELECT t.workspace, t.token_id, t.principal_kind AS kind, t.principal_id AS id, t.scopes, t.expires_at, t.last_used_at,
         coalesce(u.name, a.name) AS name, coalesce(u.roles, a.roles) AS roles, coalesce(u.active, a.active) AS active,
         a.scopes AS agent_scopes
  FROM tokens t
  LEFT JOIN users u ON t.principal_kind = 'user' AND u.workspace = t.workspace AND u.id = t.principal_id
  LEFT JOIN agents a ON t.principal_kind = 'agent' AND a.workspace = t.workspace AND a.id = t.principal_id
  WHERE t.hash = ?1`;

type Row = Omit<TokenHolder, "roles" | "scopes" | "agent_scopes" | "active" | "last_used_at"> & {
  readonly roles: string | null;
  readonly scopes: string | null;
  readonly agent_scopes: string | null;
  readonly active: number | null;
  readonly last_used_at: string | null;
};

/** Null: nobody has a token with this hash (hex SHA-256). Throws while D1 does not answer. */
export async function readTokenHolder(db: D1Database, hash: string): Promise<TokenHolder | null> {
  const row = await db.prepare(HOLDER_OF_TOKEN).bind(hash).first<Row>();
  if (row === null) return null;
  return {
    ...row,
    roles: listIn(row.roles) ?? [],
    active: row.active === 1,
    scopes: listIn(row.scopes),
    agent_scopes: listIn(row.agent_scopes),
  };
}

function listIn(text: string | null): string[] | null {
  return text === null ? null : (JSON.parse(text) as string[]);
}
