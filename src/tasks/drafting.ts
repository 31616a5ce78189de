/** The rules from a draft to its review: create, edit, submit, cancel, delete, comment (03, "State machine"). Pure. */
import { type Caller, hasRole, SYSTEM } from "../actor/caller.ts";
import { fail, invalid, ok, type Result } from "../actor/result.ts";
import { timestamp } from "../actor/timestamp.ts";
import { mayHave, openRequests, supersedeOpen } from "../approvals/requests.ts";
import { type Assessment, assignReviewers, type Facts } from "./assess.ts";
import { MAX_CONFIG_BYTES, MetadataInput, TaskConfig } from "./contract.ts";
import { goneEffects, readyEffects } from "./dispatch-api.ts";
import { mergePatch } from "./merge-patch.ts";
import { releaseSaga } from "./saga.ts";
import { sameJson } from "./stable-json.ts";
import { allows, type Comment, type Metadata, type TaskRecord } from "./task.ts";
import { type CreateTask, jsonBytes, type PatchTask, type SubmitTask } from "./task-contract.ts";
import { happened, type Transition, type Turn } from "./transition.ts";

/** What all comments of a task may take together: thousands of short ones. Every answer with the task holds them all. */
export const MAX_COMMENTS_BYTES = 4 * 1024 * 1024;

/** A revision on which nobody has decided yet: nothing of an earlier one counts, neither decisions nor their wishes. */
const UNDECIDED = { requirements: [], decisions: [], auto_approved: false, apply_immediately: false } as const;

/** Authors must be themselves; an admin may file on somebody's behalf, and then both count as authors. */
export function mayFile(caller: Caller, authorId: string): Result<null> {
  if (authorId === caller.who.id || hasRole(caller.who, "admin")) return ok(null);
  return fail("AUTHOR_MISMATCH", "metadata.author_id must be the caller; only an admin files on somebody's behalf");
}

/** Edit, submit, delete, resubmit: the author's own, or an admin's. */
export function mayAuthor({ who }: Caller, task: TaskRecord): Result<null> {
  const own = hasRole(who, "author") && task.metadata.author_id === who.id;
  return own || hasRole(who, "admin") ? ok(null) : fail("FORBIDDEN", "only its author or an admin may do that");
}

export function create(
  id: string,
  input: Pick<CreateTask, "config" | "metadata"> & { readonly resubmitted_from?: string },
  assessment: Assessment,
  facts: Facts,
  { caller, now }: Turn,
): Transition {
  const at = timestamp(now);
  const from = input.resubmitted_from === undefined ? {} : { resubmitted_from: input.resubmitted_from };
  const task: TaskRecord = {
    id,
    state: "DRAFT",
    revision: 1,
    config: input.config,
    metadata: { ...input.metadata, created_at: at, updated_at: at },
    authors: distinct(input.metadata.author_id, caller.who.id),
    author_roles: facts.author_roles,
    ...(caller.who.kind === "agent" && caller.who.id === input.metadata.author_id && { author_kind: "agent" as const }),
    preview: assessment.preview,
    risk: assessment.risk,
    ...UNDECIDED,
    requests: [],
    comments: [],
    attempts: 0,
    ...from,
  };
  const details = { ...summary(task), author_id: task.metadata.author_id, ...from };
  return { task, happenings: [happened(task, "task.created", { to_state: "DRAFT", details })], effects: [] };
}

/** The config and metadata after a merge patch (RFC 7396), validated anew; null if the patch changes nothing. */
export function patched(task: TaskRecord, patch: PatchTask): Result<Pick<TaskRecord, "config" | "metadata"> | null> {
  const config = TaskConfig.safeParse(mergePatch(task.config, patch.config ?? {}));
  if (!config.success) return invalidPatch("config", config.error.issues);
  if (jsonBytes(config.data) > MAX_CONFIG_BYTES) {
    return invalidPatch("config", [{ path: [], message: `must be at most ${MAX_CONFIG_BYTES} bytes of JSON` }]);
  }
  const metadata = MetadataInput.safeParse(mergePatch(editable(task.metadata), patch.metadata ?? {}));
  if (!metadata.success) return invalidPatch("metadata", metadata.error.issues);
  if (metadata.data.author_id !== task.metadata.author_id) {
    return invalidPatch("metadata", [{ path: ["author_id"], message: "cannot be changed" }]);
  }
  const unchanged = sameJson(config.data, task.config) && sameJson(metadata.data, editable(task.metadata));
  if (unchanged) return ok(null);
  const { created_at, updated_at, submitted_at, approved_at, completed_at } = task.metadata;
  return ok({
    config: config.data,
    metadata: {
      ...metadata.data,
      created_at,
      updated_at,
      ...(submitted_at !== undefined && { submitted_at }),
      ...(approved_at !== undefined && { approved_at }),
      ...(completed_at !== undefined && { completed_at }),
    },
  });
}

