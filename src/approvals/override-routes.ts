/** Overrides over HTTP (03-tasks-and-approvals, "Routes"). */
import type { Access } from "../http/access.ts";
import { endpoint, reply } from "../http/endpoint.ts";
import type { App } from "../http/endpoint-spec.ts";
import { IdParams } from "../http/ids.ts";
import { Task } from "../tasks/task-contract.ts";
import { actor, withETag } from "../tasks/task-replies.ts";
import { z } from "../zod.ts";
import { OverrideInput, OverrideRequested } from "./override-contract.ts";

const tag = "Approvals";
/** Any role: that an author may not is told before that they are no admin. */
const access: Access = { roles: "any", scope: "admin", fresh: true };
const ERRORS = ["TASK_NOT_FOUND", "SELF_APPROVAL", "INVALID_STATE"] as const;

export function overrideRoutes(app: App): void {
  endpoint(
    app,
    {
      method: "post",
      path: "/tasks/{id}/override",
      tag,
      summary: "Ask, as an admin and with an incident ticket, to approve a change without its reviewers",
      description: "Another admin has to confirm. An edit voids it, a quorum makes it moot.",
      access,
      params: IdParams,
      body: OverrideInput,
      answers: { 202: OverrideRequested },
      errors: [...ERRORS, "ALREADY_EXISTS"],
    },
    async (call) => reply(await actor(call).override(call.caller, call.body), 202),
  );

  endpoint(
    app,
    {
      method: "post",
      path: "/tasks/{id}/override/confirm",
      tag,
      summary: "Confirm, as the second admin, an override",
      access,
      params: IdParams,
      body: z.strictObject({}),
      answers: { 200: Task },
      errors: [...ERRORS, "SECOND_APPROVER_REQUIRED"],
    },
    async (call) => withETag(await actor(call).confirmOverride(call.caller), 200),
  );
}
