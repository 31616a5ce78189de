/** Wire schemas of users, tokens and /me (02-http-and-auth, "Users"). */
import { Role } from "../approvals/contract.ts";
import { SCOPES } from "../http/access.ts";
import { Pagination } from "../http/validation.ts";
import { Slug, Timestamp } from "../wire.ts";
import { z } from "../zod.ts";

/** Each once, in the order given. */
export const Roles = z
  .array(Role)
  .max(50)
  .transform((roles) => [...new Set(roles)]);

/** At least one: an empty list would look like "nothing" and mean "everything". */
const tokenScopes = z
  .array(z.enum(SCOPES))
  .min(1)
  .max(SCOPES.length)
  .transform((scopes) => [...new Set(scopes)]);

const name = z.string().min(1).max(200);
const email = z.email().max(254);

export const CreateUser = z.lazy(() =>
  z
    .strictObject({
      id: Slug,
      name,
      email: email.optional(),
      roles: Roles,
      manager_id: Slug.optional(),
      oidc_subject: z.string().min(1).max(255).optional(),
    })
    .openapi("CreateUser", { example: { id: "ada", name: "Ada Lovelace", roles: ["author", "reviewer", "dba"] } }),
);

/** null takes an email or a manager away. */
export const UpdateUser = z.lazy(() =>
  z
    .strictObject({
      name: name.optional(),
      email: email.nullable().optional(),
      roles: Roles.optional(),
      manager_id: Slug.nullable().optional(),
      active: z.boolean().optional(),
    })
    .openapi("UpdateUser", { example: { roles: ["reviewer"], active: true } }),
);

export const User = z.lazy(() =>
  z
    .strictObject({
      id: z.string(),
      name: z.string(),
      email: z.string().nullable(),
      roles: z.array(z.string()),
      manager_id: z.string().nullable(),
      active: z.boolean(),
      created_at: Timestamp,
      updated_at: Timestamp,
    })
    .openapi("User"),
);
export type User = z.infer<typeof User>;

/** `token` is shown once; a replay under the same Idempotency-Key has `secret_shown` in its place. */
export const ShownOnce = {
  token: z.string().optional().openapi({ description: "the bearer token: shown now and never again" }),
  secret_shown: z.literal(true).optional().openapi({ description: "in place of the token, in a replayed answer" }),
};

export const UserCreated = z.lazy(() =>
  z.strictObject({ user: User, token_id: z.uuid(), ...ShownOnce }).openapi("UserCreated"),
);

export const UserList = z.lazy(() =>
  z.strictObject({ users: z.array(User), pagination: Pagination }).openapi("UserList"),
);

export const CreateToken = z.lazy(() =>
  z
    .strictObject({
      scopes: tokenScopes.optional(),
      expires_in_seconds: z.number().int().min(1).max(31_536_000).optional(),
    })
    .openapi("CreateToken", { example: { scopes: ["tasks:read"], expires_in_seconds: 86_400 } }),
);

const tokenShape = () => ({
  token_id: z.uuid(),
  scopes: z.array(z.string()).optional(),
  created_at: Timestamp,
  expires_at: Timestamp.optional(),
});

export const Token = z.lazy(() =>
  z.strictObject({ ...tokenShape(), last_used_at: Timestamp.optional() }).openapi("Token"),
);
export type Token = z.infer<typeof Token>;

export const TokenCreated = z.lazy(() => z.strictObject({ ...tokenShape(), ...ShownOnce }).openapi("TokenCreated"));

export const TokenList = z.lazy(() => z.strictObject({ tokens: z.array(Token) }).openapi("TokenList"));

export const Me = z.lazy(() =>
  z
    .strictObject({
      id: z.string(),
      kind: z.enum(["user", "agent"]),
      roles: z.array(z.string()),
      scopes: z.array(z.string()).nullable().openapi({ description: "null: all that the roles allow" }),
      workspace: z.string(),
    })
    .openapi("Me"),
);
