/** What admins do to the trail as a whole: rebuild D1, retire old rows (docs/design/rebuild.md, docs/design/retention.md). */
import { ADMIN } from "../http/access.ts";
import { endpoint, reply } from "../http/endpoint.ts";
import type { App } from "../http/endpoint-spec.ts";
import { refuse } from "../http/failure.ts";
import { Id } from "../wire.ts";
import { z } from "../zod.ts";
import { streamOf } from "./export.ts";
import { MEDIA_TYPES } from "./export-format.ts";
import { ledgerOf } from "./ledger-api.ts";
import { ConfirmRetention, PrepareRetention, RebuildBegun, Retention, RetentionState } from "./retention-contract.ts";
import { retentionFile } from "./retention-file.ts";

const tag = "Operations";
const params = z.strictObject({ id: Id });

export function auditAdminRoutes(app: App): void {
  endpoint(
    app,
    {
      method: "post",
      path: "/admin/rebuild",
      tag,
      summary: "Bring everything back into D1 after a loss",
      description:
        "Configuration, audit trail and read models, from what the actors still hold. The tables have to be there. Goes on " +
        "by itself; `rebuild.started`, `rebuild.progress` and `rebuild.completed` in the trail tell how far it is.",
      access: ADMIN,
      answers: { 202: RebuildBegun },
    },
    async ({ env, caller }) => reply(await ledgerOf(env, caller.workspace).rebuildAll(caller), 202),
  );

  endpoint(
    app,
    {
      method: "get",
      path: "/admin/audit/retention",
      tag,
      summary: "The last retention, and the key that signs",
      access: ADMIN,
      answers: { 200: RetentionState },
    },
    async ({ env, caller }) => ({ status: 200, body: await ledgerOf(env, caller.workspace).retentionState() }),
  );

  endpoint(
    app,
    {
      method: "post",
      path: "/admin/audit/retention",
      tag,
      summary: "Prepare to retire old rows of the trail",
      description: "Changes nothing yet. Fetch the file, keep it, then confirm it by its digest.",
      access: ADMIN,
      body: PrepareRetention,
      answers: { 201: Retention },
      errors: ["INVALID_STATE"],
    },
    async ({ env, caller, body }) =>
      reply(await ledgerOf(env, caller.workspace).prepareRetention(caller, body.before), 201),
  );

  endpoint(
    app,
    {
      method: "get",
      path: "/admin/audit/retention/{id}/file",
      tag,
      summary: "The rows to retire, with a signed last line",
      description: "NDJSON. A file without its last line is not whole. May be fetched again until it is confirmed.",
      access: ADMIN,
      params,
      answers: { 200: z.string() },
      streams: ["application/x-ndjson"],
      errors: ["NOT_FOUND", "INVALID_STATE"],
    },
    async ({ env, caller, params: { id } }) => {
      const { retention } = await ledgerOf(env, caller.workspace).retentionState();
      if (retention?.id !== id) return refuse("NOT_FOUND", "there is no such retention");
      if (retention.status === "forgetting" || retention.status === "done") {
        refuse("INVALID_STATE", "its rows are gone", { state: retention.status, allowed: ["prepared", "sealed"] });
      }
      const headers = {
        "Content-Type": MEDIA_TYPES.ndjson,
        "Content-Disposition": `attachment; filename="audit-${caller.workspace}-before-${retention.before.slice(0, 10)}.ndjson"`,
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
      };
      return { status: 200, headers, body: streamOf(retentionFile(env, caller.workspace, retention)) };
    },
  );

  endpoint(
    app,
    {
      method: "post",
      path: "/admin/audit/retention/{id}/confirm",
      tag,
      summary: "Confirm that the file was received; its rows are deleted from then on",
      access: ADMIN,
      params,
      body: ConfirmRetention,
      answers: { 202: Retention },
      errors: ["NOT_FOUND", "INVALID_STATE"],
    },
    async ({ env, caller, params: { id }, body }) =>
      reply(await ledgerOf(env, caller.workspace).confirmRetention(caller, id, body.sha256), 202),
  );
}
