/** Tasks in every state, made by the rules themselves, for tests. */
import type { Caller } from "../actor/caller.ts";
import { freshTaskAddress, idOf } from "../actor/ids.ts";
import type { Result } from "../actor/result.ts";
import { timestamp } from "../actor/timestamp.ts";
import type { Reviewer } from "../approvals/assignment.ts";
import { respond } from "../approvals/decide.ts";
import type { Lease } from "../locks/contract.ts";
import { assess, type Facts } from "./assess.ts";
import { type ResourceRef, TaskConfig } from "./contract.ts";
import { create, edit, patched, submit } from "./drafting.ts";
import { beginExecution } from "./executing.ts";
import { beginSaga, LEASE_MS, stepsOf } from "./saga.ts";
import type { Request, Saga, TaskRecord } from "./task.ts";
import { type PatchTask, RespondInput, SubmitTask } from "./task-contract.ts";
import type { Effect, Transition, Turn } from "./transition.ts";

/** When everything happens unless told otherwise (ms). */
export const T0 = Date.UTC(2026, 10, 20, 12);

const ADDRESS = freshTaskAddress(T0, new Uint8Array(5));
export const TASK_ID = idOf(ADDRESS);
export const ORDERS = "database:prod/orders";
export const API = "service:prod/api";

export function person(id: string, ...roles: string[]): Caller {
  const who = { id, kind: "user", roles } as const;
  return { workspace: "default", who, name: `Name of ${id}`, where: { service: "test" }, request_id: "r" };
}

export function agent(id: string): Caller {
  const who = { id, kind: "agent", roles: ["system"] } as const;
  return { workspace: "default", who, name: id, where: { service: "test" }, request_id: "r" };
}

export const alice = person("alice", "author");
export const adm = person("adm", "admin");
export const ann = person("ann", "reviewer");
export const bob = person("bob", "reviewer");
export const bot = agent("bot");

/** Ids of the task's members, in order, from `first` on. */
export function minter(first = 1): () => string {
  let member = first;
  return () => idOf(ADDRESS, member++);
}

const mint = minter();

export function turn(caller: Caller, now = T0): Turn {
  return { caller, now, mint };
}

export function reviewer(id: string, ...roles: string[]): Reviewer {
  return { id, name: `Name of ${id}`, roles: ["reviewer", ...roles], pending: 0 };
}

/** A world where nothing was applied yet, without policies: two of ann, bob and cid have to approve what is HIGH. */
export function world(given: Partial<Facts> = {}): Facts {
  return {
    preview: { resources: {}, dependents: {}, active: {} },
    criticality: {},
    history: { failed: 0, total: 0 },
    policies: [],
    reviewers: [reviewer("ann"), reviewer("bob"), reviewer("cid")],
    delegations: [],
    author_roles: ["author"],
    author_id: "alice",
    backlog_limit: 100,
    ...given,
  };
}

/** What was last applied to the database of `change`. */
export function orders(attributes: Record<string, unknown>, revision = 1): Facts["preview"] {
  return { resources: { [ORDERS]: { attributes, revision } }, dependents: {}, active: {} };
}

export function resource(
  type: ResourceRef["type"],
  id: string,
  ...actions: ResourceRef["actions"]
): Partial<ResourceRef> {
  return { type, id, namespace: "prod", actions };
}

/** A HIGH change: it writes the database `orders` and reads the service `api`. */
export function change(given: Record<string, unknown> = {}): TaskConfig {
  return TaskConfig.parse({
    type: "db.resize",
    description: "Make orders larger.",
    resources: [resource("database", "orders", "write"), resource("service", "api", "read")],
    parameters: { size: 2 },
    ...given,
  });
}

export interface Situation {
  readonly config?: Record<string, unknown>;
  readonly facts?: Partial<Facts>;
  readonly caller?: Caller;
  readonly metadata?: { readonly ticket_ref?: string; readonly team?: string; readonly tags?: string[] };
}

/** What a rule gave, or a test that fails with what it refused. */
export function done<T>(result: Result<T | null>): T {
  if (!result.ok) throw new Error(`${result.error.code}: ${result.error.message}`);
  if (result.value === null) throw new Error("nothing was decided");
  return result.value;
}

export function codeOf(result: Result<unknown>): string {
  return result.ok ? "ok" : result.error.code;
}