/** An edit of a draft, or of a change under review: then everything is anew and no old decision counts. */
export function edit(
  before: TaskRecord,
  next: Pick<TaskRecord, "config" | "metadata">,
  assessment: Assessment,
  facts: Facts,
  turn: Turn,
): Result<Transition> {
  const allowed = allows(before, "edit");
  if (!allowed.ok) return allowed;
  const edited: TaskRecord = {
    ...before,
    ...next,
    ...UNDECIDED,
    metadata: { ...next.metadata, updated_at: timestamp(turn.now) },
    revision: before.revision + 1,
    authors: distinct(...before.authors, turn.caller.who.id),
    preview: assessment.preview,
    risk: assessment.risk,
  };
  const details = { ...summary(edited), changed: changedFields(before, edited) };
  const updated = happened(edited, "task.updated", { from_state: before.state, to_state: before.state, details });
  if (before.state === "DRAFT") return ok({ task: edited, happenings: [updated], effects: [] });
  const preview = checkPreview(edited, { force: false, skip_preview: false }, turn.caller);
  if (!preview.ok) return preview;
  const closed = supersedeOpen(before, "SUPERSEDED");
  const review = startReview({ ...edited, requests: closed.requests }, assessment, facts, [], turn);
  if (!review.ok) return review;
  const { task, happenings, effects } = review.value;
  return ok({
    task,
    happenings: [...closed.happenings, updated, ...happenings],
    effects: [...closed.effects, ...effects],
  });
}

/** Submit: in one commit over SUBMITTED to REVIEWING, or to APPROVED when the policies say that nobody need look. */
export function submit(
  before: TaskRecord,
  input: SubmitTask,
  assessment: Assessment,
  facts: Facts,
  turn: Turn,
): Result<Transition> {
  const allowed = allows(before, "submit");
  if (!allowed.ok) return allowed;
  const again = before.metadata.submitted_at !== undefined;
  const at = timestamp(turn.now);
  const task: TaskRecord = {
    ...before,
    ...UNDECIDED,
    revision: before.revision + (again ? 1 : 0),
    metadata: { ...before.metadata, submitted_at: at, updated_at: at },
    preview: assessment.preview,
    risk: assessment.risk,
  };
  const preview = checkPreview(task, input, turn.caller);
  if (!preview.ok) return preview;
  const submitted = happened(task, "task.submitted", {
    from_state: "DRAFT",
    to_state: "SUBMITTED",
    details: {
      ...summary(task),
      ...(input.force && { forced: true }),
      ...(input.skip_preview && { skip_preview: true }),
    },
  });
  const next = assessment.auto.approvable
    ? ok(autoApprove(task, assessment, turn.now))
    : startReview({ ...task, state: "SUBMITTED" }, assessment, facts, input.requested_reviewers, turn);
  if (!next.ok) return next;
  return ok({ ...next.value, happenings: [submitted, ...next.value.happenings] });
}

/** The requirements and requests of the revision as it stands. Also for a change that drifted under its locks. */
export function startReview(
  from: TaskRecord,
  assessment: Assessment,
  facts: Facts,
  requested: readonly string[],
  turn: Turn,
): Result<Transition> {
  const { config, authors } = from;
  const assignable = { config, tags: from.metadata.tags, authors, requested_reviewers: requested };
  const assigned = assignReviewers(assessment, facts, assignable, turn.now);
  if (!assigned.ok) return assigned;
  const { requirements, asked } = assigned.value;
  const { approved_at: _, ...metadata } = from.metadata;
  const task: TaskRecord = {
    ...from,
    ...UNDECIDED,
    state: "REVIEWING",
    metadata,
    requirements,
  };
  const opened = openRequests(task, asked, turn.mint, turn.now, facts.backlog_limit);
  const fits = mayHave(opened.requests);
  if (!fits.ok) return fits;
  const entered = from.state === "SUBMITTED" ? [reviewing(task)] : [];
  return ok({
    task: { ...task, requests: opened.requests },
    happenings: [...entered, ...opened.happenings],
    effects: opened.effects,
  });
}

function reviewing(task: TaskRecord) {
  return happened(task, "task.reviewing", {
    from_state: "SUBMITTED",
    to_state: "REVIEWING",
    details: {
      revision: task.revision,
      requirements: task.requirements.map(({ policy_id, min_approvers, required_roles }) => ({
        policy_id,
        min_approvers,
        required_roles,
      })),
    },
  });
}

function autoApprove(from: TaskRecord, { auto, matched }: Assessment, now: number): Transition {
  const task: TaskRecord = {
    ...from,
    state: "APPROVED",
    metadata: { ...from.metadata, approved_at: timestamp(now) },
    auto_approved: true,
  };
  const approved = happened(task, "task.auto_approved", {
    from_state: "SUBMITTED",
    to_state: "APPROVED",
    who: SYSTEM,
    details: { revision: task.revision, policies: matched.map(({ id }) => id), reasons: auto.reasons },
  });
  return { task, happenings: [approved], effects: readyEffects(task) };
}

