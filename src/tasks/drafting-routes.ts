import { type Caller, withoutKey } from "../actor/caller.ts";
import { type Address, freshTaskAddress, hashedAddress } from "../actor/ids.ts";
import { endpoint, reply, unwrap } from "../http/endpoint.ts";
import type { App } from "../http/endpoint-spec.ts";
import { refuseInvalid } from "../http/failure.ts";
import { IdParams } from "../http/ids.ts";
import { z } from "../zod.ts";
import { dryRun } from "./dry-run.ts";
import { SimulateTask, Simulation, simulate } from "./simulate.ts";
import { taskAt } from "./task-api.ts";
import { CancelTask, CommentInput, CreateTask, DryRun, PatchTask, SubmitTask, Task } from "./task-contract.ts";
import { actor, withETag } from "./task-replies.ts";

const tag = "Tasks";
const write = { roles: ["author", "admin"], scope: "tasks:write" } as const;

/** From a draft to its review. */
export function draftingRoutes(app: App): void {
  endpoint(
    app,
    {
      method: "post",
      path: "/tasks",
      tag,
      summary: "Draft a change",
      description: "With `dry_run` everything is computed and nothing is stored: 200 instead of 201.",
      access: write,
      body: CreateTask,
      answers: { 201: Task, 200: DryRun },
      errors: ["AUTHOR_MISMATCH", "ALREADY_EXISTS"],
    },
    async ({ env, caller, body }) => {
      if (body.dry_run) return reply(await dryRun(env, caller, body), 200);
      return withETag(await taskAt(env, caller.workspace, newAddress(caller)).create(caller, body), 201);
    },
  );

  endpoint(
    app,
    {
      method: "post",
      path: "/tasks/simulate",
      tag,
      summary: "What would happen to a change, under the stored policies or others; nothing is stored",
      access: { roles: ["author", "reviewer", "admin"], scope: "tasks:read" },
      body: SimulateTask,
      answers: { 200: Simulation },
      errors: ["REVIEWER_NOT_ELIGIBLE"],
    },
    async ({ env, caller, body }) => reply(await simulate(env, caller, body), 200),
  );

  endpoint(
    app,
    {
      method: "patch",
      path: "/tasks/{id}",
      tag,
      summary: "Edit a draft, or a change under review: then everything is decided anew",
      description: "`config` and `metadata` are merge patches (RFC 7396).",
      access: write,
      params: IdParams,
      body: PatchTask,
      headers: { "If-Match": 'the revision that you edit, e.g. "3"' },
      answers: { 200: Task },
      errors: ["TASK_NOT_FOUND", "INVALID_STATE", "PRECONDITION_FAILED", "PREVIEW_INVALID", "NOT_ENOUGH_REVIEWERS"],
    },
    async (call) => withETag(await actor(call).edit(call.caller, call.body, revisionOf(call.header("If-Match"))), 200),
  );

  endpoint(
    app,
    {
      method: "delete",
      path: "/tasks/{id}",
      tag,
      summary: "Delete a draft",
      access: write,
      params: IdParams,
      answers: { 204: null },
      errors: ["TASK_NOT_FOUND", "INVALID_STATE"],
    },
    async (call) => {
      unwrap(await actor(call).remove(call.caller));
      return { status: 204 };
    },
  );

  endpoint(
    app,
    {
      method: "post",
      path: "/tasks/{id}/submit",
      tag,
      summary: "Ask for approval",
      access: write,
      params: IdParams,
      body: SubmitTask,
      answers: { 202: Task },
      errors: ["TASK_NOT_FOUND", "INVALID_STATE", "PREVIEW_INVALID", "NOT_ENOUGH_REVIEWERS", "REVIEWER_NOT_ELIGIBLE"],
    },
    async (call) => withETag(await actor(call).submit(call.caller, call.body), 202),
  );

  endpoint(
    app,
    {
      method: "post",
      path: "/tasks/{id}/cancel",
      tag,
      summary: "Call a change off, unless it is being applied or over",
      access: { roles: ["author", "admin", "system"], scope: "tasks:write" },
      params: IdParams,
      body: CancelTask,
      answers: { 200: Task },
      errors: ["TASK_NOT_FOUND", "INVALID_STATE"],
    },
    async (call) => {
      const result = await actor(call).cancel(call.caller, call.body.reason ?? null);
      return withETag(result, 200);
    },
  );

  endpoint(
    app,
    {
      method: "post",
      path: "/tasks/{id}/resubmit",
      tag,
      summary: "File a rejected change again, as a new draft",
      access: write,
      params: IdParams,
      body: z.strictObject({}),
      answers: { 201: Task },
      errors: ["TASK_NOT_FOUND", "INVALID_STATE", "ALREADY_EXISTS"],
    },
    async (call) => {
      const { env, caller, params } = call;
      const old = actor(call);
      const input = unwrap(await old.resubmission(caller));
      const draft = taskAt(env, caller.workspace, newAddress(caller, params.id));
      const created = await draft.create(caller, { ...input, dry_run: false }, params.id);
      // The key was for the draft; saying it again to the old task changes nothing.
      if (created.ok) unwrap(await old.noteResubmitted(withoutKey(caller), created.value.id));
      return withETag(created, 201);
    },
  );

  endpoint(
    app,
    {
      method: "post",
      path: "/tasks/{id}/comments",
      tag,
      summary: "Say something about a change",
      access: { roles: "any", scope: "tasks:write" },
      params: IdParams,
      body: CommentInput,
      answers: { 201: z.lazy(() => Task.unwrap().shape.comments.element) },
      errors: ["TASK_NOT_FOUND", "INVALID_STATE"],
    },
    async (call) => reply(await actor(call).comment(call.caller, call.body.body), 201),
  );
}

/** Where a new task lives: a replay of the same key, for the same purpose, lands on the same actor (01, "Ids"). */
function newAddress({ workspace, who, idempotency }: Caller, ...purpose: readonly string[]): Address {
  if (idempotency === undefined) return freshTaskAddress(Date.now());
  return hashedAddress("task", workspace, `${who.kind}:${who.id}`, idempotency.key, ...purpose);
}

/** The revision in `If-Match`; null without one, or for `*`. */
function revisionOf(header: string | undefined): number | null {
  if (header === undefined || header.trim() === "*") return null;
  const revision = /^(?:W\/)?"([0-9]{1,9})"$/.exec(header.trim())?.[1];
  if (revision !== undefined) return Number(revision);
  return refuseInvalid({
    field: "If-Match",
    issue: 'must be a revision in quotes, e.g. "3"',
    value: header.slice(0, 200),
  });
}
