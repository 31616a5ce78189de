/** Users as D1 holds them and as the API shows them. */
import type { UserRow } from "../db/configuration.ts";
import type { User } from "./contract.ts";

export const USER_COLUMNS = "id, name, email, roles, manager_id, oidc_subject, active, created_at, updated_at";

/** A row of {@link USER_COLUMNS}. */
export interface StoredUser {
  readonly id: string;
  readonly name: string;
  readonly email: string | null;
  readonly roles: string;
  readonly manager_id: string | null;
  readonly oidc_subject: string | null;
  readonly active: number;
  readonly created_at: string;
  readonly updated_at: string;
}

export function userOf(stored: StoredUser): UserRow {
  return { ...stored, roles: JSON.parse(stored.roles) as string[], active: stored.active === 1 };
}

export async function findUser(db: D1Database, workspace: string, id: string): Promise<UserRow | null> {
  const stored = await db
    .prepare(`SELECT ${USER_COLUMNS} FROM users WHERE workspace = ?1 AND id = ?2`)
    .bind(workspace, id)
    .first<StoredUser>();
  return stored === null ? null : userOf(stored);
}

/** Everything but the subject that the identity provider knows them by. */
export function userView({ oidc_subject: _, roles, ...user }: UserRow): User {
  return { ...user, roles: [...roles] };
}