export function cancel(before: TaskRecord, reason: string | undefined, { caller, now }: Turn): Result<Transition> {
  const { who } = caller;
  const own = hasRole(who, "author") && before.metadata.author_id === who.id;
  if (!own && !hasRole(who, "admin") && !hasRole(who, "system")) {
    return fail("FORBIDDEN", "only its author, an admin or a system principal may cancel a task");
  }
  const allowed = allows(before, "cancel");
  if (!allowed.ok) return allowed;
  const closed = supersedeOpen(before, "CANCELLED");
  const { saga, retry_at: _, ...rest } = before;
  const at = timestamp(now);
  const task: TaskRecord = {
    ...rest,
    state: "CANCELLED",
    requests: closed.requests,
    metadata: { ...before.metadata, updated_at: at, completed_at: at },
  };
  const cancelled = happened(task, "task.cancelled", {
    from_state: before.state,
    to_state: "CANCELLED",
    ...(reason !== undefined && { why: { reason } }),
    details: { revision: task.revision },
  });
  return ok({
    task,
    happenings: [...closed.happenings, cancelled],
    effects: [
      ...closed.effects,
      ...(saga === undefined ? [] : releaseSaga(task, saga)),
      ...(before.state === "APPROVED" ? goneEffects(task) : []),
    ],
  });
}

/** A draft may vanish; its chain ends with task.deleted and stays. */
export function remove(before: TaskRecord, { caller }: Turn): Result<Transition> {
  const may = mayAuthor(caller, before);
  if (!may.ok) return may;
  const allowed = allows(before, "delete");
  if (!allowed.ok) return allowed;
  const task: TaskRecord = { ...before, deleted: true };
  const deleted = happened(task, "task.deleted", { from_state: "DRAFT", details: { revision: task.revision } });
  return ok({ task, happenings: [deleted], effects: [] });
}

export function comment(before: TaskRecord, body: string, turn: Turn): Result<Transition & { comment: Comment }> {
  const allowed = allows(before, "comment");
  if (!allowed.ok) return allowed;
  const made: Comment = { id: turn.mint(), author_id: turn.caller.who.id, body, created_at: timestamp(turn.now) };
  const task: TaskRecord = { ...before, comments: [...before.comments, made] };
  if (jsonBytes(task.comments) > MAX_COMMENTS_BYTES) {
    return fail("PAYLOAD_TOO_LARGE", `the comments of a task may take ${MAX_COMMENTS_BYTES} bytes of JSON together`);
  }
  const details = { comment_id: made.id };
  return ok({ task, happenings: [happened(task, "task.commented", { details })], effects: [], comment: made });
}

/** Errors of a preview stop a submission unless an admin forces it through. */
function checkPreview(
  task: TaskRecord,
  { force, skip_preview }: Pick<SubmitTask, "force" | "skip_preview">,
  caller: Caller,
): Result<null> {
  if ((force || skip_preview) && !hasRole(caller.who, "admin")) {
    return fail("FORBIDDEN", "only an admin may force a submission or skip its preview");
  }
  if (task.preview.valid || force || skip_preview) return ok(null);
  return fail("PREVIEW_INVALID", "the preview has errors", { errors: task.preview.errors });
}

/** What the trail says of a revision: enough to know what was approved, never a parameter's value. */
function summary({ config, revision, risk }: TaskRecord): Record<string, unknown> {
  return {
    revision,
    type: config.type,
    resources: config.resources.map(({ type, namespace, id, actions }) => ({
      type,
      id,
      ...(namespace !== undefined && { namespace }),
      actions,
    })),
    risk_score: risk.score,
    risk_level: risk.level,
  };
}

function changedFields(before: TaskRecord, after: TaskRecord): string[] {
  const fields = (part: "config" | "metadata") =>
    [...new Set([...Object.keys(before[part]), ...Object.keys(after[part])])]
      .filter((field) => field !== "updated_at" && !sameJson(fieldOf(before[part], field), fieldOf(after[part], field)))
      .map((field) => `${part}.${field}`);
  return [...fields("config"), ...fields("metadata")].sort();
}

function fieldOf(part: object, field: string): unknown {
  return (part as Record<string, unknown>)[field] ?? null;
}

/** What a client may give of the metadata: without the times, which are ours. */
export function editable({
  created_at: _c,
  updated_at: _u,
  submitted_at: _s,
  approved_at: _a,
  completed_at: _d,
  ...input
}: Metadata) {
  return input;
}

function invalidPatch(
  part: "config" | "metadata",
  issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[],
): Result<never> {
  return invalid(
    ...issues.map(({ path, message }) => ({ field: [part, ...path].map(String).join("."), issue: message })),
  );
}

export function distinct(...ids: readonly string[]): string[] {
  return [...new Set(ids)];
}
