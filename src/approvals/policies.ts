/** The reviewer policies that D1 holds (03-tasks-and-approvals, "Reviewer policies"). */
import { ReviewerPolicy } from "./contract.ts";

/** A row of `policies` as D1 gives it. */
export interface StoredPolicy {
  readonly id: string;
  readonly body: string;
  readonly created_at: string;
  readonly updated_at: string;
}

export const POLICY_COLUMNS = "id, body, created_at, updated_at";

/**
 * The policy of a row. Throws on one that is no policy: passing it over would let tasks through that somebody meant to
 * have reviewed.
 */
export function policyOf({ body, ...row }: StoredPolicy): ReviewerPolicy {
  return ReviewerPolicy.parse({ ...(JSON.parse(body) as object), ...row });
}

/** The enabled ones of a workspace (?1), as {@link POLICY_COLUMNS}. */
export const ENABLED_POLICIES = `
  SELECT ${POLICY_COLUMNS} FROM policies WHERE workspace = ?1 AND body ->> 'enabled' = 1`;
