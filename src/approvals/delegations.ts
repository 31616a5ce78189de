/** The delegation policies that D1 holds (03-tasks-and-approvals, "Delegation policy"). */
import { DelegationPolicy } from "./delegation-contract.ts";

/** A row of `delegations` as D1 gives it. */
export interface StoredDelegation {
  readonly id: string;
  readonly owner_id: string;
  readonly body: string;
  readonly created_at: string;
  readonly updated_at: string;
}

export const DELEGATION_COLUMNS = "id, owner_id, body, created_at, updated_at";

/** The policy of a row. Throws on one that is no policy: passing it over would ask people who said that they must not be. */
export function delegationOf({ body, ...row }: StoredDelegation): DelegationPolicy {
  return DelegationPolicy.parse({ ...(JSON.parse(body) as object), ...row });
}

/** The active ones of a workspace (?1), expired ones too, as {@link DELEGATION_COLUMNS}: assignment has the clock. */
export const ACTIVE_DELEGATIONS = `
  SELECT ${DELEGATION_COLUMNS} FROM delegations WHERE workspace = ?1 AND body ->> 'active' = 1`;

/** Those of one owner, oldest first: the order in which they are tried. */
export async function delegationsOf(db: D1Database, workspace: string, owner: string): Promise<DelegationPolicy[]> {
  const { results } = await db
    .prepare(
      `SELECT ${DELEGATION_COLUMNS} FROM delegations WHERE workspace = ?1 AND owner_id = ?2 ORDER BY created_at, id`,
    )
    .bind(workspace, owner)
    .all<StoredDelegation>();
  return results.map(delegationOf);
}
