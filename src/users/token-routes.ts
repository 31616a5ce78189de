/** The tokens of a principal: the same routes below /users/{id} and /agents/{id} (02-http-and-auth). */
import { isUuidShaped } from "../actor/ids.ts";
import type { Result } from "../actor/result.ts";
import { ledgerOf } from "../audit/ledger-api.ts";
import { ADMIN } from "../http/access.ts";
import { endpoint, reply, unwrap } from "../http/endpoint.ts";
import type { App } from "../http/endpoint-spec.ts";
import { z } from "../zod.ts";
import { CreateToken, type Token, TokenCreated, TokenList } from "./contract.ts";
import { isPrincipalId, type PrincipalKind } from "./principal-ref.ts";
import { newToken, tokenHash } from "./token-text.ts";
import { type FirstToken, NOT_FOUND, noSuchPrincipal } from "./tokens.ts";

const tokenId = z
  .string()
  .refine(isUuidShaped, "must be a UUID")
  .transform((id) => id.toLowerCase());

/** A new token: its text for the client, and what is kept of it. */
export function mintToken(): { readonly text: string; readonly kept: FirstToken } {
  const text = newToken();
  return { text, kept: { token_id: crypto.randomUUID(), hash: tokenHash(text) } };
}

/** The secret of an answer: never stored, so a replay cannot show it again (02, "Idempotency"). */
export function shownOnce(result: Result<unknown>, token: string): { token: string } | { secret_shown: true } {
  return result.ok && result.replayed ? { secret_shown: true } : { token };
}

export function tokenRoutes(app: App, kind: PrincipalKind): void {
  const path = `/${kind}s/{id}/tokens`;
  const tag = kind === "user" ? "Users" : "Agents";
  const notFound = NOT_FOUND[kind];

  endpoint(
    app,
    {
      method: "get",
      path,
      tag,
      summary: kind === "user" ? "Tokens of a user" : "Tokens of an agent",
      access: { ...ADMIN, fresh: false },
      params: z.strictObject({ id: z.string() }),
      answers: { 200: TokenList },
      errors: [notFound],
    },
    async ({ env, caller, params: { id } }) => {
      if (!isPrincipalId(id)) return unwrap(noSuchPrincipal({ kind, id }));
      const tokens = await tokensOf(env.DB, caller.workspace, kind, id);
      return { status: 200, body: { tokens: tokens ?? unwrap(noSuchPrincipal({ kind, id })) } };
    },
  );

  endpoint(
    app,
    {
      method: "post",
      path,
      tag,
      summary: "Make a token; it is shown once",
      access: ADMIN,
      params: z.strictObject({ id: z.string() }),
      body: CreateToken,
      answers: { 201: TokenCreated },
      errors: [notFound, "INVALID_STATE"],
    },
    async ({ env, caller, params: { id }, body }) => {
      if (!isPrincipalId(id)) return unwrap(noSuchPrincipal({ kind, id }));
      const token = mintToken();
      const result = await ledgerOf(env, caller.workspace).configure(caller, {
        of: "token",
        command: {
          do: "create",
          principal: { kind, id },
          token: token.kept,
          scopes: body.scopes ?? null,
          expires_in_seconds: body.expires_in_seconds ?? null,
        },
      });
      return reply(result, 201, (kept) => ({ ...kept, ...shownOnce(result, token.text) }));
    },
  );

  endpoint(
    app,
    {
      method: "delete",
      path: `${path}/{token_id}`,
      tag,
      summary: "Revoke a token",
      access: ADMIN,
      params: z.strictObject({ id: z.string(), token_id: tokenId }),
      answers: { 204: null },
      errors: [notFound, "TOKEN_NOT_FOUND"],
    },
    async ({ env, caller, params: { id, token_id } }) => {
      if (!isPrincipalId(id)) return unwrap(noSuchPrincipal({ kind, id }));
      const command = { do: "revoke", principal: { kind, id }, token_id } as const;
      unwrap(await ledgerOf(env, caller.workspace).configure(caller, { of: "token", command }));
      return { status: 204 };
    },
  );
}

interface StoredToken {
  readonly token_id: string | null;
  readonly scopes: string | null;
  readonly created_at: string;
  readonly expires_at: string | null;
  readonly last_used_at: string | null;
}

/** Oldest first; null if there is no such principal. */
async function tokensOf(db: D1Database, workspace: string, kind: PrincipalKind, id: string): Promise<Token[] | null> {
  const { results } = await db
    .prepare(
      `SELECT t.token_id, t.scopes, t.created_at, t.expires_at, t.last_used_at FROM ${kind}s p
       LEFT JOIN tokens t ON t.workspace = p.workspace AND t.principal_kind = ?3 AND t.principal_id = p.id
       WHERE p.workspace = ?1 AND p.id = ?2 ORDER BY t.created_at, t.token_id`,
    )
    .bind(workspace, id, kind)
    .all<StoredToken>();
  return results.length === 0 ? null : results.flatMap(tokenView);
}

function tokenView({ token_id, scopes, created_at, expires_at, last_used_at }: StoredToken): Token[] {
  if (token_id === null) return [];
  return [
    {
      token_id,
      ...(scopes !== null && { scopes: JSON.parse(scopes) as string[] }),
      created_at,
      ...(expires_at !== null && { expires_at }),
      ...(last_used_at !== null && { last_used_at }),
    },
  ];
}
