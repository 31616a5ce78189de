import { fail } from "../actor/result.ts";
import { endpoint, reply, unwrap } from "../http/endpoint.ts";
import type { App } from "../http/endpoint-spec.ts";
import { refuseInvalid } from "../http/failure.ts";
import { approvalId, Id, IdParams } from "../http/ids.ts";
import { DEFAULT_LIMIT } from "../http/pagination.ts";
import { PageQuery, Pagination, queryList } from "../http/validation.ts";
import { Preview, Risk, RiskLevel, TaskState } from "../tasks/contract.ts";
import { taskAt } from "../tasks/task-api.ts";
import { RespondInput } from "../tasks/task-contract.ts";
import { Slug } from "../wire.ts";
import { z } from "../zod.ts";
import { ApprovalRequest, ApprovalStatus } from "./contract.ts";
import { inboxOf } from "./inbox-api.ts";
import { namedBy, readNominees } from "./nominees.ts";

const tag = "Approvals";

const TaskGlance = z.lazy(() =>
  z.strictObject({
    id: z.uuid(),
    type: z.string(),
    description: z.string(),
    author_id: z.string(),
    risk_score: z.number(),
    risk_level: RiskLevel,
  }),
);

const Inbox = z.lazy(() =>
  z.strictObject({
    approvals: z.array(z.strictObject({ ...ApprovalRequest.unwrap().shape, task: TaskGlance })),
    pagination: Pagination,
  }),
);

const ApprovalDetail = z.lazy(() =>
  z
    .strictObject({
      ...ApprovalRequest.unwrap().shape,
      task: z.strictObject({
        id: z.uuid(),
        state: TaskState,
        revision: z.number().int(),
        type: z.string(),
        description: z.string(),
        author_id: z.string(),
      }),
      preview: Preview,
      risk: Risk,
      eligibility: z.strictObject({ can_decide: z.boolean(), why_not: z.string().optional() }),
    })
    .openapi("ApprovalDetail"),
);

const Responded = z.lazy(() =>
  z
    .strictObject({ success: z.literal(true), approval_id: z.uuid(), task_id: z.uuid(), task_state: TaskState })
    .openapi("Responded"),
);

export function approvalRoutes(app: App): void {
  endpoint(
    app,
    {
      method: "get",
      path: "/approvals",
      tag,
      summary: "The caller's inbox: URGENT, HIGH, NORMAL, LOW, then oldest first",
      access: { roles: "any", scope: "approvals:read", needsNoDatabase: true },
      query: z.strictObject({
        ...PageQuery,
        status: queryList(ApprovalStatus).optional(),
        task_id: Id.optional(),
        reviewer_id: Slug.optional(),
      }),
      answers: { 200: Inbox },
    },
    async ({ env, caller, query }) => {
      const reviewer = query.reviewer_id ?? caller.who.id;
      if (reviewer !== caller.who.id && !caller.who.roles.includes("admin")) {
        unwrap(fail("FORBIDDEN", "only an admin looks into somebody else's inbox"));
      }
      const limit = query.limit ?? DEFAULT_LIMIT;
      const offset = query.cursor === undefined ? ((query.page ?? 1) - 1) * limit : offsetOf(query.cursor);
      const { approvals, total } = await inboxOf(env, caller.workspace, reviewer).list(`inbox:${reviewer}`, {
        status: query.status ?? ["PENDING"],
        task_id: query.task_id,
        offset,
        limit,
      });
      const has_more = offset + approvals.length < total;
      const pagination = {
        page: Math.floor(offset / limit) + 1,
        limit,
        total,
        has_more,
        ...(has_more && { next_cursor: btoa(`inbox:${offset + limit}`) }),
      };
      return { status: 200, body: { approvals, pagination } };
    },
  );

  endpoint(
    app,
    {
      method: "get",
      path: "/approvals/{id}",
      tag,
      summary: "One request with its change, and whether the caller may decide on it",
      access: { roles: "any", scope: "approvals:read", needsNoDatabase: true },
      params: IdParams,
      answers: { 200: ApprovalDetail },
      errors: ["APPROVAL_NOT_FOUND"],
    },
    async ({ env, caller, params }) => {
      const { address, member } = approvalId(params.id);
      const result = await taskAt(env, caller.workspace, address).approval(caller, member);
      return reply(result, 200, ({ approval, ...rest }) => ({ ...approval, ...rest }));
    },
  );

  endpoint(
    app,
    {
      method: "post",
      path: "/approvals/{id}/respond",
      tag,
      summary: "Approve, reject, ask for changes, or delegate",
      access: { roles: "any", scope: "approvals:write", fresh: true },
      params: IdParams,
      body: RespondInput,
      answers: { 200: Responded },
      errors: [
        "APPROVAL_NOT_FOUND",
        "SELF_APPROVAL",
        "APPROVAL_ALREADY_RESOLVED",
        "REVISION_CONFLICT",
        "INVALID_STATE",
        "REVIEWER_NOT_ELIGIBLE",
        "QUORUM_IMPOSSIBLE",
      ],
    },
    async ({ env, caller, params, body }) => {
      const { address, member } = approvalId(params.id);
      const nominees = await readNominees(env.DB, caller.workspace, namedBy(body));
      return reply(await taskAt(env, caller.workspace, address).respond(caller, member, body, nominees), 200);
    },
  );
}

/** An inbox changes under its reader all the time; a cursor is only where the next page begins. */
function offsetOf(cursor: string): number {
  let text = "";
  try {
    text = atob(cursor);
  } catch {
    // told below
  }
  const offset = /^inbox:([0-9]{1,7})$/.exec(text)?.[1];
  if (offset !== undefined) return Number(offset);
  return refuseInvalid({ field: "cursor", issue: "is not a cursor of this list" });
}
