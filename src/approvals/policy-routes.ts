/** Reviewer policies over HTTP (03-tasks-and-approvals, "Routes"). */
import { ledgerOf } from "../audit/ledger-api.ts";
import { type Access, ADMIN } from "../http/access.ts";
import { endpoint, reply } from "../http/endpoint.ts";
import type { App } from "../http/endpoint-spec.ts";
import { refuse, refuseInvalid } from "../http/failure.ts";
import { condition, paged } from "../http/pagination.ts";
import { PageQuery, Pagination } from "../http/validation.ts";
import { Slug } from "../wire.ts";
import { z } from "../zod.ts";
import { freshPolicyId } from "./configure.ts";
import { ReviewerPolicy, ReviewerPolicyInput } from "./contract.ts";
import { POLICY_COLUMNS, policyOf, type StoredPolicy } from "./policies.ts";

const tag = "Policies";
const READ: Access = { roles: "any", scope: "approvals:read" };
const OnePolicy = z.lazy(() => z.strictObject({ id: Slug }));

export function policyRoutes(app: App): void {
  endpoint(
    app,
    {
      method: "get",
      path: "/policies",
      tag,
      summary: "List the reviewer policies",
      description: "Ordered by id, disabled ones too.",
      access: READ,
      query: z.strictObject(PageQuery),
      answers: { 200: z.strictObject({ policies: z.array(ReviewerPolicy), pagination: Pagination }) },
    },
    async ({ caller, env, query }) => {
      const { rows, pagination } = await paged<StoredPolicy>(
        env.DB,
        {
          select: POLICY_COLUMNS,
          from: "policies",
          where: [condition("workspace = ?", caller.workspace)],
          order: { column: "id", direction: "asc" },
        },
        query,
      );
      return { status: 200, body: { policies: rows.map(policyOf), pagination } };
    },
  );

  endpoint(
    app,
    {
      method: "post",
      path: "/policies",
      tag,
      summary: "Create a reviewer policy",
      description: "Without an id it is given one. It holds for tasks that are submitted from now on.",
      access: ADMIN,
      body: ReviewerPolicyInput,
      answers: { 201: ReviewerPolicy },
      errors: ["ALREADY_EXISTS"],
    },
    async ({ caller, env, body: { id = freshPolicyId(), ...policy } }) => {
      const ledger = ledgerOf(env, caller.workspace);
      return reply(await ledger.configure(caller, { of: "policy", command: { do: "create", id, policy } }), 201);
    },
  );

  endpoint(
    app,
    {
      method: "get",
      path: "/policies/{id}",
      tag,
      summary: "Read a reviewer policy",
      access: READ,
      params: OnePolicy,
      answers: { 200: ReviewerPolicy },
      errors: ["POLICY_NOT_FOUND"],
    },
    async ({ caller, env, params: { id } }) => {
      const row = await env.DB.prepare(`SELECT ${POLICY_COLUMNS} FROM policies WHERE workspace = ?1 AND id = ?2`)
        .bind(caller.workspace, id)
        .first<StoredPolicy>();
      if (row === null) return refuse("POLICY_NOT_FOUND", `there is no policy ${id}`);
      return { status: 200, body: policyOf(row) };
    },
  );

  endpoint(
    app,
    {
      method: "put",
      path: "/policies/{id}",
      tag,
      summary: "Replace a reviewer policy",
      description: "What is left out takes its default. Tasks that were submitted before keep what they were asked.",
      access: ADMIN,
      params: OnePolicy,
      body: ReviewerPolicyInput,
      answers: { 200: ReviewerPolicy },
      errors: ["POLICY_NOT_FOUND"],
    },
    async ({ caller, env, params, body: { id = params.id, ...policy } }) => {
      if (id !== params.id) {
        return refuseInvalid({ field: "id", issue: "must be the id in the path, or left out", value: id });
      }
      const ledger = ledgerOf(env, caller.workspace);
      return reply(await ledger.configure(caller, { of: "policy", command: { do: "replace", id, policy } }), 200);
    },
  );

  endpoint(
    app,
    {
      method: "delete",
      path: "/policies/{id}",
      tag,
      summary: "Delete a reviewer policy",
      access: ADMIN,
      params: OnePolicy,
      answers: { 204: null },
      errors: ["POLICY_NOT_FOUND"],
    },
    async ({ caller, env, params: { id } }) => {
      const ledger = ledgerOf(env, caller.workspace);
      return reply(
        await ledger.configure(caller, { of: "policy", command: { do: "delete", id } }),
        204,
        () => undefined,
      );
    },
  );
}
