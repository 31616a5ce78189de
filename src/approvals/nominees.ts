/** The people whom an answer names, delegates and additional approvers, as D1 knows them now. */
import { fail, ok, type Result } from "../actor/result.ts";
import type { RespondInput } from "../tasks/task-contract.ts";

/** An active user. */
export interface Nominee {
  readonly id: string;
  readonly name: string;
}

/** Those whom an answer names, if it names any. */
export function namedBy({ delegate_to, options }: RespondInput): string[] {
  const delegate = delegate_to === undefined ? [] : [delegate_to];
  return [...new Set([...delegate, ...(options.require_additional_approvals ?? [])])];
}

/** Those of these people who are active users. Naming nobody costs no read. */
export async function readNominees(db: D1Database, workspace: string, ids: readonly string[]): Promise<Nominee[]> {
  if (ids.length === 0) return [];
  const { results } = await db
    .prepare(
      `SELECT id, name FROM users
       WHERE workspace = ?1 AND active = 1 AND id IN (SELECT value FROM json_each(?2)) ORDER BY id`,
    )
    .bind(workspace, JSON.stringify(ids))
    .all<{ id: string; name: string }>();
  return results;
}

/**
 * The nominees with these ids. `REVIEWER_NOT_ELIGIBLE`, details `reviewers[] { id, why }`, when one of them is no active user,
 * or an author of the change.
 */
export function eligibleNominees(
  ids: readonly string[],
  active: readonly Nominee[],
  authors: readonly string[],
): Result<Nominee[]> {
  const found = active.filter(({ id }) => ids.includes(id) && !authors.includes(id));
  const refused = [...new Set(ids)]
    .filter((id) => found.every((one) => one.id !== id))
    .map((id) => ({
      id,
      why: authors.includes(id) ? "wrote, filed or edited this change" : "is not an active user",
    }));
  return refused.length === 0 ? ok(found) : notEligible(...refused);
}

export function notEligible(...reviewers: readonly { readonly id: string; readonly why: string }[]): Result<never> {
  const reasons = reviewers.map(({ id, why }) => `${id} ${why}`).join("; ");
  return fail("REVIEWER_NOT_ELIGIBLE", `Some of the people named may not decide on this task: ${reasons}.`, {
    reviewers,
  });
}
