/** Delegation policies over HTTP (03-tasks-and-approvals, "Delegation policy"). */
import { ledgerOf } from "../audit/ledger-api.ts";
import type { Access, Principal } from "../http/access.ts";
import { endpoint, reply } from "../http/endpoint.ts";
import type { App } from "../http/endpoint-spec.ts";
import { refuse } from "../http/failure.ts";
import { Slug } from "../wire.ts";
import { z } from "../zod.ts";
import { freshPolicyId } from "./configure.ts";
import { DelegationPolicy, DelegationPolicyInput, DelegationPolicyPatch } from "./delegation-contract.ts";
import { delegationsOf } from "./delegations.ts";

const tag = "Approvals";
const READ: Access = { roles: "any", scope: "approvals:read" };
const WRITE: Access = { roles: "any", scope: "approvals:write", fresh: true };
const OnePolicy = z.lazy(() => z.strictObject({ id: Slug }));

/** Before the routes of `/approvals/{id}`, or their parameter would swallow these. */
export function delegationRoutes(app: App): void {
  endpoint(
    app,
    {
      method: "get",
      path: "/approvals/policies",
      tag,
      summary: "To whom the caller delegates",
      description: "Oldest first, the order in which they are tried. An admin may name another owner.",
      access: READ,
      query: z.strictObject({ owner_id: Slug.optional() }),
      answers: { 200: z.strictObject({ policies: z.array(DelegationPolicy) }) },
    },
    async ({ env, caller, principal, query: { owner_id = caller.who.id } }) => {
      if (owner_id !== caller.who.id && !isAdmin(principal)) {
        return refuse("FORBIDDEN", "only an admin looks at somebody else's delegation policies");
      }
      return { status: 200, body: { policies: await delegationsOf(env.DB, caller.workspace, owner_id) } };
    },
  );

  endpoint(
    app,
    {
      method: "post",
      path: "/approvals/policies",
      tag,
      summary: "Delegate one's requests to somebody",
      description: "It holds for changes whose reviewers are picked from now on.",
      access: WRITE,
      body: DelegationPolicyInput,
      answers: { 201: DelegationPolicy },
      errors: ["ALREADY_EXISTS", "INVALID_STATE"],
    },
    async ({ env, caller, principal, body: { id = freshPolicyId(), owner_id = caller.who.id, ...policy } }) => {
      const command = { do: "create" as const, by: actor(principal), id, policy: { ...policy, owner_id } };
      return reply(await ledgerOf(env, caller.workspace).configure(caller, { of: "delegation", command }), 201);
    },
  );

  endpoint(
    app,
    {
      method: "patch",
      path: "/approvals/policies/{id}",
      tag,
      summary: "Change a delegation policy",
      description: "Conditions are replaced as a whole. Requests that are open already stay where they are.",
      access: WRITE,
      params: OnePolicy,
      body: DelegationPolicyPatch,
      answers: { 200: DelegationPolicy },
      errors: ["POLICY_NOT_FOUND"],
    },
    async ({ env, caller, principal, params: { id }, body: set }) => {
      const command = { do: "update" as const, by: actor(principal), id, set };
      return reply(await ledgerOf(env, caller.workspace).configure(caller, { of: "delegation", command }), 200);
    },
  );

  endpoint(
    app,
    {
      method: "delete",
      path: "/approvals/policies/{id}",
      tag,
      summary: "Delete a delegation policy",
      access: WRITE,
      params: OnePolicy,
      answers: { 204: null },
      errors: ["POLICY_NOT_FOUND"],
    },
    async ({ env, caller, principal, params: { id } }) => {
      const command = { do: "delete" as const, by: actor(principal), id };
      const result = await ledgerOf(env, caller.workspace).configure(caller, { of: "delegation", command });
      return reply(result, 204, () => undefined);
    },
  );
}

function actor(principal: Principal) {
  return { id: principal.who.id, admin: isAdmin(principal) };
}

/** Somebody else's policies take what admins alone may: the role, and a token that was not narrowed to less. */
function isAdmin({ who, scopes }: Principal): boolean {
  return who.roles.includes("admin") && (scopes === null || scopes.includes("admin"));
}
