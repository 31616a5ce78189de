/** Changes of users (02-http-and-auth, "Users"), as plans of the configuration journal. */
import type { Happening } from "../actor/journal.ts";
import { fail, invalid, ok, type Result } from "../actor/result.ts";
import type { ReviewerEffect } from "../approvals/inbox-api.ts";
import type { Plan, Planner } from "../audit/plan.ts";
import type { UserRow } from "../db/configuration.ts";
import { changed } from "./changed.ts";
import { freeId, holderOfId, keepsOneself, type PrincipalKind, type PrincipalRef } from "./principal-ref.ts";
import { findUser, userView } from "./stored-user.ts";
import { countTokens, type FirstToken, firstToken } from "./tokens.ts";

/** What an admin may change of a user; null takes it away. */
export interface UserPatch {
  readonly name?: string | undefined;
  readonly email?: string | null | undefined;
  readonly roles?: readonly string[] | undefined;
  readonly manager_id?: string | null | undefined;
  readonly active?: boolean | undefined;
}

export type UserCommand =
  | {
      readonly do: "create";
      readonly user: Pick<UserRow, "id" | "name" | "email" | "roles" | "manager_id" | "oidc_subject">;
      readonly token: FirstToken;
    }
  | { readonly do: "update"; readonly id: string; readonly by: PrincipalRef; readonly set: UserPatch };

/** What D1 knows that a command depends on. */
export interface UserFacts {
  readonly user: UserRow | null;
  /** who has the id, user or agent */
  readonly holder: PrincipalKind | null;
  /** who has the oidc_subject */
  readonly subject_holder: string | null;
  /** the proposed manager and, upwards, everybody above them */
  readonly managers: readonly { readonly id: string; readonly active: boolean }[];
  /** how many tokens the user has */
  readonly tokens: number;
}

export const userPlanner: Planner<UserCommand, UserFacts> = {
  async read(db, workspace, command) {
    const id = command.do === "create" ? command.user.id : command.id;
    const subject = command.do === "create" ? command.user.oidc_subject : null;
    const managerId = command.do === "create" ? command.user.manager_id : command.set.manager_id;
    const [user, holder, subjectHolder, managers, tokens] = await Promise.all([
      findUser(db, workspace, id),
      holderOfId(db, workspace, id),
      subject === null ? null : holderOfSubject(db, workspace, subject),
      managerId == null ? [] : managersFrom(db, workspace, managerId),
      countTokens(db, workspace, { kind: "user", id }),
    ]);
    return { user, holder, subject_holder: subjectHolder, managers, tokens };
  },

  plan(command, facts, now) {
    return command.do === "create" ? create(command, facts, now) : update(command, facts, now);
  },
};

function create({ user, token }: UserCommand & { do: "create" }, facts: UserFacts, now: string): Result<Plan> {
  const free = freeId(user.id, facts.holder);
  if (!free.ok) return free;
  if (facts.subject_holder !== null) {
    return fail("ALREADY_EXISTS", "another user has this oidc_subject", { field: "oidc_subject" });
  }
  const managed = checkManager(user.id, user.manager_id, facts);
  if (!managed.ok) return managed;
  const row: UserRow = { ...user, active: true, created_at: now, updated_at: now };
  const first = firstToken({ kind: "user", id: row.id }, token, now);
  return ok({
    changes: [{ put: "users", row }, ...first.changes],
    happenings: [happened("user.created", row.id, { ...user }), ...first.happenings],
    answer: { user: userView(row), token_id: token.token_id },
  });
}

function update({ id, by, set }: UserCommand & { do: "update" }, facts: UserFacts, now: string): Result<Plan> {
  const { user } = facts;
  if (user === null) return fail("USER_NOT_FOUND", `there is no user ${id}`);
  const fields = changed(user, set);
  const row: UserRow = { ...user, ...fields, updated_at: now };
  if (Object.keys(fields).length === 0) return ok({ changes: [], happenings: [], answer: { user: userView(user) } });
  const kept = keepsOneself(by, { kind: "user", id }, user, row);
  if (!kept.ok) return kept;
  if (fields.manager_id !== undefined) {
    const managed = checkManager(id, row.manager_id, facts);
    if (!managed.ok) return managed;
  }
  const leaves = user.active && !row.active;
  const stands: ReviewerEffect = { do: "reviewer.changed", reviewer_id: id, active: row.active };
  return ok({
    changes: [
      { put: "users", row },
      ...(leaves ? [{ remove: "tokens", principal_kind: "user", principal_id: id } as const] : []),
    ],
    happenings: [happened("user.updated", id, { ...fields, ...(leaves && { tokens_revoked: facts.tokens }) })],
    answer: { user: userView(row) },
    ...((fields.active !== undefined || fields.roles !== undefined) && {
      news: [{ target: `inbox:${id}`, body: stands }],
    }),
  });
}

/** A manager is an active user and, however far up one goes, never the user themselves. */
function checkManager(id: string, managerId: string | null, { managers }: UserFacts): Result<null> {
  if (managerId === null) return ok(null);
  const refused = (issue: string) => invalid({ field: "manager_id", issue, value: managerId });
  if (managerId === id) return refused("must be somebody else");
  const manager = managers.find((each) => each.id === managerId);
  if (manager === undefined) return refused("is not a user");
  if (!manager.active) return refused("is not active");
  return managers.some((each) => each.id === id) ? refused("reports to this user") : ok(null);
}

function happened(action: string, id: string, details: Record<string, unknown>): Happening {
  return { action, subject_type: "user", subject_id: id, details };
}

async function holderOfSubject(db: D1Database, workspace: string, subject: string): Promise<string | null> {
  const row = await db
    .prepare("SELECT id FROM users WHERE workspace = ?1 AND oidc_subject = ?2")
    .bind(workspace, subject)
    .first<{ id: string }>();
  return row?.id ?? null;
}

/** UNION, not UNION ALL: it ends even if there should be a loop. */
const MANAGERS_FROM = `
  WITH RECURSIVE up (id, manager_id, active) AS (
    SELECT id, manager_id, active FROM users WHERE workspace = ?1 AND id = ?2
    UNION
    SELECT above.id, above.manager_id, above.active FROM users above JOIN up ON above.id = up.manager_id
    WHERE above.workspace = ?1
  )
  SELECT id, active FROM up`;

async function managersFrom(db: D1Database, workspace: string, id: string): Promise<UserFacts["managers"]> {
  const { results } = await db.prepare(MANAGERS_FROM).bind(workspace, id).all<{ id: string; active: number }>();
  return results.map((row) => ({ id: row.id, active: row.active === 1 }));
}
