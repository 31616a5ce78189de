/** Tokens of users and agents (02-http-and-auth, "Users"), as plans of the configuration journal. The text of a token never comes here. */
import type { Happening } from "../actor/journal.ts";
import { fail, ok, type Result } from "../actor/result.ts";
import type { Plan, Planner } from "../audit/plan.ts";
import type { TokenRow } from "../db/configuration.ts";
import type { PrincipalRef } from "./principal-ref.ts";

/** What is kept of a token: `hash` is hex SHA-256 of its text. */
export interface FirstToken {
  readonly token_id: string;
  readonly hash: string;
}

export type TokenCommand =
  | {
      readonly do: "create";
      readonly principal: PrincipalRef;
      readonly token: FirstToken;
      /** null: all that the principal's roles allow */
      readonly scopes: readonly string[] | null;
      /** null: never */
      readonly expires_in_seconds: number | null;
    }
  | { readonly do: "revoke"; readonly principal: PrincipalRef; readonly token_id: string };

/** What D1 knows that a command depends on. */
export interface TokenFacts {
  readonly principal: { readonly active: boolean } | null;
  /** whether the principal has the token to revoke */
  readonly known: boolean;
}

export const tokenPlanner: Planner<TokenCommand, TokenFacts> = {
  async read(db, workspace, command) {
    const { kind, id } = command.principal;
    const [principal, token] = await Promise.all([
      db
        .prepare(`SELECT active FROM ${TABLE_OF[kind]} WHERE workspace = ?1 AND id = ?2`)
        .bind(workspace, id)
        .first<{ active: number }>(),
      command.do === "create"
        ? null
        : db
            .prepare(
              `SELECT token_id FROM tokens
               WHERE workspace = ?1 AND token_id = ?2 AND principal_kind = ?3 AND principal_id = ?4`,
            )
            .bind(workspace, command.token_id, kind, id)
            .first<{ token_id: string }>(),
    ]);
    return { principal: principal === null ? null : { active: principal.active === 1 }, known: token !== null };
  },

  plan(command, facts, now) {
    if (facts.principal === null) return noSuchPrincipal(command.principal);
    return command.do === "create" ? create(command, facts.principal.active, now) : revoke(command, facts.known);
  },
};

const TABLE_OF = { user: "users", agent: "agents" } as const;

/** The code of a principal who is not there. */
export const NOT_FOUND = { user: "USER_NOT_FOUND", agent: "AGENT_NOT_FOUND" } as const;

export function noSuchPrincipal({ kind, id }: PrincipalRef): Result<never> {
  return fail(NOT_FOUND[kind], `there is no ${kind} ${id}`);
}

/** The token that a new principal begins with: never expires, as wide as their roles. */
export function firstToken(
  principal: PrincipalRef,
  token: FirstToken,
  now: string,
): Pick<Plan, "changes" | "happenings"> {
  const row = rowOf(principal, token, null, null, now);
  return { changes: [{ put: "tokens", row }], happenings: [created(row)] };
}

export async function countTokens(db: D1Database, workspace: string, { kind, id }: PrincipalRef): Promise<number> {
  const row = await db
    .prepare("SELECT count(*) AS n FROM tokens WHERE workspace = ?1 AND principal_kind = ?2 AND principal_id = ?3")
    .bind(workspace, kind, id)
    .first<{ n: number }>();
  return row?.n ?? 0;
}

function create(command: TokenCommand & { do: "create" }, active: boolean, now: string): Result<Plan> {
  const { principal, token, scopes, expires_in_seconds } = command;
  if (!active) {
    return fail("INVALID_STATE", `${principal.id} is not active`, { state: "inactive", allowed: [] });
  }
  const expires = expires_in_seconds === null ? null : Date.parse(now) + expires_in_seconds * 1000;
  const row = rowOf(principal, token, scopes, expires === null ? null : new Date(expires).toISOString(), now);
  return ok({
    changes: [{ put: "tokens", row }],
    happenings: [created(row)],
    answer: { token_id: row.token_id, ...limitsOf(row), created_at: now },
  });
}

function revoke({ principal, token_id }: TokenCommand & { do: "revoke" }, known: boolean): Result<Plan> {
  if (!known) return fail("TOKEN_NOT_FOUND", `${principal.id} has no such token`);
  return ok({
    changes: [{ remove: "tokens", token_id }],
    happenings: [{ action: "token.revoked", subject_type: "token", subject_id: token_id, details: { principal } }],
    answer: {},
  });
}

function rowOf(
  principal: PrincipalRef,
  { token_id, hash }: FirstToken,
  scopes: readonly string[] | null,
  expires_at: string | null,
  now: string,
): TokenRow {
  const { kind, id } = principal;
  return { token_id, hash, principal_kind: kind, principal_id: id, scopes, created_at: now, expires_at };
}

function created(row: TokenRow): Happening {
  const principal = { kind: row.principal_kind, id: row.principal_id };
  return {
    action: "token.created",
    subject_type: "token",
    subject_id: row.token_id,
    details: { principal, ...limitsOf(row) },
  };
}

/** How a token is narrowed; what does not narrow it is left out. */
function limitsOf({ scopes, expires_at }: TokenRow): { scopes?: readonly string[]; expires_at?: string } {
  return { ...(scopes !== null && { scopes }), ...(expires_at !== null && { expires_at }) };
}
