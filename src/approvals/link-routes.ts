import { endpoint, reply } from "../http/endpoint.ts";
import type { App } from "../http/endpoint-spec.ts";
import { refuse } from "../http/failure.ts";
import { approvalId, IdParams } from "../http/ids.ts";
import { taskAt } from "../tasks/task-api.ts";
import { LinksCreated, LinksInput } from "./link-contract.ts";
import { linkToken } from "./link-token.ts";

export function linkRoutes(app: App): void {
  endpoint(
    app,
    {
      method: "post",
      path: "/approvals/{id}/links",
      tag: "Approvals",
      summary: "A link with which the caller decides on this request once, without a token",
      description:
        "For oneself only: the link decides as whoever asked for it, under the rules and with the roles of the moment when it is used.",
      access: { roles: "any", scope: "approvals:write", fresh: true },
      params: IdParams,
      body: LinksInput,
      answers: { 201: LinksCreated },
      errors: [
        "APPROVAL_NOT_FOUND",
        "SELF_APPROVAL",
        "APPROVAL_ALREADY_RESOLVED",
        "BATCH_IN_PROGRESS",
        "INVALID_STATE",
      ],
    },
    async ({ env, caller, params, body, origin }) => {
      const root = env.ROOT_TOKEN ?? refuse("UNAVAILABLE", "set the secret ROOT_TOKEN");
      const { address, member } = approvalId(params.id);
      const link = {
        workspace: caller.workspace,
        approval_id: params.id,
        reviewer_id: caller.who.id,
        expires_at: Math.floor(Date.now() / 1000) + body.expires_in_seconds,
        token_id: crypto.randomUUID(),
      };
      const result = await taskAt(env, caller.workspace, address).offerLink(caller, member, link);
      const replayed = result.ok && result.replayed === true;
      return reply(result, 201, (kept) => ({
        ...kept,
        ...(replayed ? { secret_shown: true } : { links: { review: `${origin()}/links/${linkToken(root, link)}` } }),
      }));
    },
  );
}