export function drafting({ config, facts, caller = alice, metadata = {} }: Situation = {}): Transition {
  const known = world(facts);
  const input = {
    config: change(config),
    metadata: { author_id: "alice", author_name: "Alice", tags: [], ...metadata },
  };
  return create(TASK_ID, input, assess(input.config, known, T0), known, turn(caller));
}

export function draft(situation: Situation = {}): TaskRecord {
  return drafting(situation).task;
}

/** What is submitted as things stand. */
export function submitting(
  task: TaskRecord,
  { facts, caller = alice }: Situation = {},
  input: Partial<SubmitTask> = {},
  now = T0,
): Result<Transition> {
  const known = world(facts);
  return submit(task, SubmitTask.parse(input), assess(task.config, known, now), known, turn(caller, now));
}

/** An edit as things stand; null if it changes nothing. */
export function editing(
  task: TaskRecord,
  patch: PatchTask,
  { facts, caller = alice }: Situation = {},
  now = T0,
): Result<Transition | null> {
  const next = patched(task, patch);
  if (!next.ok || next.value === null) return next.ok ? { ok: true, value: null } : next;
  const known = world(facts);
  return edit(task, next.value, assess(next.value.config, known, now), known, turn(caller, now));
}

export function reviewing(situation: Situation = {}): TaskRecord {
  return done(submitting(draft(situation), situation)).task;
}

/** The open request of a reviewer, or their last one. */
export function requestOf(task: TaskRecord, reviewer_id: string): Request {
  const theirs = task.requests.filter((request) => request.reviewer_id === reviewer_id);
  const found = theirs.find(({ status }) => status === "PENDING") ?? theirs.at(-1);
  if (found === undefined) throw new Error(`${reviewer_id} was not asked`);
  return found;
}

/** Somebody's answer to their own request, or to that of `of`. */
export function answering(
  task: TaskRecord,
  caller: Caller,
  input: Record<string, unknown> = { action: "approve" },
  of = caller.who.id,
  now = T0,
): Result<Transition> {
  return respond(task, requestOf(task, of).id, RespondInput.parse(input), turn(caller, now));
}

export function approved(situation: Situation = {}): TaskRecord {
  return done(answering(done(answering(reviewing(situation), ann)).task, bob)).task;
}

export function rejected(): TaskRecord {
  return done(answering(reviewing(), ann, { action: "reject", reason: "no" })).task;
}

/** The leases that a session gets of every lock, with fencing tokens from 7 on. */
export function leasesOf({ id, config }: TaskRecord, agentId = "bot", now = T0): Lease[] {
  return stepsOf(config, agentId).map((step, at): Lease => {
    const resource_id = { agent: agentId, task: id, resource: step.kind === "resource" ? step.key : "" }[step.kind];
    return {
      lock_id: idOf(ADDRESS, 1_000 + at),
      resource_type: step.kind,
      resource_id,
      mode: step.kind === "resource" ? step.mode : "exclusive",
      fencing_token: 7 + at,
      expires_at: timestamp(now + LEASE_MS),
    };
  });
}

export function gathering(task: TaskRecord, agentId = "bot", now = T0): { task: TaskRecord; saga: Saga } {
  return done(beginSaga(task, agentId, `nonce of ${agentId} at ${now}`, now));
}

/** All locks are held and nothing drifted. */
export function begun(task: TaskRecord, agentId = "bot", now = T0): Transition {
  const { task: holding, saga } = gathering(task, agentId, now);
  return beginExecution(holding, saga, leasesOf(task, agentId, now), now);
}

export function applying(situation: Situation = {}): TaskRecord {
  return begun(approved(situation)).task;
}

/** `action from>to` of each happening; a state that is not told is left out. */
export function steps({ happenings }: Pick<Transition, "happenings">): string[] {
  return happenings.map(({ action, from_state = "", to_state = "" }) =>
    from_state + to_state === "" ? action : `${action} ${from_state}>${to_state}`,
  );
}

/** Bodies of the effects on one target, in order. */
export function told(effects: readonly Effect[], target: string): unknown[] {
  return effects.filter((effect) => effect.target === target).map(({ body }) => body);
}

/** Who frees something of the session: the targets of its releases, and of what moves a resource on. */
export function freed(effects: readonly Effect[]): string[] {
  return effects
    .filter(({ body }) => ["lock.release", "resource.applied"].includes((body as { do: string }).do))
    .map(({ target }) => target);
}
