/** People: /users, their tokens, and /me (02-http-and-auth, "Users"). */
import { ledgerOf } from "../audit/ledger-api.ts";
import { ADMIN } from "../http/access.ts";
import { endpoint, reply, unwrap } from "../http/endpoint.ts";
import type { App } from "../http/endpoint-spec.ts";
import { condition, paged } from "../http/pagination.ts";
import { PageQuery } from "../http/validation.ts";
import { z } from "../zod.ts";
import { CreateUser, Me, UpdateUser, User, UserCreated, UserList } from "./contract.ts";
import { isPrincipalId, principalRef } from "./principal-ref.ts";
import { findUser, type StoredUser, USER_COLUMNS, userOf, userView } from "./stored-user.ts";
import { mintToken, shownOnce, tokenRoutes } from "./token-routes.ts";
import { noSuchPrincipal } from "./tokens.ts";

const tag = "Users";
const params = z.strictObject({ id: z.string() });

export function userRoutes(app: App): void {
  endpoint(
    app,
    {
      method: "get",
      path: "/me",
      tag,
      summary: "Who calls",
      access: { roles: "any" },
      answers: { 200: Me },
    },
    async ({ principal }) => {
      const { who, scopes, workspace } = principal;
      return { status: 200, body: { id: who.id, kind: who.kind, roles: who.roles, scopes, workspace } };
    },
  );

  endpoint(
    app,
    {
      method: "post",
      path: "/users",
      tag,
      summary: "Add a person, with a first token that is shown once",
      access: ADMIN,
      body: CreateUser,
      answers: { 201: UserCreated },
      errors: ["ALREADY_EXISTS"],
    },
    async ({ env, caller, body }) => {
      const { id, name, email = null, roles, manager_id = null, oidc_subject = null } = body;
      const token = mintToken();
      const result = await ledgerOf(env, caller.workspace).configure(caller, {
        of: "user",
        command: {
          do: "create",
          user: { id, name, email, roles, manager_id, oidc_subject },
          token: token.kept,
        },
      });
      return reply(result, 201, (kept) => ({ ...kept, ...shownOnce(result, token.text) }));
    },
  );

  endpoint(
    app,
    {
      method: "get",
      path: "/users",
      tag,
      summary: "People, by id",
      access: { roles: "any" },
      query: z.strictObject(PageQuery),
      answers: { 200: UserList },
    },
    async ({ env, caller, query }) => {
      const { rows, pagination } = await paged<StoredUser>(
        env.DB,
        {
          select: USER_COLUMNS,
          from: "users",
          where: [condition("workspace = ?", caller.workspace)],
          order: { column: "id", direction: "asc" },
        },
        query,
      );
      return { status: 200, body: { users: rows.map((row) => userView(userOf(row))), pagination } };
    },
  );

  endpoint(
    app,
    {
      method: "get",
      path: "/users/{id}",
      tag,
      summary: "One person",
      access: { roles: "any" },
      params,
      answers: { 200: User },
      errors: ["USER_NOT_FOUND"],
    },
    async ({ env, caller, params: { id } }) => {
      const user = isPrincipalId(id) ? await findUser(env.DB, caller.workspace, id) : null;
      if (user === null) return unwrap(noSuchPrincipal({ kind: "user", id }));
      return { status: 200, body: userView(user) };
    },
  );

  endpoint(
    app,
    {
      method: "patch",
      path: "/users/{id}",
      tag,
      summary: "Change a person",
      description: "`active: false` says that they left: their tokens die.",
      access: ADMIN,
      params,
      body: UpdateUser,
      answers: { 200: User },
      errors: ["USER_NOT_FOUND", "INVALID_STATE"],
    },
    async ({ env, caller, params: { id }, body }) => {
      if (!isPrincipalId(id)) return unwrap(noSuchPrincipal({ kind: "user", id }));
      const result = await ledgerOf(env, caller.workspace).configure(caller, {
        of: "user",
        command: { do: "update", id, by: principalRef(caller.who), set: body },
      });
      return reply(result, 200, ({ user }) => user);
    },
  );

  tokenRoutes(app, "user");
}
